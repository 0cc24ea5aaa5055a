//! A configuration that was read: what it says, and who says so.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    Config, Origin,
    shape::Shape,
    tree::{Content, Node, dotted},
    value,
};

/// A configuration without mistakes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// The files it was read from, in order.
    pub files: Vec<PathBuf>,
    /// What is no mistake but should be looked at.
    pub warnings: Vec<String>,
    pub(super) entries: Vec<Entry>,
}

/// One key, its value and who set it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// The key, e.g. `platforms.ops.webhook_url`.
    pub key: String,
    /// The value; `[redacted]` stands for a secret. Where a secret is kept elsewhere, that place is shown.
    pub value: Value,
    /// Who set it.
    pub origin: Origin,
}

impl Loaded {
    /// Every key, in alphabetical order. Secrets are left out.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// One key, e.g. `pool.slots`.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

/// A value that may be shown.
pub(super) fn redacted(shape: Option<Shape<'_>>, node: &Node) -> Value {
    let Some(shape) = shape else { return "[redacted]".into() };
    if value::is_secret(shape, node) {
        return secret(node);
    }
    let fitting = shape.alternatives().into_iter().find(|shape| shape.takes(node.json_type())).unwrap_or(shape);
    match &node.content {
        Content::Table(table) => table.iter().map(|(key, node)| (key.clone(), redacted(fitting.property(key), node))).collect(),
        Content::List(list) => list.iter().map(|node| redacted(Some(fitting.item()), node)).collect(),
        Content::Scalar(value) => value.clone(),
        Content::Foreign(_) => Value::Null,
    }
}

/// Where a secret is kept is none; what a command is given may be.
fn secret(node: &Node) -> Value {
    for source in ["env", "file"] {
        if let Some(place) = node.find(&[source]).and_then(Node::text) {
            return json!({source: place});
        }
    }
    match node.find(&["cmd"]) {
        Some(_) => json!({"cmd": "[redacted]"}),
        None => "[redacted]".into(),
    }
}

/// Whether a secret is written out somewhere in the value, and at which key.
pub(super) fn inline_secret(shape: Shape<'_>, node: &Node, path: &mut Vec<String>) -> Option<String> {
    if value::is_secret(shape, node) {
        return node.text().map(|_| dotted(path));
    }
    let table = shape.alternatives().into_iter().find(|shape| shape.takes("object"))?;
    node.table()?.iter().find_map(|(key, node)| {
        path.push(key.clone());
        let found = table.property(key).and_then(|shape| inline_secret(shape, node, path));
        path.pop();
        found
    })
}
