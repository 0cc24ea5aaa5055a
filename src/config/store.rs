//! `[store]`: where accepted work is kept.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration;

/// Which store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StoreKind {
    /// In memory: fast, and gone with the process.
    #[default]
    Memory,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// Which store. Default: memory.
    #[serde(rename = "type")]
    pub kind: StoreKind,
    /// How long finished work is kept for looking up. Default: 5 minutes.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub retention: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { kind: StoreKind::default(), retention: Duration::from_secs(5 * 60) }
    }
}
