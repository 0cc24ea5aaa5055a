//! A message to the bytes of a body, written once, from borrowed parts.

use std::fmt;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use url::form_urlencoded;

use super::config::BodyKind;
use crate::contract::{Action, Attachment, AttachmentContent, Envelope, Field, Format, Mention, Message, Priority};

/// The adapter's name in [`Extras::raw`](crate::contract::Extras::raw).
const KIND: &str = "webhook";

/// The media type that fits a body of this kind.
pub(super) fn content_type(kind: BodyKind) -> &'static str {
    match kind {
        BodyKind::Event => "application/json",
        BodyKind::CloudEvents => "application/cloudevents+json; charset=utf-8",
        BodyKind::Raw => "text/plain; charset=utf-8",
        BodyKind::Form => "application/x-www-form-urlencoded",
    }
}

/// The exact bytes to send and to sign; `source` is the one of CloudEvents.
pub(super) fn bytes(kind: BodyKind, source: &str, envelope: &Envelope) -> Vec<u8> {
    let message = &*envelope.message;
    match (kind, message.raw_for(KIND)) {
        (BodyKind::Event, _) => json(message, &Event { kind: Type(message), timestamp: Time(envelope), data: Payload(envelope) }),
        (BodyKind::CloudEvents, _) => json(message, &CloudEvent::new(source, envelope)),
        (BodyKind::Raw, None) => message.body.clone().into_bytes(),
        (BodyKind::Raw, Some(raw)) => json(message, raw),
        (BodyKind::Form, raw) => form(envelope, raw),
    }
}

fn json(message: &Message, value: &impl Serialize) -> Vec<u8> {
    // Most of what is written besides the two texts fits, so that the buffer grows once at most.
    let texts = message.body.len() + message.title.as_ref().map_or(0, String::len);
    let mut out = Vec::with_capacity(224 + texts + texts / 8);
    serde_json::to_writer(&mut out, value).expect("JSON with text keys is written to memory");
    out
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: Type<'a>,
    timestamp: Time<'a>,
    data: Payload<'a>,
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: Shown<crate::contract::EnvelopeId>,
    source: &'a str,
    #[serde(rename = "type")]
    kind: Type<'a>,
    time: Time<'a>,
    datacontenttype: &'static str,
    data: Payload<'a>,
}

impl<'a> CloudEvent<'a> {
    fn new(source: &'a str, envelope: &'a Envelope) -> Self {
        Self {
            specversion: "1.0",
            id: Shown(envelope.id),
            source,
            kind: Type(&envelope.message),
            time: Time(envelope),
            datacontenttype: "application/json",
            data: Payload(envelope),
        }
    }
}

/// Serialises what can be printed, without a string in between.
struct Shown<T>(T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// `notification.sent`, or the message's kind where that is a word of dot-separated `[a-zA-Z0-9_]`.
struct Type<'a>(&'a Message);

impl Serialize for Type<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.kind.as_deref().filter(|kind| is_type(kind)) {
            Some(kind) => serializer.collect_str(&format_args!("notification.{kind}")),
            None => serializer.serialize_str("notification.sent"),
        }
    }
}

fn is_type(kind: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    kind.split('.').all(word)
}

/// When the notification was accepted: RFC 3339, to the millisecond.
struct Time<'a>(&'a Envelope);

impl Serialize for Time<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time = Timestamp::try_from(self.0.accepted_at).unwrap_or(Timestamp::MAX);
        serializer.collect_str(&format_args!("{time:.3}"))
    }
}

/// The `data` of an event: what the caller gave as `raw.webhook`, else the message.
struct Payload<'a>(&'a Envelope);

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.message.raw_for(KIND) {
            Some(raw) => raw.serialize(serializer),
            None => Data::new(self.0).serialize(serializer),
        }
    }
}

#[derive(Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    body: &'a str,
    format: Format,
    priority: Priority,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    fields: &'a [Field],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    actions: &'a [Action],
    #[serde(skip_serializing_if = "Attachments::is_empty")]
    attachments: Attachments<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    mentions: &'a [Mention],
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
}

impl<'a> Data<'a> {
    fn new(envelope: &'a Envelope) -> Self {
        let message = &*envelope.message;
        let extras = message.extras();
        Self {
            title: message.title.as_deref(),
            body: &message.body,
            format: message.format,
            priority: message.priority,
            kind: message.kind.as_deref(),
            fields: &extras.fields,
            actions: &extras.actions,
            attachments: Attachments(&extras.attachments),
            mentions: &extras.mentions,
            image_url: extras.image_url.as_deref(),
            click_url: extras.click_url.as_deref(),
            thread_key: extras.thread_key.as_deref(),
            correlation_id: envelope.correlation_id.as_deref(),
        }
    }
}

/// `[{"name":…,"mime":…,"base64":…}]`, or `url` instead of `base64`.
struct Attachments<'a>(&'a [Attachment]);

impl Attachments<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Attachments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(File))
    }
}

struct File<'a>(&'a Attachment);

impl Serialize for File<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut file = serializer.serialize_map(Some(3))?;
        file.serialize_entry("name", &self.0.name)?;
        file.serialize_entry("mime", &self.0.mime)?;
        match &self.0.content {
            AttachmentContent::Bytes(bytes) => file.serialize_entry("base64", &Shown(Base64Display::new(bytes, &STANDARD)))?,
            AttachmentContent::Url(url) => file.serialize_entry("url", url)?,
        }
        file.end()
    }
}

fn form(envelope: &Envelope, raw: Option<&Value>) -> Vec<u8> {
    let message = &*envelope.message;
    let raw = raw.and_then(Value::as_object);
    let given = |name: &str| raw.is_some_and(|raw| raw.contains_key(name));
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    let parts = [("title", message.title.as_deref()), ("body", Some(&*message.body)), ("kind", message.kind.as_deref())];
    let parts = parts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let fields = message.extras().fields.iter().map(|field| (&*field.name, &*field.value));
    for (name, value) in parts.chain([("priority", priority(message.priority))]).chain(fields).filter(|(name, _)| !given(name)) {
        pairs.append_pair(name, value);
    }
    for (name, value) in raw.into_iter().flatten() {
        match value {
            Value::String(text) => pairs.append_pair(name, text),
            other => pairs.append_pair(name, &other.to_string()),
        };
    }
    pairs.finish().into_bytes()
}

fn priority(priority: Priority) -> &'static str {
    match priority {
        Priority::Low => "low",
        Priority::Normal => "normal",
        Priority::High => "high",
        Priority::Urgent => "urgent",
    }
}
