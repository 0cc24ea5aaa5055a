//! `[pool]`: the workers.

use std::time::Duration;

/// How a batch finds its worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Strategy {
    /// The worker with the fewest sends under way.
    #[default]
    LeastConnections,
}

/// The worker pool.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolConfig {
    /// How many workers there are. Default: 2. At least 1.
    pub min_workers: usize,
    /// Sends one worker has under way at most. Default: 32. At least 1.
    pub slots: usize,
    /// How a batch finds its worker. Default: least connections.
    pub strategy: Strategy,
    /// Most tasks of one batch. Default: 10. At least 1.
    pub batch_size: usize,
    /// How long a batch may wait to fill. Default: not at all.
    pub linger: Duration,
    /// Delivery threads of the binary; 0 is one per CPU. Default: 0.
    pub threads: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { min_workers: 2, slots: 32, strategy: Strategy::default(), batch_size: 10, linger: Duration::ZERO, threads: 0 }
    }
}
