//! What the body of an accepting answer must say, for receivers that lie with 200.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::config::SuccessBody;
use crate::contract::ConfigError;

/// Largest compiled pattern, in bytes. Matching takes time linear in the answer, whatever the pattern.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// The word of the body that counts.
#[derive(Debug)]
pub(super) enum Proof {
    Equals(String, Value),
    Contains(Option<String>, String),
    Matches(Option<String>, Regex),
}

impl Proof {
    pub(super) fn new(written: SuccessBody) -> Result<Self, ConfigError> {
        match (written.pointer, written.equals, written.contains, written.matches) {
            (Some(pointer), Some(value), None, None) => Ok(Self::Equals(pointer, value)),
            (pointer, None, Some(text), None) => Ok(Self::Contains(pointer, text)),
            (pointer, None, None, Some(pattern)) => Ok(Self::Matches(pointer, compiled(&pattern)?)),
            (None, Some(_), None, None) => Err(ConfigError::at("success_body.equals", "needs `pointer`, e.g. \"/ok\"")),
            _ => Err(ConfigError::at("success_body", "needs exactly one of: equals, contains, matches")),
        }
    }

    /// Whether the body says so; `None` where it cannot be read.
    pub(super) fn holds(&self, body: &[u8]) -> Option<bool> {
        match self {
            Self::Equals(pointer, value) => Some(parsed(body)?.pointer(pointer) == Some(value)),
            Self::Contains(pointer, text) => holds(body, pointer.as_deref(), |found| found.contains(text)),
            Self::Matches(pointer, pattern) => holds(body, pointer.as_deref(), |found| pattern.is_match(found)),
        }
    }
}

fn compiled(pattern: &str) -> Result<Regex, ConfigError> {
    let compiled = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES_MAX).build();
    compiled.map_err(|error| {
        // The library draws the pattern with a caret under it; the last line says what is wrong.
        let error = error.to_string();
        let what = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        ConfigError::at("success_body.matches", format!("not a regular expression that can be used: {what}"))
    })
}

/// Whether `test` holds for the text of the body, or for the one at `pointer`.
fn holds(body: &[u8], pointer: Option<&str>, test: impl Fn(&str) -> bool) -> Option<bool> {
    let Some(pointer) = pointer else { return Some(test(&String::from_utf8_lossy(body))) };
    Some(text_at(&parsed(body)?, pointer).is_some_and(|found| test(&found)))
}

pub(super) fn parsed(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

/// A text, number or truth value, as text.
pub(super) fn text_at(body: &Value, pointer: &str) -> Option<String> {
    match body.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        scalar => Some(scalar.to_string()),
    }
}
