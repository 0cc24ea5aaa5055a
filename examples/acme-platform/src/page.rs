//! From a message to Acme's JSON.

use notifyhub_platforms::{
    contract::{LengthUnit, Message, Priority, SendError, TextLimit},
    render::{self, limit},
};
use serde_json::{Map, Value};

/// Longest text a pager shows.
pub const TEXT_LIMIT: TextLimit = TextLimit { max: 480, unit: LengthUnit::Chars };

/// Longest name of a person or team.
const RECIPIENT_BYTES_MAX: usize = 32;

/// Whether a person or team can have this name.
pub fn check_recipient(recipient: Option<&str>) -> Result<(), SendError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let valid = |name: &&str| (1..=RECIPIENT_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain);
    match recipient.filter(valid) {
        Some(_) => Ok(()),
        None => Err(SendError::invalid_recipient("expected 1 to 32 of a-z, 0-9 and -, such as `team-red`")),
    }
}

/// The page, with what the caller gave as `raw.acme` over it.
pub fn json(recipient: &str, message: &Message) -> Vec<u8> {
    let mut page = Map::new();
    page.insert("to".into(), recipient.into());
    page.insert("severity".into(), severity(message.priority).into());
    page.insert("text".into(), limit::truncate(&text(message), TEXT_LIMIT, limit::Markup::Plain).into());
    if let Some(url) = &message.extras().click_url {
        page.insert("link".into(), url.as_str().into());
    }
    if let Some(Value::Object(raw)) = message.raw_for("acme") {
        page.extend(raw.clone());
    }
    Value::Object(page).to_string().into_bytes()
}

/// Title, body and fields: a pager shows plain lines.
fn text(message: &Message) -> String {
    let body = render::plain(message.format, &message.body);
    let fields = message.extras().fields.iter().map(|field| format!("{}: {}", field.name, field.value));
    let parts = message.title.clone().into_iter().chain([body.into_owned()]).chain(fields);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn severity(priority: Priority) -> &'static str {
    match priority {
        Priority::Low | Priority::Normal => "info",
        Priority::High => "warning",
        Priority::Urgent => "critical",
    }
}
