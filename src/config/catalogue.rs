//! Every key there is, put into words: for `notifyhub platforms TYPE` and for the file that `notifyhub init` writes.

use std::fmt::Write;

use notifyhub_platforms::Registry;
use serde_json::Value;

use super::{
    schema::{schema, shared_keys},
    shape::{Kinds, Shape},
    suggest::way_out,
    tree::dotted,
    value::expected,
};

/// One key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Key {
    /// Its path below its table, e.g. `backoff.initial`.
    pub path: String,
    /// What may stand there, in words.
    pub expected: String,
    /// Its default, where it has one.
    pub default: Option<Value>,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it holds a secret.
    pub secret: bool,
    /// Whether all platforms have it.
    pub shared: bool,
    /// What it means, on one line.
    pub description: String,
    /// A value that could stand there, in TOML; empty for a secret.
    example: String,
}

/// The keys of a platform type: its own first, and of these what must be given and what holds a secret; `None` for an
/// unknown type.
pub fn platform_keys(registry: &Registry, kind: &str) -> Option<Vec<Key>> {
    registry.summary(kind)?;
    let document = schema(registry);
    let kinds = [(kind.to_owned(), kind.to_owned())].into_iter().collect();
    let shape = Shape::root(&document, &kinds).find(&["platforms".into(), kind.into()])?;
    let shared = shared_keys();
    let mut keys = keys(shape, &[], true);
    keys.retain(|key| key.path != "type");
    for key in &mut keys {
        key.shared = shared.contains_key(key.path.split('.').next().unwrap_or_default());
        if key.shared && key.default.take().is_some() {
            let text = key.description.split(" Default:").next().unwrap_or_default();
            key.description = format!("{text} Default: as in `[delivery]`.");
        }
    }
    keys.sort_by_key(|key| (key.shared, !key.required, !key.secret));
    Some(keys)
}

/// The keys of a table and of the sections below it. In a section that need not be there, no key must be given.
fn keys(table: Shape<'_>, path: &[&str], needed: bool) -> Vec<Key> {
    let Some(table) = table.alternatives().into_iter().find(|shape| shape.takes("object")) else { return Vec::new() };
    let mut found = Vec::new();
    for name in table.keys() {
        let Some(shape) = table.property(name) else { continue };
        let path: Vec<&str> = path.iter().copied().chain([name]).collect();
        let required = needed && table.required().contains(&name);
        if shape.is_section() && !shape.fields().is_empty() {
            found.extend(keys(shape, &path, required));
            continue;
        }
        let description = shape.word("description").and_then(Value::as_str).unwrap_or_default();
        found.push(Key {
            path: dotted(&path),
            expected: if shape.is_secret() { "a secret".into() } else { expected(shape) },
            default: shape.word("default").filter(|default| !default.is_null()).cloned(),
            required,
            secret: shape.is_secret(),
            shared: false,
            description: description.split_whitespace().collect::<Vec<_>>().join(" "),
            example: example(shape),
        });
    }
    found
}

/// The default, else the least that could stand there.
fn example(shape: Shape<'_>) -> String {
    if let Some(default) = shape.word("default").filter(|default| !default.is_null()) {
        return toml(default);
    }
    if let Some(word) = shape.words().and_then(|words| words.first().copied()) {
        return toml(&word.into());
    }
    let takes = |json_type: &str| shape.alternatives().iter().any(|shape| shape.takes(json_type));
    let least = [("string", "\"\""), ("array", "[]"), ("object", "{}"), ("boolean", "true"), ("number", "1"), ("integer", "1")];
    least.iter().find(|(json_type, _)| takes(json_type)).map_or("\"\"", |(_, least)| least).to_owned()
}

/// A commented file to start from, with a table for each of `kinds`.
///
/// # Errors
///
/// An unknown type, with the known ones.
pub fn template(registry: &Registry, kinds: &[String]) -> Result<String, String> {
    let mut out = String::from(
        "#:schema ./notifyhub.schema.json\n\
         # Made by `notifyhub init`. Editors complete and check this file after\n\
         #     notifyhub config schema > notifyhub.schema.json\n\
         # Every key that is not set has the default shown.\n",
    );
    for (position, kind) in kinds.iter().enumerate() {
        let known: Vec<_> = registry.kinds().collect();
        let keys =
            platform_keys(registry, kind).ok_or_else(|| format!("unknown platform type `{kind}`{}", way_out(kind, &known)))?;
        let same = kinds[..position].iter().filter(|earlier| *earlier == kind).count();
        let name = if same == 0 { kind.clone() } else { format!("{kind}-{}", same + 1) };
        let _ = write!(out, "\n# {}\n[platforms.{name}]\ntype = \"{kind}\"\n", registry.summary(kind).unwrap_or_default());
        keys.iter().for_each(|key| platform_line(&mut out, &name, key));
    }
    if kinds.is_empty() {
        let kinds = registry.kinds().collect::<Vec<_>>().join(", ");
        let _ = write!(
            out,
            "\n# Destinations. `notifyhub platforms TYPE` lists the keys of a type; there are: {kinds}\n# [platforms.NAME]\n# type = \"TYPE\"\n"
        );
    }
    out.push_str("\n# Names for several targets.\n# [groups]\n# oncall = [\"NAME\", \"NAME:RECIPIENT\"]\n");
    out.push_str("\n# Targets that are tried one after the other, until one has delivered.\n# [routes.critical]\n# chain = [\"NAME\", \"OTHER:RECIPIENT\"]\n# step_timeout = \"2m\"\n");
    sections(&mut out, &schema(registry));
    Ok(out)
}

/// Keys that must be given stand as they are; the others are comments.
fn platform_line(out: &mut String, name: &str, key: &Key) {
    if key.shared {
        return;
    }
    let variable = format!("{name}_{}", key.path).to_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    let value = if key.secret { format!("{{ env = \"{variable}\" }}") } else { key.example.clone() };
    let mark = if key.required { "" } else { "# " };
    let _ = write!(out, "# {}\n{mark}{} = {value}\n", key.description, key.path);
}

fn sections(out: &mut String, document: &Value) {
    let kinds = Kinds::new();
    let root = Shape::root(document, &kinds);
    for name in root.keys() {
        let Some(section) = root.property(name).filter(|section| !section.fields().is_empty()) else { continue };
        let about = section.word("description").and_then(Value::as_str).unwrap_or_default();
        let _ = write!(out, "\n# {about}\n[{name}]\n");
        for key in keys(section, &[], true) {
            let _ = write!(out, "# {}\n# {} = {}\n", key.description, key.path, key.example);
        }
    }
}

/// A value in TOML, on one line.
pub fn toml(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".into(),
        Value::Object(map) => {
            let entries = map.iter().map(|(key, value)| format!("{} = {}", dotted(&[key]), toml(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        // JSON's escapes are TOML's as well.
        other => other.to_string(),
    }
}
