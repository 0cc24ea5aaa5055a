//! `[store]`: where accepted work is kept.

use std::time::Duration;

/// Which store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreKind {
    /// In memory: fast, and gone with the process.
    #[default]
    Memory,
}

/// The store.
#[derive(Debug, Clone, PartialEq)]
pub struct StoreConfig {
    /// Which store. Default: memory.
    pub kind: StoreKind,
    /// How long finished work is kept for looking up. Default: 7 days in a store on disk; the memory store keeps 5 minutes.
    pub retention: Duration,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { kind: StoreKind::default(), retention: Duration::from_secs(5 * 60) }
    }
}
