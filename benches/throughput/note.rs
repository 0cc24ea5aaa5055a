//! The bytes every sender sends: what the webhook adapter makes of one notification.

use std::time::SystemTime;

use serde::Serialize;

/// Size of the JSON body on the wire.
pub const BODY_BYTES: usize = 305;

/// The text of notification `number`: distinct, and of such a length that the JSON has [`BODY_BYTES`].
pub fn text(number: usize) -> String {
    let mut text = format!("notification {number:08} ");
    let padding = TEXT_BYTES - text.len();
    text.extend(std::iter::repeat_n('x', padding));
    text
}

/// What the JSON leaves for the text: the rest is the envelope around it.
const TEXT_BYTES: usize = BODY_BYTES - r#"{"type":"notification.sent","timestamp":"2026-11-21T00:00:00.000Z","data":{"body":"","format":"text","priority":"normal"}}"#.len();

/// The same JSON, made the way a program without the engine would make it.
#[derive(Debug, Clone, Serialize)]
pub struct Note {
    r#type: &'static str,
    timestamp: String,
    data: Data,
}

#[derive(Debug, Clone, Serialize)]
struct Data {
    body: String,
    format: &'static str,
    priority: &'static str,
}

impl Note {
    pub fn new(number: usize) -> Self {
        let data = Data { body: text(number), format: "text", priority: "normal" };
        Self { r#type: "notification.sent", timestamp: "2026-11-21T00:00:00.000Z".into(), data }
    }
}

/// The headers the adapter sends, with an id and a timestamp of their usual length.
pub fn headers() -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    let seconds = SystemTime::UNIX_EPOCH.elapsed().map(|since| since.as_secs()).unwrap_or_default();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    headers.insert("webhook-id", http::HeaderValue::from_static("019f0000-0000-7000-8000-000000000000"));
    headers.insert("webhook-timestamp", seconds.into());
    headers
}
