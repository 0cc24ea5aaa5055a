//! How what the engine knows is written into a database: times and messages.
//!
//! Everything a person may want to look at with the database's own shell is text.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use notifyhub_platforms::contract::{Action, Attachment, AttachmentContent, Extras, Field, Format, Mention, Message, Priority};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::history::FailoverRow;
use crate::task::{DeadReason, Failover, Failovers};

/// What is stored cannot be read: it was damaged, or written by a program that is not ours.
#[derive(Debug, thiserror::Error)]
#[error("stored data is damaged: {0}")]
pub struct Damaged(pub String);

/// A moment as nanoseconds since 1970. What lies further away than the year 2262 is as good as never.
pub fn nanos(moment: SystemTime) -> i64 {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// A length of time in nanoseconds. What is longer than 292 years is as good as that.
pub fn length(length: Duration) -> i64 {
    i64::try_from(length.as_nanos()).unwrap_or(i64::MAX)
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
    /// The message, and the ways of those of its tasks that have several.
    pub fn read(self) -> Result<(Message, Failovers), Damaged> {
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
        let mut failovers = Failovers::default();
        if let Some(extras) = self.extras {
            let (extras, ways) = read_extras(&extras)?;
            if extras != Extras::default() {
                *message.extras_mut() = extras;
            }
            failovers = ways;
        }
        Ok((message, failovers))
    }
}

/// Its extras as JSON, and the ways of its tasks, if there are any.
pub fn write_extras(message: &Message, failovers: &[Failover]) -> Option<String> {
    let extras = message.extras();
    if *extras == Extras::default() && failovers.is_empty() {
        return None;
    }
    let Extras { fields, actions, attachments, mentions, image_url, click_url, thread_key, raw } = extras.clone();
    let attachments = attachments.into_iter().map(AttachmentRow::from).collect();
    let failovers = failovers.iter().map(FailoverRow::from).collect();
    let row = ExtrasRow { fields, actions, attachments, mentions, image_url, click_url, thread_key, raw, failovers };
    Some(serde_json::to_string(&row).expect("extras are JSON"))
}

fn read_extras(text: &str) -> Result<(Extras, Failovers), Damaged> {
    let row: ExtrasRow = serde_json::from_str(text).map_err(|error| Damaged(error.to_string()))?;
    let ExtrasRow { fields, actions, attachments, mentions, image_url, click_url, thread_key, raw, failovers } = row;
    let attachments: Result<_, _> = attachments.into_iter().map(AttachmentRow::attachment).collect();
    let failovers = failovers.into_iter().map(Failover::from).collect();
    Ok((Extras { fields, actions, attachments: attachments?, mentions, image_url, click_url, thread_key, raw }, failovers))
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
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    failovers: Vec<FailoverRow>,
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
    use crate::task::{LaneKey, Step};

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
        let step = |platform: &str, recipient: Option<&str>| Step {
            lane: LaneKey { platform: platform.parse().expect("a name"), part: recipient.map(Into::into) },
            recipient: recipient.map(Into::into),
        };
        let steps = Box::new([step("ops", None), step("hooks", Some("https://example.com/"))]);
        let ways: Failovers =
            [Failover { task: 1, route: "critical".into(), step_timeout: Duration::from_secs(7), steps }].into_iter().collect();
        let plain = [(Message::text("plain"), ways), (Message::html("<p>x</p>"), Failovers::default())];
        for (message, ways) in [(whole, Failovers::default())].into_iter().chain(plain) {
            let row = MessageRow {
                style: style(&message),
                kind: message.kind.clone().map(String::from),
                title: message.title.clone(),
                body: message.body.clone(),
                extras: write_extras(&message, &ways),
            };
            assert_eq!(row.read().expect("whole"), (message, ways.clone()));
        }
    }

    #[test]
    fn damage_is_named() {
        let row = |style, extras: Option<&str>| MessageRow {
            style,
            kind: None,
            title: None,
            body: String::new(),
            extras: extras.map(str::to_owned),
        };
        assert!(row(77, None).read().is_err() && row(1, Some(r#"{"fields":7}"#)).read().is_err());
        assert!(read_reason("boredom").is_err());
    }
}
