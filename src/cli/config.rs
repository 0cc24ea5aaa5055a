//! `notifyhub config`: what the configuration says, and who says so.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Context, Exit, Failure, Format, exit::note};
use crate::config::{self, Origin, Sources};

/// Show the configuration, its schema or its files
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print every key with its value and who set it; secrets are left out
    Show,
    /// Print a JSON Schema of the file, for editors
    Schema,
    /// Print the files that are read, in order
    Path,
}

impl Config {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self {
            Self::Show => show(context)?,
            Self::Schema => context.output().json(&config::schema(&context.registry))?,
            Self::Path => path(context)?,
        }
        Ok(Exit::Done)
    }
}

fn show(context: &Context) -> Result<(), Failure> {
    let loaded = context.load()?;
    let mut output = context.output();
    let table = output.format() == Format::Table;
    let record = |entry: &config::Entry| {
        let value = if table { config::toml(&entry.value).into() } else { entry.value.clone() };
        json!({"key": entry.key, "value": value, "origin": entry.origin.to_string(), "default": entry.origin == Origin::Default})
    };
    let records: Vec<Value> = loaded.entries().iter().map(record).collect();
    Ok(output.list(&["key", "value", "origin"], &records)?)
}

fn path(context: &Context) -> Result<(), Failure> {
    let sources = context.sources();
    if sources.files.is_empty() {
        let places = Sources::places(&sources.env, Path::new(""));
        let places: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        note(&format!("no configuration file, looked for: {}", places.join(", ")));
    }
    let records: Vec<Value> =
        sources.files.iter().map(|file| json!({"file": file.display().to_string(), "exists": file.exists()})).collect();
    let mut output = context.output();
    match output.format() {
        Format::Table => {
            let lines = sources.files.iter().map(|file| format!("{}\n", file.display()));
            Ok(output.text(&lines.collect::<String>())?)
        }
        Format::Json | Format::Ndjson => Ok(output.list(&["file"], &records)?),
    }
}
