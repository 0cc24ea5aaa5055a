//! An envelope as the JSON that Slack takes.

use serde_json::{Map, Value, json};

use super::{
    blocks::{self, Blocks, colour, priority_note},
    config::{Layout, Road, SlackConfig},
    form::{Form, Shape},
    text,
};
use crate::{
    contract::{Envelope, Message, Priority, SendError},
    render,
};

/// The payload of a webhook or of `chat.postMessage`.
///
/// # Errors
///
/// An invalid message where it says nothing, mentions what is no id, or `raw.slack` is no object.
pub(super) fn message(
    envelope: &Envelope,
    channel: Option<&str>,
    road: &Road,
    config: &SlackConfig,
    form: Form<'_>,
) -> Result<Map<String, Value>, SendError> {
    let message = &*envelope.message;
    let is_api = matches!(road, Road::WebApi(..));
    let raw = raw(message)?;
    let mut payload = json!({
        "mrkdwn": true,
        "parse": "none",
        "link_names": false,
        "unfurl_links": config.unfurl_links,
        "unfurl_media": config.unfurl_media,
    });
    content(&mut payload, message, config, form, is_api)?;
    if payload["text"] == "" && raw.is_none() {
        return Err(SendError::invalid_message("the message is empty: give it a title or a body"));
    }
    for (key, value) in [("username", &config.username), ("icon_emoji", &config.icon_emoji), ("icon_url", &config.icon_url)] {
        if let Some(value) = value {
            payload[key] = value.as_str().into();
        }
    }
    if let Some(channel) = channel {
        payload["channel"] = channel.into();
    }
    if is_api {
        payload["metadata"] = json!({"event_type": "notification", "event_payload": {"id": envelope.id.to_string()}});
    }
    if let Some(thread) = form.thread {
        payload["thread_ts"] = thread.into();
        if config.reply_broadcast {
            payload["reply_broadcast"] = true.into();
        }
    }
    let Value::Object(mut payload) = payload else { return Ok(Map::new()) };
    for (key, value) in raw.into_iter().flatten().filter(|(key, _)| form.allows(key)) {
        payload.insert(key.clone(), value.clone());
    }
    if payload.contains_key("markdown_text") {
        // It is the whole message, and Slack refuses it beside these.
        payload.retain(|key, _| !matches!(key.as_str(), "text" | "blocks"));
    }
    Ok(payload)
}

fn content(payload: &mut Value, message: &Message, config: &SlackConfig, form: Form<'_>, is_api: bool) -> Result<(), SendError> {
    let mentions = text::mentions(message)?;
    let blocks = match form.shape {
        Shape::Markdown => blocks::blocks(message, &mentions, is_api, true),
        Shape::Mrkdwn => blocks::blocks(message, &mentions, is_api, false),
        Shape::Text | Shape::ShortText => None,
    };
    let limit = if form.shape == Shape::ShortText { text::FALLBACK } else { text::TEXT };
    let whole = || text::whole(message, &mentions, is_api, limit);
    let Some(blocks) = blocks.filter(|blocks| !(blocks.lead.is_empty() && blocks.rest.is_empty())) else {
        payload["text"] = whole().into();
        return Ok(());
    };
    let fallback = text::fallback(message);
    payload["text"] = if fallback.is_empty() { whole() } else { fallback }.into();
    let is_coloured = config.layout == Layout::Attachment || message.priority != Priority::Normal;
    if is_coloured {
        beside_bar(payload, blocks, message.priority);
    } else {
        payload["blocks"] = [blocks.lead, blocks.rest].concat().into();
    }
    Ok(())
}

/// A colour bar exists only beside an attachment. Something has to stand above it, or Slack shows the fallback there.
fn beside_bar(payload: &mut Value, Blocks { mut lead, mut rest }: Blocks, priority: Priority) {
    if rest.is_empty() {
        std::mem::swap(&mut lead, &mut rest);
    }
    if lead.is_empty() {
        lead.push(priority_note(priority));
    }
    payload["blocks"] = lead.into();
    payload["attachments"] = json!([{"color": colour(priority), "blocks": rest}]);
}

/// The flat object a workflow trigger takes: its declared variables, all as text.
///
/// # Errors
///
/// An invalid message where `raw.slack` is no object.
pub(super) fn workflow(message: &Message, variables: &[String]) -> Result<Map<String, Value>, SendError> {
    let mut payload = Map::new();
    for variable in variables {
        payload.insert(variable.clone(), variable_of(message, variable).into());
    }
    for (key, value) in raw(message)?.into_iter().flatten() {
        payload.insert(key.clone(), value.clone());
    }
    Ok(payload)
}

fn variable_of(message: &Message, variable: &str) -> String {
    let extras = message.extras();
    if let Some(field) = extras.fields.iter().find(|field| field.name == variable) {
        return field.value.clone();
    }
    match variable {
        "title" => text::title(message).unwrap_or_default(),
        "text" => render::plain(message.format, &message.body).into_owned(),
        "url" => extras.click_url.clone().unwrap_or_default(),
        "priority" => match message.priority {
            Priority::Low => "low",
            Priority::Normal => "normal",
            Priority::High => "high",
            Priority::Urgent => "urgent",
        }
        .to_owned(),
        _ => String::new(),
    }
}

fn raw(message: &Message) -> Result<Option<&Map<String, Value>>, SendError> {
    let Some(raw) = message.raw_for("slack") else { return Ok(None) };
    raw.as_object().map(Some).ok_or_else(|| SendError::invalid_message("`raw.slack` must be an object of Slack's own keys"))
}

/// Whether `raw.slack` has a member of that name.
pub(super) fn has_raw(message: &Message, key: &str) -> bool {
    message.raw_for("slack").is_some_and(|raw| raw.get(key).is_some())
}

/// A thread key that is itself a `ts` (`1700000000.000200`).
pub(super) fn thread_ts(message: &Message) -> Option<&str> {
    let key = message.extras().thread_key.as_deref()?;
    let (seconds, micros) = key.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits(seconds) && digits(micros) && micros.len() == 6).then_some(key)
}
