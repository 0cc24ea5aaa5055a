//! A message as the JSON and the files that Discord takes.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};

use super::{
    config::DiscordConfig,
    embeds::{chars, embeds, title},
    mentions::Pings,
    road::Place,
};
use crate::{
    contract::{Action, Attachment, AttachmentContent, Envelope, EnvelopeId, Message, Priority, SendError, TextLimit},
    http::multipart::Part,
    render::{
        self, escape,
        limit::{self, Markup},
        markdown::link_target,
    },
};

/// <https://docs.discord.com/developers/resources/webhook#execute-webhook>
pub(super) const CONTENT: TextLimit = chars(2_000);
const LABEL: TextLimit = chars(80);
const BUTTON_URL_CHARS_MAX: usize = 512;
const ROW_BUTTONS_MAX: usize = 5;
const ROWS_MAX: usize = 5;
const FILES_MAX: usize = 10;
/// Of a whole request; how large one file may be depends on the server, so that is left to Discord.
const FILES_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Message flag: no previews of links. It hides all embeds, so it is for messages without any.
const SUPPRESS_EMBEDS: u64 = 1 << 2;
/// Message flag: no push sound.
const SILENT: u64 = 1 << 12;
/// Message flag: everything is in the components, and nothing else may be there.
const COMPONENTS_ONLY: u64 = 1 << 15;

/// The payload of a message for `place`.
///
/// # Errors
///
/// An invalid message where it says nothing, mentions what is no id, has too many or too large files, or `raw.discord` is
/// no object.
pub(super) fn payload(envelope: &Envelope, config: &DiscordConfig, place: Place<'_>) -> Result<Map<String, Value>, SendError> {
    let message = &*envelope.message;
    let pings = Pings::of(&message.extras().mentions, &config.mentions_allowed)?;
    let raw = raw(message)?;
    let mut payload = Map::new();
    let (buttons, links) = buttons(message);
    content(&mut payload, message, &pings, &links);
    if !buttons.is_empty() {
        payload.insert("components".into(), rows(&buttons));
    }
    let files: Vec<Value> = files(message).enumerate().map(|(id, (file, _))| json!({"id": id, "filename": file.name})).collect();
    if files.len() > FILES_MAX {
        return Err(SendError::invalid_message("discord takes at most 10 files in one message"));
    }
    if files_bytes(message) > FILES_BYTES_MAX {
        return Err(SendError::invalid_message("discord takes at most 25 MiB in one message: link to large files instead"));
    }
    let says_something = ["content", "embeds", "components"].iter().any(|key| payload.contains_key(*key));
    if !says_something && files.is_empty() && raw.is_none() {
        return Err(SendError::invalid_message("the message is empty: give it a title or a body"));
    }
    if !files.is_empty() {
        payload.insert("attachments".into(), files.into());
    }
    payload.insert("allowed_mentions".into(), pings.allowed());
    settings(&mut payload, message, config);
    match place {
        Place::NewThread(name) => {
            payload.insert("thread_name".into(), name.into());
            if !config.applied_tags.is_empty() {
                payload.insert("applied_tags".into(), json!(config.applied_tags));
            }
        }
        Place::Channel(_) => {
            payload.insert("nonce".into(), nonce(envelope.id).into());
            payload.insert("enforce_nonce".into(), true.into());
        }
        Place::Webhook | Place::Thread(_) => {}
    }
    if let Some(raw) = raw {
        merge(&mut payload, raw);
    }
    Ok(payload)
}

/// By which Discord tells a second attempt from another message: all 128 bits in 22 of the 25 characters it takes.
fn nonce(id: EnvelopeId) -> String {
    URL_SAFE_NO_PAD.encode(id.bits().to_be_bytes())
}

/// Adds Discord's own keys, which replace ours of the same name; flags are added up.
fn merge(payload: &mut Map<String, Value>, raw: &Map<String, Value>) {
    let flags = |from: &Map<String, Value>| from.get("flags").and_then(Value::as_u64);
    let sum = flags(payload).zip(flags(raw)).map(|(ours, theirs)| ours | theirs);
    payload.extend(raw.clone());
    payload.extend(sum.map(|sum| ("flags".to_owned(), sum.into())));
    if flags(payload).is_some_and(|flags| flags & COMPONENTS_ONLY != 0) {
        payload.retain(|key, _| raw.contains_key(key) || !matches!(key.as_str(), "content" | "embeds"));
    }
}

/// The form of a message with files.
pub(super) fn parts(payload: String, message: &Message) -> Vec<Part> {
    let mut parts = vec![Part::field("payload_json", "application/json", payload)];
    for (id, (file, bytes)) in files(message).enumerate() {
        parts.push(Part::file(format!("files[{id}]"), &file.name, &file.mime, bytes.clone()));
    }
    parts
}

/// The attachments that are bytes.
pub(super) fn files(message: &Message) -> impl Iterator<Item = (&Attachment, &bytes::Bytes)> {
    message.extras().attachments.iter().filter_map(|attachment| match &attachment.content {
        AttachmentContent::Bytes(bytes) => Some((attachment, bytes)),
        AttachmentContent::Url(_) => None,
    })
}

fn files_bytes(message: &Message) -> usize {
    files(message).map(|(_, bytes)| bytes.len()).sum()
}

/// A short message of nothing but text is content; everything else is embeds, below the mentions.
fn content(payload: &mut Map<String, Value>, message: &Message, pings: &Pings, links: &[String]) {
    let body = render::discord(message.format, message.body.trim());
    let body: Vec<&str> =
        [body.as_str()].into_iter().chain(links.iter().map(String::as_str)).filter(|text| !text.is_empty()).collect();
    let body = body.join("\n");
    let extras = message.extras();
    let whole = [pings.text.as_str(), &body].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
    let is_plain = title(message).is_none()
        && message.priority == Priority::Normal
        && extras.fields.is_empty()
        && extras.image_url.is_none()
        && limit::length(&whole, CONTENT.unit) <= CONTENT.max;
    let content = if is_plain { whole } else { pings.text.clone() };
    if !content.is_empty() {
        payload.insert("content".into(), content.into());
    }
    let embeds = if is_plain { Vec::new() } else { embeds(message, &body) };
    if !embeds.is_empty() {
        payload.insert("embeds".into(), embeds.into());
    }
}

fn settings(payload: &mut Map<String, Value>, message: &Message, config: &DiscordConfig) {
    for (key, value) in [("username", &config.username), ("avatar_url", &config.avatar_url)] {
        payload.extend(value.as_ref().map(|value| (key.to_owned(), value.as_str().into())));
    }
    if config.tts {
        payload.insert("tts".into(), true.into());
    }
    let is_silent = config.silent && message.priority == Priority::Low;
    let is_bare = !config.link_previews && !payload.contains_key("embeds");
    let flags = if is_silent { SILENT } else { 0 } | if is_bare { SUPPRESS_EMBEDS } else { 0 };
    if flags != 0 {
        payload.insert("flags".into(), flags.into());
    }
}

/// What can be a button, and markdown lines for what cannot: addresses too long or not of the web, attachments by URL.
fn buttons(message: &Message) -> (Vec<Value>, Vec<String>) {
    let extras = message.extras();
    let (mut buttons, mut links) = (Vec::new(), Vec::new());
    let click = extras.click_url.as_deref().filter(|_| title(message).is_none()).map(|url| ("Open", url));
    let actions = extras.actions.iter().map(|Action { label, url, .. }| (label.trim(), url.as_str()));
    for (label, url) in click.into_iter().chain(actions) {
        let target = link_target(url).filter(|target| is_button(target) && !label.is_empty());
        match target.filter(|_| buttons.len() < ROW_BUTTONS_MAX * ROWS_MAX) {
            Some(url) => {
                let label = limit::truncate(label, LABEL, Markup::Plain);
                buttons.push(json!({"type": 2, "style": 5, "label": label, "url": url}));
            }
            None => links.push(link(label, url)),
        }
    }
    for attachment in &extras.attachments {
        if let AttachmentContent::Url(url) = &attachment.content {
            links.push(link(&attachment.name, url));
        }
    }
    (buttons, links)
}

fn is_button(target: &str) -> bool {
    let is_web = target.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http"));
    is_web && target.chars().count() <= BUTTON_URL_CHARS_MAX
}

fn rows(buttons: &[Value]) -> Value {
    buttons.chunks(ROW_BUTTONS_MAX).map(|row| json!({"type": 1, "components": row})).collect()
}

fn link(text: &str, url: &str) -> String {
    let text = escape::discord(text);
    match link_target(url) {
        Some(target) if text.is_empty() => target,
        Some(target) => format!("[{text}]({target})"),
        None => format!("{text}: {}", escape::discord(url)),
    }
}

fn raw(message: &Message) -> Result<Option<&Map<String, Value>>, SendError> {
    let Some(raw) = message.raw_for("discord") else { return Ok(None) };
    raw.as_object().map(Some).ok_or_else(|| SendError::invalid_message("`raw.discord` must be an object of Discord's own keys"))
}
