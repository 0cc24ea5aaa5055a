//! A message to the bytes of a body, written once, from borrowed parts.

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;
use url::form_urlencoded;

use super::{
    super::record::{Data, Shown, Time, priority},
    cloudevents::CloudEvents,
    config::{BodyKind, CloudEventsMode, WebhookConfig},
    template::{Language, Template},
};
use crate::contract::{ConfigError, Envelope, EnvelopeId, Message};

/// The adapter's name in [`Extras::raw`](crate::contract::Extras::raw).
pub(super) const KIND: &str = "webhook";

/// How messages become bodies.
#[derive(Debug)]
pub(super) enum Body {
    Event,
    CloudEvents(CloudEvents),
    Template(Template),
    Raw,
    Form,
}

impl Body {
    pub(super) fn new(config: &WebhookConfig) -> Result<Self, ConfigError> {
        let kind = config.body;
        if config.cloudevents.is_some() && kind != BodyKind::CloudEvents {
            return Err(ConfigError::at("cloudevents", "means nothing without body = \"cloudevents\""));
        }
        if config.template.is_some() && kind != BodyKind::Template {
            return Err(ConfigError::at("template", "means nothing without body = \"template\""));
        }
        match kind {
            BodyKind::Event => Ok(Self::Event),
            BodyKind::Raw => Ok(Self::Raw),
            BodyKind::Form => Ok(Self::Form),
            BodyKind::CloudEvents => {
                let needed =
                    || ConfigError::at("cloudevents", "is needed with body = \"cloudevents\", e.g. { source = \"/notifyhub\" }");
                CloudEvents::new(config.cloudevents.as_ref().ok_or_else(needed)?).map(Self::CloudEvents)
            }
            BodyKind::Template => {
                let needed =
                    || ConfigError::at("template", "is needed with body = \"template\", e.g. '{\"text\": \"{{ text }}\"}'");
                let language = Language::of(config.content_type.as_deref().unwrap_or(JSON));
                let template = Template::parse(config.template.as_deref().ok_or_else(needed)?, language);
                template.map(Self::Template).map_err(|reason| ConfigError::at("template", reason))
            }
        }
    }

    /// The media type that fits.
    pub(super) fn content_type(&self) -> &'static str {
        match self {
            Self::Event | Self::Template(_) => JSON,
            Self::CloudEvents(events) => match events.mode {
                CloudEventsMode::Binary => JSON,
                CloudEventsMode::Structured => "application/cloudevents+json; charset=utf-8",
                CloudEventsMode::Batched => "application/cloudevents-batch+json; charset=utf-8",
            },
            Self::Raw => "text/plain; charset=utf-8",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }

    /// The events whose attributes travel as headers.
    pub(super) fn binary(&self) -> Option<&CloudEvents> {
        match self {
            Self::CloudEvents(events) if events.mode == CloudEventsMode::Binary => Some(events),
            _ => None,
        }
    }

    /// Whether files can go along.
    pub(super) fn carries_attachments(&self) -> bool {
        matches!(self, Self::Event | Self::CloudEvents(_))
    }

    /// Writes one message of a list. It holds its id, which no header says here.
    pub(super) fn write_item(&self, envelope: &Envelope, out: &mut Vec<u8>) {
        match self {
            Self::Event => write_json(out, &Event::new(envelope, Some(envelope.id))),
            Self::CloudEvents(events) => write_json(out, &events.event(envelope)),
            Self::Template(_) | Self::Raw | Self::Form => out.extend_from_slice(&self.bytes(envelope)),
        }
    }

    /// The exact bytes of a message alone, to send and to sign.
    pub(super) fn bytes(&self, envelope: &Envelope) -> Vec<u8> {
        let message = &*envelope.message;
        match (self, message.raw_for(KIND)) {
            (Self::Event, _) => json(message, &Event::new(envelope, None)),
            (Self::CloudEvents(events), _) if events.mode == CloudEventsMode::Binary => json(message, &Payload(envelope)),
            (Self::CloudEvents(events), _) => json(message, &events.event(envelope)),
            (Self::Template(template), _) => template.render(envelope).into_bytes(),
            (Self::Raw, None) => message.body.clone().into_bytes(),
            (Self::Raw, Some(raw)) => json(message, raw),
            (Self::Form, raw) => form(envelope, raw),
        }
    }
}

const JSON: &str = "application/json";

fn json(message: &Message, value: &impl Serialize) -> Vec<u8> {
    // Most of what is written besides the two texts fits, so that the buffer grows once at most.
    let texts = message.body.len() + message.title.as_ref().map_or(0, String::len);
    let mut out = Vec::with_capacity(224 + texts + texts / 8);
    write_json(&mut out, value);
    out
}

fn write_json(out: &mut Vec<u8>, value: &impl Serialize) {
    serde_json::to_writer(out, value).expect("JSON with text keys is written to memory");
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Shown<EnvelopeId>>,
    #[serde(rename = "type")]
    kind: Shown<EventType<'a>>,
    timestamp: Time<'a>,
    data: Payload<'a>,
}

impl<'a> Event<'a> {
    /// `id` is for events whose request says another one.
    fn new(envelope: &'a Envelope, id: Option<EnvelopeId>) -> Self {
        let kind = Shown(EventType { prefix: "notification.", message: &envelope.message });
        Self { id: id.map(Shown), kind, timestamp: Time(envelope), data: Payload(envelope) }
    }
}

/// The type of an event: the prefix and the message's kind where it is dot-separated `[a-zA-Z0-9_]`, else `sent`.
pub(super) struct EventType<'a> {
    pub(super) prefix: &'a str,
    pub(super) message: &'a Message,
}

impl fmt::Display for EventType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.prefix)?;
        f.write_str(self.message.kind.as_deref().filter(|kind| is_type(kind)).unwrap_or("sent"))
    }
}

fn is_type(kind: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    kind.split('.').all(word)
}

/// The `data` of an event: what the caller gave as `raw.webhook`, else the message.
pub(super) struct Payload<'a>(pub(super) &'a Envelope);

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.message.raw_for(KIND) {
            Some(raw) => raw.serialize(serializer),
            None => Data::new(self.0).serialize(serializer),
        }
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
    for (name, value) in parts.chain([("priority", priority(envelope))]).chain(fields).filter(|(name, _)| !given(name)) {
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
