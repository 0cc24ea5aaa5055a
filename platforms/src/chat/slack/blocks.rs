//! A message as blocks, within Slack's limits.
//!
//! Limits: <https://docs.slack.dev/reference/block-kit/blocks>. Text is escaped before it is measured, so what goes over
//! the wire fits.

use serde_json::{Value, json};

use super::text;
use crate::{
    contract::{Action, ActionStyle, Attachment, AttachmentContent, Field, Format, LengthUnit, Message, Priority, TextLimit},
    render::{self, escape, limit, limit::Markup},
};

const BLOCKS_MAX: usize = 50;
/// Slack refuses messages from about 13 200 characters of block text on, undocumented; this leaves a margin.
const BYTES_MAX: usize = 12_000;
const HEADER: TextLimit = chars(150);
const SECTION: TextLimit = chars(3_000);
const FIELD: TextLimit = chars(2_000);
const FIELDS_MAX: usize = 10;
const BUTTON: TextLimit = chars(75);
const BUTTONS_MAX: usize = 25;
const URL_CHARS_MAX: usize = 3_000;
const ALT: TextLimit = chars(2_000);

const fn chars(max: usize) -> TextLimit {
    TextLimit { max, unit: LengthUnit::Chars }
}

/// The blocks of one message.
pub(super) struct Blocks {
    /// Mentions and title: these stand above the colour bar.
    pub(super) lead: Vec<Value>,
    /// Everything else.
    pub(super) rest: Vec<Value>,
}

/// Lays `message` out, its markdown in a block of its own or as mrkdwn; `None` where it does not fit and has to go as
/// plain text. `mentions` is ready-made mrkdwn.
pub(super) fn blocks(message: &Message, mentions: &str, carries_files: bool, as_markdown: bool) -> Option<Blocks> {
    let extras = message.extras();
    let mut lead = Vec::new();
    if !mentions.is_empty() {
        lead.push(section(mrkdwn(mentions)));
    }
    lead.extend(title(message));
    let mut rest = if as_markdown { markdown(message) } else { body(message) };
    rest.extend(fields(&extras.fields));
    rest.extend(image(message));
    rest.extend(buttons(message));
    rest.extend(notes(message, carries_files));
    let bytes: usize = lead.iter().chain(&rest).map(|block| block.to_string().len() + 1).sum();
    (lead.len() + rest.len() < BLOCKS_MAX && bytes <= BYTES_MAX).then_some(Blocks { lead, rest })
}

/// The word above a colour bar that has no title.
pub(super) fn priority_note(priority: Priority) -> Value {
    let word = match priority {
        Priority::Low => "Low priority",
        Priority::Normal => "Normal priority",
        Priority::High => "High priority",
        Priority::Urgent => "Urgent",
    };
    json!({"type": "context", "elements": [mrkdwn(word)]})
}

/// Grey, blue, orange, red.
pub(super) fn colour(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "#95a5a6",
        Priority::Normal => "#3498db",
        Priority::High => "#e67e22",
        Priority::Urgent => "#e74c3c",
    }
}

/// A header; a title too long for one is a bold section.
fn title(message: &Message) -> Option<Value> {
    let title = escape::slack(text::title(message)?.as_str()).into_owned();
    if limit::length(&title, HEADER.unit) <= HEADER.max {
        return Some(json!({"type": "header", "text": {"type": "plain_text", "text": title}}));
    }
    let cut = limit::truncate(&title, TextLimit { max: SECTION.max - 2, ..SECTION }, Markup::Slack);
    Some(section(mrkdwn(&format!("*{cut}*"))))
}

/// CommonMark as it is. Slack takes 12 000 characters of it in one message, which the limit of bytes keeps.
fn markdown(message: &Message) -> Vec<Value> {
    let text = render::slack_markdown(message.format, message.body.trim());
    if text.is_empty() { Vec::new() } else { vec![json!({"type": "markdown", "text": text})] }
}

fn body(message: &Message) -> Vec<Value> {
    let body = render::slack(message.format, message.body.trim());
    let pieces = limit::split(&body, SECTION, BLOCKS_MAX, Markup::Slack);
    pieces
        .into_iter()
        .map(|piece| match message.format {
            Format::Text => section(json!({"type": "plain_text", "text": piece, "emoji": false})),
            Format::Markdown | Format::Html => section(mrkdwn(&piece)),
        })
        .collect()
}

fn fields(fields: &[Field]) -> impl Iterator<Item = Value> {
    fields.chunks(FIELDS_MAX).map(|chunk| {
        let texts: Vec<Value> = chunk.iter().map(|field| mrkdwn(&limited(&text::field(field, "\n"), FIELD))).collect();
        json!({"type": "section", "fields": texts})
    })
}

fn image(message: &Message) -> Option<Value> {
    let url = message.extras().image_url.as_deref().and_then(text::web_address).filter(|url| url.len() <= URL_CHARS_MAX)?;
    let title = text::title(message).unwrap_or_else(|| "image".to_owned());
    Some(json!({"type": "image", "image_url": url, "alt_text": limited(&escape::slack(&title), ALT)}))
}

/// Link buttons, the click address first. What is no web address is left to [`notes`].
fn buttons(message: &Message) -> Vec<Value> {
    let extras = message.extras();
    let click =
        extras.click_url.as_ref().map(|url| Action { label: "Open".into(), url: url.clone(), style: ActionStyle::Default });
    let actions = click.iter().chain(&extras.actions);
    let buttons: Vec<Value> = actions.enumerate().filter_map(|(index, action)| button(index, action)).collect();
    buttons.chunks(BUTTONS_MAX).map(|chunk| json!({"type": "actions", "elements": chunk})).collect()
}

fn button(index: usize, action: &Action) -> Option<Value> {
    let url = button_address(action)?;
    let label = limited(&escape::slack(action.label.trim()), BUTTON);
    let mut button = json!({
        "type": "button",
        "action_id": format!("action-{index}"),
        "text": {"type": "plain_text", "text": label},
        "url": url,
    });
    match action.style {
        ActionStyle::Default => {}
        ActionStyle::Primary => button["style"] = "primary".into(),
        ActionStyle::Danger => button["style"] = "danger".into(),
    }
    Some(button)
}

fn button_address(action: &Action) -> Option<String> {
    text::web_address(&action.url).filter(|url| url.len() <= URL_CHARS_MAX && !action.label.trim().is_empty())
}

/// Links to attachments, files that stayed behind, and actions that cannot be buttons, in small print.
fn notes(message: &Message, carries_files: bool) -> Option<Value> {
    let extras = message.extras();
    let files = extras.attachments.iter().filter_map(|attachment| note(attachment, carries_files));
    let links = extras.actions.iter().filter(|action| button_address(action).is_none()).map(text::action);
    let lines: Vec<String> = files.chain(links).collect();
    (!lines.is_empty()).then(|| json!({"type": "context", "elements": [mrkdwn(&limited(&lines.join("\n"), SECTION))]}))
}

/// What is said about an attachment in the message; nothing where the file itself goes along.
pub(super) fn note(attachment: &Attachment, carries_files: bool) -> Option<String> {
    match &attachment.content {
        AttachmentContent::Url(url) => Some(text::link(url, &attachment.name)),
        AttachmentContent::Bytes(_) if carries_files => None,
        AttachmentContent::Bytes(_) => {
            Some(format!("{} was not attached: a webhook carries no files", escape::slack(&attachment.name)))
        }
    }
}

fn section(text: Value) -> Value {
    json!({"type": "section", "text": text})
}

fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text})
}

fn limited(text: &str, limit: TextLimit) -> String {
    limit::truncate(text, limit, Markup::Slack).into_owned()
}
