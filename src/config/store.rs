//! `[store]`: where accepted work is kept.

use std::{fmt, path::PathBuf, time::Duration};

use notifyhub_platforms::contract::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::duration;

/// Which store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StoreKind {
    /// One file on disk, owned by one process.
    #[default]
    Sqlite,
    /// A PostgreSQL database, shared by any number of processes.
    Postgres,
    /// In memory: fast, and gone with the process.
    Memory,
}

/// Where a secret comes from: as the configuration says it, not fetched yet. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct SecretSource(Value);

impl SecretSource {
    /// A secret that is there already.
    pub fn inline(secret: &str) -> Self {
        Self(secret.into())
    }

    /// Fetches it: from the environment, a file or a command.
    ///
    /// # Errors
    ///
    /// Why it cannot be had, in plain words.
    pub fn fetch(&self) -> Result<Secret, String> {
        serde_json::from_value(self.0.clone()).map_err(|error| error.to_string())
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretSource([redacted])")
    }
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
    /// Of postgres: secret, and required there. `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; `?sslmode=` may be
    /// `disable`, `prefer` (the default), `require` or `verify-full`, and `?sslrootcert=FILE` names who else is trusted.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Secret>")]
    pub url: Option<SecretSource>,
    /// Of sqlite: its file. Default: `notifyhub/notifyhub.db` in `$XDG_STATE_HOME`, else in `~/.local/state`.
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
            url: None,
            path: PathBuf::new(),
            durability: KeptThrough::default(),
            retention: Duration::from_secs(7 * 24 * 60 * 60),
        }
    }
}
