//! Values in the language of the text around them, so that they cannot break out of their place.

use std::borrow::Cow;

use url::form_urlencoded::byte_serialize;

use super::placeholder::Found;
use crate::render::escape;

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Language {
    /// No language that knows special characters: values are written as they are.
    Text,
    /// JSON: values are escaped inside strings and whole JSON values outside.
    Json,
    /// A form: values are percent-encoded.
    Form,
    /// XML or HTML: values are text.
    Markup,
}

impl Language {
    /// The language of a media type.
    pub(in super::super) fn of(content_type: &str) -> Self {
        let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if media.ends_with("json") {
            Self::Json
        } else if media == "application/x-www-form-urlencoded" {
            Self::Form
        } else if media.ends_with("xml") || media.ends_with("/html") {
            Self::Markup
        } else {
            Self::Text
        }
    }
}

/// Where a placeholder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Text,
    JsonString,
    JsonValue,
    Form,
    Markup,
}

impl Place {
    /// Writes a value so that it stays in its place.
    pub(super) fn write(self, found: Found<'_>, out: &mut String) {
        let text = match found {
            Found::Json(json) if self == Self::JsonValue => return out.push_str(&json),
            Found::Nothing if self == Self::JsonValue => return out.push_str("null"),
            Found::Nothing => return,
            Found::Json(json) => Cow::Owned(json),
            Found::Text(text) => text,
        };
        match self {
            Self::Text => out.push_str(&text),
            Self::JsonValue => out.push_str(&quoted(&text)),
            Self::JsonString => {
                let quoted = quoted(&text);
                out.push_str(&quoted[1..quoted.len() - 1]);
            }
            Self::Form => out.extend(byte_serialize(text.as_bytes())),
            Self::Markup => out.push_str(&escape::html(&printable(&text))),
        }
    }
}

/// A JSON string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

/// Without the control characters that no XML may hold, however they are written.
fn printable(text: &str) -> Cow<'_, str> {
    let forbidden = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    if !text.contains(forbidden) {
        return text.into();
    }
    text.chars().filter(|c| !forbidden(*c)).collect::<String>().into()
}
