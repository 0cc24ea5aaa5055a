//! `[pool]`: the workers.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::duration;

/// How a batch finds its worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Strategy {
    /// The worker with the fewest sends under way.
    #[default]
    LeastConnections,
}

/// The worker pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoolConfig {
    /// How many workers there are, 1 to 1024. Default: 2.
    #[schemars(range(min = 1, max = 1024))]
    pub min_workers: usize,
    /// Sends one worker has under way at most, 1 to 65536. Default: 32.
    #[schemars(range(min = 1, max = 65536))]
    pub slots: usize,
    /// How a batch finds its worker. Default: least connections.
    pub strategy: Strategy,
    /// Most tasks of one batch, 1 to 10000. Default: 10.
    #[schemars(range(min = 1, max = 10000))]
    pub batch_size: usize,
    /// How long a batch may wait to fill, at most 1 min. Default: not at all.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-min" = "0s", "x-max" = "1m"))]
    pub linger: Duration,
    /// Delivery threads of the binary, at most 1024; 0 is one per CPU. Default: 0.
    #[schemars(range(min = 0, max = 1024))]
    pub threads: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { min_workers: 2, slots: 32, strategy: Strategy::default(), batch_size: 10, linger: Duration::ZERO, threads: 0 }
    }
}
