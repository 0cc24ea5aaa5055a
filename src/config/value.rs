//! Single values: whether one fits its place, and how it and its place are put into words.

use std::{net::SocketAddr, time::Duration};

use serde_json::Value;

use super::{
    duration, rate,
    shape::Shape,
    tree::{Content, Node},
};
use crate::task::{Target, TargetError};

/// Longest part of a text that is repeated in a message, in characters.
const SHORT_CHARS_MAX: usize = 40;

/// The levels of log lines, from nothing to everything.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Whether the value at this place may not be shown: a credential; a URL that names a target and may hold one; or
/// something of a wrong type, where credentials or such URLs belong inside.
pub(crate) fn is_secret(shape: Shape<'_>, node: &Node) -> bool {
    let url = || node.text().is_some_and(|text| matches!(text.parse(), Ok(Target::Url(_))));
    let target = || shape.word("x-format").is_some_and(|format| format == "target");
    let fits = || shape.alternatives().iter().any(|shape| shape.takes(node.json_type()));
    shape.is_secret() || (target() && url()) || ((url() || shape.holds_secrets()) && !fits())
}

/// What is there, in words.
pub(crate) fn found(shape: Shape<'_>, node: &Node) -> String {
    let secret = is_secret(shape, node);
    match &node.content {
        Content::Table(_) => "a table".into(),
        Content::List(_) => "a list".into(),
        Content::Foreign(what) => (*what).into(),
        Content::Scalar(_) if secret => "[redacted]".into(),
        Content::Scalar(Value::String(text)) => format!("the text {:?}", short(text)),
        Content::Scalar(Value::Bool(flag)) => flag.to_string(),
        Content::Scalar(number) => format!("the number {number}"),
    }
}

/// The beginning of a text, on one line.
pub(crate) fn short(text: &str) -> String {
    let mut short: String = text.chars().take(SHORT_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// What may stand here, in words.
pub(crate) fn expected(shape: Shape<'_>) -> String {
    if shape.is_secret() {
        return "a secret: \"inline\", { env = \"NAME\" }, { file = \"PATH\" } or { cmd = [\"PROGRAM\", \"ARG\"] }".into();
    }
    if let Some(words) = shape.words() {
        return format!("one of: {}", words.join(", "));
    }
    let mut choices: Vec<String> = shape.alternatives().into_iter().map(expected_one).collect();
    choices.dedup();
    choices.join(" or ")
}

fn expected_one(shape: Shape<'_>) -> String {
    match shape.word("x-format").and_then(Value::as_str) {
        Some("duration") => return format!("a duration {} such as \"30s\"", range(shape, "x-min", "x-max")),
        Some("rate") => return "a rate such as \"30/min\"".into(),
        Some("rate-table") => return "{ rate = \"30/min\", burst = 10 }".into(),
        Some("log-filter") => return format!("a level ({}) or filters such as \"info,notifyhub=debug\"", LEVELS.join(", ")),
        Some("listen") => return "an address with a port such as \"127.0.0.1:9464\", or \"\"".into(),
        Some("listen-loopback") => {
            return "an address of this machine alone with a port, such as \"127.0.0.1:8420\", or \"\"".into();
        }
        Some("target") => return "a target such as \"ops:#alerts\"".into(),
        _ => {}
    }
    let bounds = |name: &str| match range(shape, "minimum", "maximum") {
        bounds if bounds.is_empty() => name.to_owned(),
        bounds => format!("{name} {bounds}"),
    };
    let types = [
        ("string", "a text".to_owned()),
        ("integer", bounds("a whole number")),
        ("boolean", "true or false".into()),
        ("array", "a list".into()),
        ("object", "a table".into()),
    ];
    let float = (shape.takes("number"), bounds("a number"));
    let mut names: Vec<String> =
        types.into_iter().filter(|(json_type, _)| shape.takes(json_type)).map(|(_, name)| name).collect();
    if let (true, name) = float {
        names.retain(|name| !name.starts_with("a whole number"));
        names.push(name);
    }
    names.join(" or ")
}

fn range(shape: Shape<'_>, min: &str, max: &str) -> String {
    let bound = |word: &str| shape.word(word).map(|bound| bound.as_str().map_or_else(|| bound.to_string(), str::to_owned));
    match (bound(min), bound(max)) {
        (Some(min), Some(max)) => format!("from {min} to {max}"),
        (Some(min), None) => format!("of at least {min}"),
        (None, Some(max)) => format!("of at most {max}"),
        (None, None) => String::new(),
    }
}

/// What is wrong with a value whose type fits.
pub(crate) fn misfit(shape: Shape<'_>, node: &Node, path: &str) -> Option<String> {
    let wrong = || Some(format!("`{path}`: found {}, expected {}", found(shape, node), expected(shape)));
    match &node.content {
        Content::Foreign(_) => wrong(),
        Content::Scalar(Value::Number(number)) => {
            let number = number.as_f64().unwrap_or(f64::NAN);
            let bound = |word: &str| shape.word(word).and_then(Value::as_f64);
            let inside = bound("minimum").is_none_or(|min| number >= min)
                && bound("maximum").is_none_or(|max| number <= max)
                && bound("exclusiveMinimum").is_none_or(|min| number > min)
                && bound("exclusiveMaximum").is_none_or(|max| number < max);
            if inside { None } else { wrong() }
        }
        Content::Scalar(Value::String(text)) => match text_misfit(shape, text) {
            Some(Misfit::Here) => wrong(),
            Some(Misfit::Reason(reason)) => Some(format!("`{path}`: {reason}")),
            None => None,
        },
        _ => None,
    }
}

/// Whether this is a level, or filters with one level each. A bare name, which would silence everything else, is none.
fn is_log_filter(text: &str) -> bool {
    let level = |text: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(text.trim()));
    let spans = text.contains('[');
    spans || text.split(',').all(|filter| level(filter.rsplit_once('=').map_or(filter, |(_, level)| level)))
}

enum Misfit {
    /// What was found and what is expected says it all.
    Here,
    Reason(String),
}

fn text_misfit(shape: Shape<'_>, text: &str) -> Option<Misfit> {
    let length = |word: &str| shape.word(word).and_then(Value::as_u64);
    let count = text.chars().count() as u64;
    match shape.word("x-format").and_then(Value::as_str) {
        Some("duration") => {
            let bound = |word: &str| shape.word(word).and_then(Value::as_str).and_then(|bound| duration::parse(bound).ok());
            let inside =
                |found: Duration| bound("x-min").is_none_or(|min| found >= min) && bound("x-max").is_none_or(|max| found <= max);
            if duration::parse(text).is_ok_and(inside) { None } else { Some(Misfit::Here) }
        }
        Some("rate") => rate::parse(text).is_err().then_some(Misfit::Here),
        Some("log-filter") => (!is_log_filter(text)).then_some(Misfit::Here),
        Some("listen") => (!text.is_empty() && text.parse::<SocketAddr>().is_err()).then_some(Misfit::Here),
        Some("listen-loopback") => {
            let fits = text.is_empty() || text.parse().is_ok_and(|address: SocketAddr| address.ip().is_loopback());
            (!fits).then_some(Misfit::Here)
        }
        Some("target") => text.parse::<Target>().err().map(|error: TargetError| Misfit::Reason(error.to_string())),
        _ if length("minLength").is_some_and(|min| count < min) => Some(Misfit::Reason("found an empty text".into())),
        _ if length("maxLength").is_some_and(|max| count > max) => {
            Some(Misfit::Reason(format!("found a text of {count} characters, expected at most {}", length("maxLength")?)))
        }
        _ => None,
    }
}

/// Every text of more than nothing that stands at the place of a secret.
pub(crate) fn secrets(shape: Shape<'_>, node: &Node, found: &mut Vec<String>) {
    if is_secret(shape, node) {
        found.extend(node.text().filter(|text| !text.is_empty()).map(str::to_owned));
        return;
    }
    let fitting = shape.alternatives().into_iter().find(|shape| shape.takes(node.json_type())).unwrap_or(shape);
    match &node.content {
        Content::Table(table) => {
            for (key, node) in table {
                if let Some(shape) = fitting.property(key) {
                    secrets(shape, node, found);
                }
            }
        }
        Content::List(list) => list.iter().for_each(|node| secrets(fitting.item(), node, found)),
        Content::Scalar(_) | Content::Foreign(_) => {}
    }
}
