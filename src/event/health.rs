//! How the pool is, and what is suspected of making it so.

use std::{fmt, sync::Arc, time::Duration};

use serde::Serialize;

use crate::task::{PlatformName, TaskId, WorkerKey};

/// How the pool is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum HealthState {
    /// At least 80 % of the workers answer.
    Healthy,
    /// 50 to 80 % of them do.
    Degraded,
    /// Fewer do.
    Unhealthy,
    /// The hub shuts down.
    ShuttingDown,
}

impl fmt::Display for HealthState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::ShuttingDown => "shutting down",
        })
    }
}

/// How the pool is, with its reasons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PoolHealth {
    /// In a word.
    pub state: HealthState,
    /// How many workers answer.
    pub responsive: usize,
    /// How many there should be.
    pub wanted: usize,
    /// Workers that were given up and still hold a thread, which nobody can take from them.
    pub abandoned: Vec<WorkerKey>,
    /// Whether more threads are lost to such workers than can be spared: restart the process.
    pub exhausted: bool,
    /// What is wrong, in words; empty when nothing is.
    pub reasons: Arc<[String]>,
}

impl PoolHealth {
    /// Whether new work should be sent here.
    pub fn is_ready(&self) -> bool {
        self.state < HealthState::Unhealthy && !self.exhausted
    }
}

/// What a worker is at that does not answer: the send it last worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suspicion {
    /// To which platform.
    pub platform: PlatformName,
    /// Of which task.
    pub task: TaskId,
    /// How long it has held the thread by then.
    pub held: Duration,
}

impl fmt::Display for Suspicion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { platform, task, held } = self;
        write!(f, "the adapter of platform `{platform}` has held its thread for {} ms, sending task {task}", held.as_millis())
    }
}
