//! `notifyhub platforms`: the platform types there are, and every key of one.

use clap::Args;
use serde_json::{Value, json};

use super::{Context, Exit, Failure, Format};
use crate::config::{self, Key};

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
        let summary = context.registry.summary(kind).unwrap_or_default();
        output.text(&format!("{kind}: {summary}\n\n"))?;
    }
    let table = output.format() == Format::Table;
    let records: Vec<Value> = keys.iter().map(|key| record(key, table)).collect();
    Ok(output.list(&["key", "value", "default", "meaning"], &records)?)
}

fn record(key: &Key, table: bool) -> Value {
    let default = match (&key.default, key.required) {
        (_, true) if table => "(required)".into(),
        (Some(default), _) if table => config::toml(default).into(),
        (default, _) => default.clone().unwrap_or_default(),
    };
    json!({
        "key": key.path,
        "value": key.expected,
        "default": default,
        "required": key.required,
        "secret": key.secret,
        "shared": key.shared,
        "meaning": key.description,
    })
}
