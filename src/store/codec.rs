//! How what the engine knows is written into a database: times, messages, attempts.
//!
//! Everything a person may want to look at with the database's own shell is text.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use notifyhub_platforms::contract::{
    Action, Attachment, AttachmentContent, Extras, Field, Format, Mention, Message, Priority, Receipt, SendError,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::task::{Attempt, DeadReason};

/// What is stored cannot be read: it was damaged, or written by a program that is not ours.
#[derive(Debug, thiserror::Error)]
#[error("stored data is damaged: {0}")]
pub struct Damaged(pub String);

/// A moment as nanoseconds since 1970. What lies further away than the year 2262 is as good as never.
pub fn nanos(moment: SystemTime) -> i64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// The moment.
pub fn moment(nanos: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
}

/// Format and priority in one number.
pub fn style(message: &Message) -> i64 {
    let format = match message.format {
        Format::Text => 0,
        Format::Markdown => 1,
        Format::Html => 2,
    };
    let priority = match message.priority {
        Priority::Low => 0,
        Priority::Normal => 1,
        Priority::High => 2,
        Priority::Urgent => 3,
    };
    format * 10 + priority
}

/// The parts of a message as they lie in a row.
pub struct MessageRow {
    pub style: i64,
    pub kind: Option<String>,
    pub title: Option<String>,
    pub body: String,
    pub extras: Option<String>,
}

impl MessageRow {
    /// The message.
    pub fn message(self) -> Result<Message, Damaged> {
        let mut message = Message::text(self.body);
        message.format = match self.style / 10 {
            0 => Format::Text,
            1 => Format::Markdown,
            2 => Format::Html,
            other => return Err(Damaged(format!("no format has number {other}"))),
        };
        message.priority = match self.style % 10 {
            0 => Priority::Low,
            1 => Priority::Normal,
            2 => Priority::High,
            3 => Priority::Urgent,
            other => return Err(Damaged(format!("no priority has number {other}"))),
        };
        message.title = self.title;
        message.kind = self.kind.map(String::into_boxed_str);
        if let Some(extras) = self.extras {
            *message.extras_mut() = read_extras(&extras)?;
        }
        Ok(message)
    }
}

/// Its extras as JSON, if it has any.
pub fn write_extras(message: &Message) -> Option<String> {
    let extras = message.extras();
    if *extras == Extras::default() {
        return None;
    }
    let Extras { fields, actions, attachments, mentions, image_url, click_url, thread_key, raw } = extras.clone();
    let attachments = attachments.into_iter().map(AttachmentRow::from).collect();
    let row = ExtrasRow { fields, actions, attachments, mentions, image_url, click_url, thread_key, raw };
    Some(serde_json::to_string(&row).expect("extras are JSON"))
}

fn read_extras(text: &str) -> Result<Extras, Damaged> {
    let row: ExtrasRow = serde_json::from_str(text).map_err(|error| Damaged(error.to_string()))?;
    let ExtrasRow { fields, actions, attachments, mentions, image_url, click_url, thread_key, raw } = row;
    let attachments: Result<_, _> = attachments.into_iter().map(AttachmentRow::attachment).collect();
    Ok(Extras { fields, actions, attachments: attachments?, mentions, image_url, click_url, thread_key, raw })
}

#[derive(Serialize, Deserialize)]
struct ExtrasRow {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    attachments: Vec<AttachmentRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    mentions: Vec<Mention>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    click_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    thread_key: Option<String>,
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    raw: std::collections::BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct AttachmentRow {
    name: String,
    mime: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl From<Attachment> for AttachmentRow {
    fn from(Attachment { name, mime, content }: Attachment) -> Self {
        let (base64, url) = match content {
            AttachmentContent::Bytes(bytes) => (Some(BASE64_STANDARD.encode(bytes)), None),
            AttachmentContent::Url(url) => (None, Some(url)),
        };
        Self { name, mime, base64, url }
    }
}

impl AttachmentRow {
    fn attachment(self) -> Result<Attachment, Damaged> {
        let content = match (self.base64, self.url) {
            (Some(text), _) => {
                let bytes = BASE64_STANDARD.decode(text).map_err(|error| Damaged(error.to_string()))?;
                AttachmentContent::Bytes(bytes.into())
            }
            (None, Some(url)) => AttachmentContent::Url(url),
            (None, None) => return Err(Damaged(format!("attachment `{}` has no content", self.name))),
        };
        Ok(Attachment { name: self.name, mime: self.mime, content })
    }
}

#[derive(Serialize, Deserialize)]
struct AttemptRow {
    n: u32,
    at: i64,
    took: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<Arc<str>>,
    worker: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<Receipt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<SendError>,
}

/// An attempt as one line of JSON; times in nanoseconds.
pub fn write_attempt(attempt: &Attempt) -> String {
    let (receipt, error) = match attempt.result.clone() {
        Ok(receipt) => (Some(receipt), None),
        Err(error) => (None, Some(error)),
    };
    let took = u64::try_from(attempt.took.as_nanos()).unwrap_or(u64::MAX);
    let (n, at, node) = (attempt.number, nanos(attempt.started_at), attempt.node.clone());
    let row = AttemptRow { n, at, took, node, worker: attempt.worker, receipt, error };
    serde_json::to_string(&row).expect("an attempt is JSON")
}

/// Attempts, one per line.
pub fn read_attempts(text: &str) -> Result<Vec<Attempt>, Damaged> {
    text.lines().filter(|line| !line.trim().is_empty()).map(read_attempt).collect()
}

fn read_attempt(line: &str) -> Result<Attempt, Damaged> {
    let row: AttemptRow = serde_json::from_str(line).map_err(|error| Damaged(error.to_string()))?;
    let result = match (row.receipt, row.error) {
        (Some(receipt), None) => Ok(receipt),
        (None, Some(error)) => Err(error),
        _ => return Err(Damaged(format!("attempt {} has neither receipt nor error, or both", row.n))),
    };
    let (started_at, took) = (moment(row.at), Duration::from_nanos(row.took));
    Ok(Attempt { number: row.n, started_at, took, node: row.node, worker: row.worker, result })
}

/// The reason that is written as this word.
pub fn read_reason(word: &str) -> Result<DeadReason, Damaged> {
    let known = DeadReason::ALL.into_iter().find(|reason| reason.as_str() == word);
    known.ok_or_else(|| Damaged(format!("nothing dies of `{word}`")))
}

/// Text that is there, or not.
pub fn shared(text: Option<String>) -> Option<Arc<str>> {
    text.map(Arc::from)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_comes_back_as_it_was() {
        let mut whole = Message::markdown("*disk* full").title("db-3").priority(Priority::Urgent);
        whole.kind = Some("alert".into());
        let extras = whole.extras_mut();
        extras.fields.push(Field { name: "host".into(), value: "db-3".into() });
        extras.mentions.push(Mention::Everyone);
        let attachment = |content| Attachment { name: "a.bin".into(), mime: "application/octet-stream".into(), content };
        extras.attachments.push(attachment(AttachmentContent::Bytes(Bytes::from_static(&[0, 255, 10]))));
        extras.attachments.push(attachment(AttachmentContent::Url("https://example.com/a".into())));
        extras.raw.insert("slack".into(), json!({ "blocks": [] }));
        for message in [whole, Message::text("plain"), Message::html("<p>x</p>")] {
            let row = MessageRow {
                style: style(&message),
                kind: message.kind.clone().map(String::from),
                title: message.title.clone(),
                body: message.body.clone(),
                extras: write_extras(&message),
            };
            assert_eq!(row.message().expect("whole"), message);
        }
    }

    #[test]
    fn attempts_come_back_as_they_were() {
        let attempt = |number, result| Attempt {
            number,
            started_at: moment(1_700_000_000_123_456_789),
            took: Duration::from_nanos(1_234_567),
            node: (number == 2).then(|| "web1/4242".into()),
            worker: 3,
            result,
        };
        let error = SendError::rate_limited("slow down").with_code("429").with_retry_after(Some(Duration::from_secs(3)));
        let attempts = [attempt(1, Err(error)), attempt(2, Ok(Receipt::with_id("1.2").detail("line\nbreak")))];
        let text = attempts.iter().map(write_attempt).collect::<Vec<_>>().join("\n");
        assert_eq!(read_attempts(&text).expect("whole"), attempts);
    }

    #[test]
    fn damage_is_named() {
        for (text, part) in [("{", "damaged"), (r#"{"n":1,"at":0,"took":0,"worker":0}"#, "neither receipt nor error")] {
            assert!(read_attempts(text).expect_err(text).to_string().contains(part));
        }
        let row = |style, extras: Option<&str>| MessageRow {
            style,
            kind: None,
            title: None,
            body: String::new(),
            extras: extras.map(str::to_owned),
        };
        assert!(row(77, None).message().is_err() && row(1, Some(r#"{"fields":7}"#)).message().is_err());
        assert!(read_reason("boredom").is_err());
    }
}
