//! `[store]`: where accepted work is kept.

use std::{path::PathBuf, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration;

/// Which store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StoreKind {
    /// One file on disk, owned by one process.
    #[default]
    Sqlite,
    /// In memory: fast, and gone with the process.
    Memory,
}

/// What an accepted notification survives, of a store on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeptThrough {
    /// A power cut: every commit is synced to disk.
    #[default]
    Disk,
    /// A killed process; a power cut may take the last seconds.
    Process,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Which store. Default: sqlite.
    #[serde(rename = "type")]
    pub kind: StoreKind,
    /// Its file. Default: `notifyhub/notifyhub.db` in `$XDG_STATE_HOME`, else in `~/.local/state`.
    pub path: PathBuf,
    /// What an accepted notification survives. Default: disk.
    pub durability: KeptThrough,
    /// How long finished work is kept for looking up. Default: 7 days.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub retention: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            kind: StoreKind::default(),
            path: PathBuf::new(),
            durability: KeptThrough::default(),
            retention: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}
