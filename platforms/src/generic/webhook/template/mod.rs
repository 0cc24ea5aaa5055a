//! Texts with placeholders: `{{ name }}` stands for a value of the message.
//!
//! There is nothing else: no conditions, no loops, no filters. Every placeholder is known when the configuration is
//! read, and the [`Language`] of the text decides how values are written, so that no message can break out of its
//! place. Where `{{` itself is meant, it is written `{{ "{{" }}`.
//!
//! | name | value |
//! |---|---|
//! | `id` | the id that all attempts share |
//! | `time`, `unix_time` | when the notification was accepted: RFC 3339; whole seconds since 1970 |
//! | `title`, `body`, `format`, `priority`, `kind` | as the caller gave them |
//! | `text` | the body as plain text, whatever it was written in |
//! | `image_url`, `click_url`, `thread_key`, `correlation_id` | as the caller gave them |
//! | `fields.NAME` | the value of a field |
//! | `fields`, `actions`, `mentions` | the lists, as JSON |
//! | `data` | the whole message, as JSON |
//! | `raw`, `raw.NAME` | what the caller gave as `raw.webhook`, or a member of it |
//!
//! What a message does not have is empty, or `null` where JSON wants a value.
//!
//! | file | what it does |
//! |---|---|
//! | `parse` | a text to its parts; which of them stand inside JSON strings |
//! | `placeholder` | names to values |
//! | `language` | values in the language of the text |

mod language;
mod parse;
mod placeholder;
#[cfg(test)]
mod tests;

pub(super) use language::Language;

use language::Place;
use placeholder::Placeholder;

use crate::contract::Envelope;

/// A text with placeholders, read and checked.
#[derive(Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Literal(String),
    Value(Placeholder, Place),
}

impl Template {
    /// The text for one message.
    pub(super) fn render(&self, envelope: &Envelope) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Value(placeholder, place) => place.write(placeholder.value(envelope), &mut out),
            }
        }
        out
    }

    /// The names of all placeholders, for errors that must not repeat a text.
    pub(super) fn names() -> String {
        Placeholder::names()
    }

    /// Whether every message gets the same text.
    pub(super) fn is_fixed(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// What stands between the placeholders.
    pub(super) fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(text) => Some(&**text),
            Part::Value(..) => None,
        })
    }
}
