//! A message as JSON, and as one line of a log.

use std::fmt;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use jiff::{Timestamp, fmt::temporal::DateTimePrinter};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use crate::{
    contract::{Action, Attachment, AttachmentContent, Envelope, EnvelopeId, Field, Format, Mention, Priority, SendError},
    render::{
        self,
        line::{is_control, push_escaped, push_utf16},
    },
};

pub(super) use crate::render::line::{priority, time};

/// An envelope as one JSON object: its stable id, when it was accepted, whom it is for, what it says.
#[derive(Serialize)]
struct Record<'a> {
    id: Shown<EnvelopeId>,
    time: Time<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<&'a str>,
    #[serde(flatten)]
    data: Data<'a>,
}

/// One line of JSON with its line end; the members of `raw.KIND` are added, replacing those of the same name.
///
/// # Errors
///
/// [`ErrorKind::InvalidMessage`](crate::contract::ErrorKind::InvalidMessage) when `raw.KIND` is no object.
pub(super) fn json_line(envelope: &Envelope, kind: &str) -> Result<String, SendError> {
    let record = Record {
        id: Shown(envelope.id),
        time: Time(envelope),
        recipient: envelope.recipient.as_deref(),
        data: Data::new(envelope),
    };
    let json = match envelope.message.raw_for(kind) {
        None => serde_json::to_string(&record),
        Some(Value::Object(raw)) => serde_json::to_value(&record).and_then(|mut value| {
            value.as_object_mut().expect("a record is an object").extend(raw.clone());
            serde_json::to_string(&value)
        }),
        Some(_) => return Err(SendError::invalid_message(format!("raw.{kind}: expected an object"))),
    };
    let mut line = String::new();
    for c in json.expect("JSON with text keys is written to memory").chars() {
        // JSON escapes C0 itself; the rest can only be inside its strings.
        if is_control(c) { push_utf16(&mut line, c) } else { line.push(c) }
    }
    line.push('\n');
    Ok(line)
}

/// Time, recipient, title, body, fields, for people: one line without control characters and without its line end.
pub(super) fn text_line(envelope: &Envelope) -> String {
    let message = &*envelope.message;
    let mut line = format!("{} {:<6}", time(envelope), priority(envelope));
    let texts = [envelope.recipient.as_deref().map(|recipient| format!("[{recipient}]")), message.title.clone()];
    for text in texts.into_iter().flatten().chain([render::plain(message.format, &message.body).into_owned()]) {
        line.push(' ');
        push_escaped(&mut line, &text);
    }
    for field in &message.extras().fields {
        line.push(' ');
        push_escaped(&mut line, &format!("{}={}", field.name, field.value));
    }
    for action in &message.extras().actions {
        line.push(' ');
        push_escaped(&mut line, &format!("<{}: {}>", action.label, action.url));
    }
    line
}

/// The word for its format.
pub(super) fn format(envelope: &Envelope) -> &'static str {
    match envelope.message.format {
        Format::Text => "text",
        Format::Markdown => "markdown",
        Format::Html => "html",
    }
}

/// Serialises what can be printed, without a string in between.
pub(super) struct Shown<T>(pub(super) T);

impl<T: fmt::Display> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// When the notification was accepted: RFC 3339, to the millisecond.
pub(super) struct Time<'a>(pub(super) &'a Envelope);

impl Serialize for Time<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        static MILLISECONDS: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
        let time = Timestamp::try_from(self.0.accepted_at).unwrap_or(Timestamp::MAX);
        serializer.serialize_str(&MILLISECONDS.timestamp_to_string(&time))
    }
}

/// A message as JSON: only the parts that are there.
#[derive(Serialize)]
pub(super) struct Data<'a> {
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
    pub(super) fn new(envelope: &'a Envelope) -> Self {
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
