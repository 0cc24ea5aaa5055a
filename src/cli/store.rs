//! `notifyhub store`: looking after the store's file.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use super::{Context, Exit, Failure, exit::note};
use crate::{
    config::{StoreConfig, StoreKind},
    hub::store::path,
};

/// Look after the store's file
#[derive(Debug, Subcommand)]
pub enum Store {
    /// Copy the file as it is at this moment; a service may be using it
    Backup {
        /// The copy, which must not be there yet
        to: PathBuf,
    },
}

impl Store {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let loaded = context.load_and_log("error")?;
        let file = file(&loaded.config.store)?;
        match self {
            Self::Backup { to } => backup(context, &file, &to),
        }
    }
}

/// The file of the configured store.
fn file(config: &StoreConfig) -> Result<PathBuf, Failure> {
    match config.kind {
        StoreKind::Sqlite => Ok(path(&config.path)?),
        StoreKind::Postgres => {
            let message = "the store is a PostgreSQL database, which has no file here; back it up with its own tools (pg_dump)";
            Err(Failure::new(Exit::Config, message))
        }
        StoreKind::Memory => Err(Failure::new(Exit::Config, "the store is in memory and has no file (`store.type`)")),
    }
}

#[cfg(feature = "sqlite")]
fn backup(context: &Context, file: &Path, to: &Path) -> Result<Exit, Failure> {
    crate::store::backup(file, to).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let bytes = std::fs::metadata(to).map_or(0, |copy| copy.len());
    context.output().list(&["file", "bytes"], &[json!({ "file": to, "bytes": bytes })])?;
    Ok(Exit::Done)
}

/// Looks the file over, and fails if anything is wrong with it.
#[cfg(feature = "sqlite")]
pub fn check(context: &Context, config: &StoreConfig) -> Result<(), Failure> {
    let file = file(config)?;
    let found = crate::store::inspect(&file).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    if let [first, others @ ..] = &found.problems[..] {
        others.iter().for_each(|problem| note(&format!("error: {problem}")));
        return Err(Failure::new(Exit::Failed, format!("{}: {first}; restore a backup", file.display())));
    }
    if !context.global.quiet {
        note(&format!("{}: {} tasks, {} of them to be done; nothing is wrong", file.display(), found.tasks, found.open));
    }
    Ok(())
}

#[cfg(not(feature = "sqlite"))]
fn backup(_context: &Context, _file: &Path, _to: &Path) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Config, "this program is built without the feature `sqlite`"))
}

/// There is no file to look over.
#[cfg(not(feature = "sqlite"))]
pub fn check(_context: &Context, _config: &StoreConfig) -> Result<(), Failure> {
    Err(Failure::new(Exit::Config, "this program is built without the feature `sqlite`"))
}
