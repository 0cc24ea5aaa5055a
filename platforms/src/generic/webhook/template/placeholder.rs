//! The names that may stand between `{{` and `}}`, and the values they stand for.

use std::{borrow::Cow, time::SystemTime};

use serde::Serialize;
use serde_json::Value;

use super::super::body::KIND;
use crate::{
    contract::Envelope,
    generic::record::{self, Data},
    render,
};

/// One value of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Placeholder {
    Known(Name),
    Field(String),
    RawMember(String),
}

/// The names that take no further word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Id,
    Time,
    UnixTime,
    Title,
    Body,
    Text,
    Format,
    Priority,
    Kind,
    ImageUrl,
    ClickUrl,
    ThreadKey,
    CorrelationId,
    Fields,
    Actions,
    Mentions,
    Data,
    Raw,
}

const NAMES: [(&str, Name); 18] = [
    ("id", Name::Id),
    ("time", Name::Time),
    ("unix_time", Name::UnixTime),
    ("title", Name::Title),
    ("body", Name::Body),
    ("text", Name::Text),
    ("format", Name::Format),
    ("priority", Name::Priority),
    ("kind", Name::Kind),
    ("image_url", Name::ImageUrl),
    ("click_url", Name::ClickUrl),
    ("thread_key", Name::ThreadKey),
    ("correlation_id", Name::CorrelationId),
    ("fields", Name::Fields),
    ("actions", Name::Actions),
    ("mentions", Name::Mentions),
    ("data", Name::Data),
    ("raw", Name::Raw),
];

/// What a placeholder stands for in one message.
#[derive(Debug, PartialEq)]
pub(super) enum Found<'a> {
    Nothing,
    Text(Cow<'a, str>),
    /// JSON, written compactly.
    Json(String),
}

impl Placeholder {
    /// Reads a name. The error lists the known ones.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let member = |prefix: &str| name.strip_prefix(prefix).filter(|member| !member.is_empty()).map(str::to_owned);
        if let Some(field) = member("fields.") {
            return Ok(Self::Field(field));
        }
        if let Some(member) = member("raw.") {
            return Ok(Self::RawMember(member));
        }
        let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, name)| Self::Known(*name));
        known.ok_or_else(|| format!("unknown placeholder `{{{{ {name} }}}}`, expected one of: {}", Self::names()))
    }

    /// The names there are, for people.
    pub(super) fn names() -> String {
        let known: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
        format!("{}, fields.NAME, raw.NAME", known.join(", "))
    }

    /// Its value in this message.
    pub(super) fn value<'a>(&self, envelope: &'a Envelope) -> Found<'a> {
        let message = &*envelope.message;
        match self {
            Self::Known(name) => known(*name, envelope),
            Self::Field(name) => {
                let field = message.extras().fields.iter().find(|field| field.name == *name);
                text(field.map(|field| &*field.value))
            }
            Self::RawMember(name) => match message.raw_for(KIND).and_then(|raw| raw.get(name)) {
                None | Some(Value::Null) => Found::Nothing,
                Some(Value::String(member)) => text(Some(member)),
                Some(member) => json(member),
            },
        }
    }
}

fn known(name: Name, envelope: &Envelope) -> Found<'_> {
    let (message, extras) = (&*envelope.message, envelope.message.extras());
    match name {
        Name::Id => Found::Text(envelope.id.to_string().into()),
        Name::Time => Found::Text(record::time(envelope).into()),
        Name::UnixTime => {
            let since = envelope.accepted_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Found::Json(since.as_secs().to_string())
        }
        Name::Title => text(message.title.as_deref()),
        Name::Body => text(Some(&message.body)),
        Name::Text => Found::Text(render::plain(message.format, &message.body)),
        Name::Format => text(Some(record::format(envelope))),
        Name::Priority => text(Some(record::priority(envelope))),
        Name::Kind => text(message.kind.as_deref()),
        Name::ImageUrl => text(extras.image_url.as_deref()),
        Name::ClickUrl => text(extras.click_url.as_deref()),
        Name::ThreadKey => text(extras.thread_key.as_deref()),
        Name::CorrelationId => text(envelope.correlation_id.as_deref()),
        Name::Fields => json(&extras.fields),
        Name::Actions => json(&extras.actions),
        Name::Mentions => json(&extras.mentions),
        Name::Data => json(&Data::new(envelope)),
        Name::Raw => message.raw_for(KIND).map_or(Found::Nothing, json),
    }
}

fn text(found: Option<&str>) -> Found<'_> {
    found.map_or(Found::Nothing, |text| Found::Text(text.into()))
}

fn json<'a>(value: &impl Serialize) -> Found<'a> {
    Found::Json(serde_json::to_string(value).expect("JSON with text keys is written to memory"))
}
