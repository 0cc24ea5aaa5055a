//! CloudEvents 1.0: the attributes of an event, as members of a JSON object or as headers.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    super::record::{Shown, Time, time},
    body::{EventType, Payload},
    config::{CloudEventsConfig, CloudEventsMode},
    template::{Language, Template},
};
use crate::contract::{ConfigError, Envelope};

/// What the HTTP binding percent-encodes in a header; everything that is not ASCII is encoded as well.
const HEADER: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// The attributes that have a meaning of their own.
const CORE: [&str; 10] =
    ["specversion", "id", "source", "type", "subject", "time", "dataschema", "datacontenttype", "data", "data_base64"];

/// Longest name of an extension, as the specification asks.
const NAME_CHARS_MAX: usize = 20;

/// How messages become events.
#[derive(Debug)]
pub(super) struct CloudEvents {
    pub(super) mode: CloudEventsMode,
    source: String,
    type_prefix: String,
    dataschema: Option<String>,
    /// What may differ from message to message, or be missing: the subject and the extensions.
    optional: Vec<Attribute>,
}

#[derive(Debug)]
struct Attribute {
    name: String,
    header: HeaderName,
    value: Template,
}

impl CloudEvents {
    pub(super) fn new(config: &CloudEventsConfig) -> Result<Self, ConfigError> {
        for (key, reference) in [("source", Some(&config.source)), ("dataschema", config.dataschema.as_ref())] {
            if reference.is_some_and(|text| text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic())) {
                return Err(ConfigError::at(format!("cloudevents.{key}"), "not a URI, expected something like \"/notifyhub\""));
            }
        }
        if config.type_prefix.chars().any(char::is_control) {
            return Err(ConfigError::at("cloudevents.type_prefix", "must not hold control characters"));
        }
        let subject = config.subject.as_ref().map(|value| Attribute::new("cloudevents.subject", "subject", value));
        let extensions = config.extensions.iter().map(|(name, value)| extension(name, value));
        Ok(Self {
            mode: config.mode,
            source: config.source.clone(),
            type_prefix: config.type_prefix.clone(),
            dataschema: config.dataschema.clone(),
            optional: subject.into_iter().chain(extensions).collect::<Result<_, _>>()?,
        })
    }

    /// The event as one JSON object (structured mode, and each event of a batch).
    pub(super) fn event<'a>(&'a self, envelope: &'a Envelope) -> impl Serialize {
        Event { events: self, envelope }
    }

    /// The names of the headers that carry attributes in binary mode.
    pub(super) fn header_names(&self) -> impl Iterator<Item = HeaderName> {
        let fixed = ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-time"].map(HeaderName::from_static);
        let schema = self.dataschema.iter().map(|_| HeaderName::from_static("ce-dataschema"));
        fixed.into_iter().chain(schema).chain(self.optional.iter().map(|attribute| attribute.header.clone()))
    }

    /// Writes the attributes as headers, in place of whatever stands under their names.
    pub(super) fn write_headers(&self, envelope: &Envelope, headers: &mut HeaderMap) {
        let event_type = EventType { prefix: &self.type_prefix, message: &envelope.message }.to_string();
        headers.insert("ce-specversion", HeaderValue::from_static("1.0"));
        headers.insert("ce-id", encoded(&envelope.id.to_string()));
        headers.insert("ce-source", encoded(&self.source));
        headers.insert("ce-type", encoded(&event_type));
        headers.insert("ce-time", encoded(&time(envelope)));
        if let Some(schema) = &self.dataschema {
            headers.insert("ce-dataschema", encoded(schema));
        }
        for attribute in &self.optional {
            match attribute.value(envelope) {
                Some(value) => headers.insert(&attribute.header, encoded(&value)),
                None => headers.remove(&attribute.header),
            };
        }
    }
}

impl Attribute {
    fn new(key: &str, name: &str, value: &str) -> Result<Self, ConfigError> {
        let template = Template::parse(value, Language::Text).map_err(|reason| ConfigError::at(key, reason))?;
        let header = format!("ce-{name}").parse().expect("lower case letters and digits are a header's name");
        Ok(Self { name: name.to_owned(), header, value: template })
    }

    /// Its value for this message; an attribute is never empty and holds no control characters.
    fn value(&self, envelope: &Envelope) -> Option<String> {
        let value = self.value.render(envelope);
        if value.is_empty() { None } else { Some(value.replace(char::is_control, " ")) }
    }
}

fn extension(name: &str, value: &str) -> Result<Attribute, ConfigError> {
    let key = format!("cloudevents.extensions.{name}");
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.bytes().all(allowed) {
        return Err(ConfigError::at(key, "not the name of an extension, expected 1 to 20 lower case letters and digits"));
    }
    if CORE.contains(&name) {
        return Err(ConfigError::at(key, "is an attribute of every event, not an extension"));
    }
    Attribute::new(&key, name, value)
}

fn encoded(value: &str) -> HeaderValue {
    let encoded = Cow::from(utf8_percent_encode(value, HEADER));
    HeaderValue::from_str(&encoded).expect("what is percent-encoded is printable ASCII")
}

struct Event<'a> {
    events: &'a CloudEvents,
    envelope: &'a Envelope,
}

impl Serialize for Event<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { events, envelope } = self;
        let mut event = serializer.serialize_map(None)?;
        event.serialize_entry("specversion", "1.0")?;
        event.serialize_entry("id", &Shown(envelope.id))?;
        event.serialize_entry("source", &events.source)?;
        let event_type = EventType { prefix: &events.type_prefix, message: &envelope.message };
        event.serialize_entry("type", &Shown(event_type))?;
        event.serialize_entry("time", &Time(envelope))?;
        if let Some(schema) = &events.dataschema {
            event.serialize_entry("dataschema", schema)?;
        }
        event.serialize_entry("datacontenttype", "application/json")?;
        for attribute in &events.optional {
            if let Some(value) = attribute.value(envelope) {
                event.serialize_entry(&attribute.name, &value)?;
            }
        }
        event.serialize_entry("data", &Payload(envelope))?;
        event.end()
    }
}
