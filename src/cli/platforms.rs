//! `notifyhub platforms`: the platform types there are, and every key of one.

use clap::Args;
use notifyhub_platforms::Registry;
use serde_json::{Value, json};

use super::{Context, Exit, Failure, Format};
use crate::config::{self, Key};

/// Longest line of a page, in characters.
const LINE_MAX: usize = 100;

/// List the platform types, or every key of one
#[derive(Debug, Args)]
pub struct Platforms {
    /// A platform type, e.g. slack
    #[arg(value_name = "TYPE")]
    kind: Option<String>,
}

impl Platforms {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.kind {
            Some(kind) => one(context, &kind)?,
            None => all(context)?,
        }
        Ok(Exit::Done)
    }
}

fn all(context: &Context) -> Result<(), Failure> {
    let registry = &context.registry;
    let schemes = |kind| registry.schemes(kind).iter().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>();
    let records: Vec<Value> =
        registry.kinds().map(|kind| json!({"type": kind, "summary": registry.summary(kind), "urls": schemes(kind)})).collect();
    Ok(context.output().list(&["type", "summary", "urls"], &records)?)
}

fn one(context: &Context, kind: &str) -> Result<(), Failure> {
    let Some(keys) = config::platform_keys(&context.registry, kind) else {
        let known: Vec<_> = context.registry.kinds().collect();
        let message = format!("unknown platform type `{kind}`, expected one of: {}", known.join(", "));
        return Err(Failure::new(Exit::Usage, message));
    };
    let mut output = context.output();
    if output.format() == Format::Table {
        return Ok(output.text(&page(&context.registry, kind, &keys))?);
    }
    Ok(output.list(&[], &keys.iter().map(record).collect::<Vec<_>>())?)
}

/// One type for people: its own keys first, then those of every platform.
fn page(registry: &Registry, kind: &str, keys: &[Key]) -> String {
    let summary = registry.summary(kind).unwrap_or_default();
    let urls: Vec<_> = registry.schemes(kind).iter().map(|scheme| format!("{scheme}://")).collect();
    let urls = if urls.is_empty() { String::new() } else { format!("URLs without configuration: {}\n", urls.join(", ")) };
    let of = |shared| keys.iter().filter(move |key| key.shared == shared).map(entry).collect::<String>();
    format!(
        "{kind}: {summary}\n{urls}\nKeys of {kind}:\n\n{}Keys of every platform:\n\n{}\
        `notifyhub init --platform {kind}` writes a file with all of them.\n",
        of(false),
        of(true)
    )
}

/// A key, what may stand there, and below it what it means.
fn entry(key: &Key) -> String {
    let required = if key.required { ", required" } else { "" };
    let default = match &key.default {
        Some(default) if !key.description.contains("Default:") => format!(" Default: {}.", config::toml(default)),
        _ => String::new(),
    };
    let meaning = key.description.strip_prefix("Secret. ").unwrap_or(&key.description);
    let head = wrapped(&format!("{}  ({}{required})", key.path, key.expected), 2);
    format!("{head}{}\n", wrapped(&format!("{meaning}{default}"), 6))
}

/// The words of a text in lines of at most [`LINE_MAX`] characters, indented; a longer word has a line of its own.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if indent + line.chars().count() + 1 + word.chars().count() <= LINE_MAX => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}

fn record(key: &Key) -> Value {
    json!({
        "key": key.path,
        "value": key.expected,
        "default": key.default,
        "required": key.required,
        "secret": key.secret,
        "shared": key.shared,
        "meaning": key.description,
    })
}
