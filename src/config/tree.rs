//! What one source says: a tree of values, each with where it stands.

use std::{collections::BTreeMap, ops::Range};

use serde_json::Value;

/// One value and where it stands in its source's text, in bytes. Sources without text have empty ranges.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Where its key stands; empty for the items of a list.
    pub(crate) key_at: Range<usize>,
    /// Where the value stands.
    pub(crate) at: Range<usize>,
    /// The value.
    pub(crate) content: Content,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Table(BTreeMap<String, Node>),
    List(Vec<Node>),
    Scalar(Value),
    /// Something no key takes: what it is.
    Foreign(&'static str),
}

impl Node {
    /// A value of a source that has no text.
    pub(crate) fn bare(value: Value) -> Self {
        let content = match value {
            Value::Object(map) => Content::Table(map.into_iter().map(|(key, value)| (key, Self::bare(value))).collect()),
            Value::Array(list) => Content::List(list.into_iter().map(Self::bare).collect()),
            scalar => Content::Scalar(scalar),
        };
        Self { key_at: 0..0, at: 0..0, content }
    }

    /// A value at the end of a path.
    pub(crate) fn nested(path: &[String], value: Value) -> Self {
        Self::bare(path.iter().rev().fold(value, |value, key| Value::Object([(key.clone(), value)].into_iter().collect())))
    }

    /// The value without its places.
    pub(crate) fn json(&self) -> Value {
        match &self.content {
            Content::Table(table) => Value::Object(table.iter().map(|(key, node)| (key.clone(), node.json())).collect()),
            Content::List(list) => Value::Array(list.iter().map(Self::json).collect()),
            Content::Scalar(value) => value.clone(),
            Content::Foreign(_) => Value::Null,
        }
    }

    /// The table here, if one is.
    pub(crate) fn table(&self) -> Option<&BTreeMap<String, Self>> {
        if let Content::Table(table) = &self.content { Some(table) } else { None }
    }

    /// The text here, if one is.
    pub(crate) fn text(&self) -> Option<&str> {
        if let Content::Scalar(value) = &self.content { value.as_str() } else { None }
    }

    /// The value at the end of a path; `[n]` leads into a list.
    pub(crate) fn find<S: AsRef<str>>(&self, path: &[S]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| match &node.content {
            Content::Table(table) => table.get(key.as_ref()),
            Content::List(list) => list.get(index_of(key.as_ref())?),
            Content::Scalar(_) | Content::Foreign(_) => None,
        })
    }

    /// Where to point when something is wrong with the value: at its key, where it has one.
    pub(crate) fn mark(&self) -> Range<usize> {
        if self.key_at.is_empty() { self.at.clone() } else { self.key_at.clone() }
    }

    /// The JSON type of the value, as the schema calls it.
    pub(crate) fn json_type(&self) -> &'static str {
        match &self.content {
            Content::Table(_) => "object",
            Content::List(_) => "array",
            Content::Foreign(_) | Content::Scalar(Value::Null | Value::Array(_) | Value::Object(_)) => "null",
            Content::Scalar(Value::Bool(_)) => "boolean",
            Content::Scalar(Value::String(_)) => "string",
            Content::Scalar(Value::Number(number)) if number.is_f64() => "number",
            Content::Scalar(Value::Number(_)) => "integer",
        }
    }
}

/// A path as users write it: `platforms.ops.headers."X.Team"`, `groups.oncall[1]`.
pub(crate) fn dotted<S: AsRef<str>>(path: &[S]) -> String {
    let mut out = String::new();
    for key in path.iter().map(AsRef::as_ref) {
        let bare = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        if index_of(key).is_some() {
            out.push_str(key);
            continue;
        }
        if !out.is_empty() {
            out.push('.');
        }
        if bare { out.push_str(key) } else { out.push_str(&format!("{key:?}")) }
    }
    out
}

/// The key of the item of a list, in a path.
pub(crate) fn index(position: usize) -> String {
    format!("[{position}]")
}

fn index_of(key: &str) -> Option<usize> {
    key.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}
