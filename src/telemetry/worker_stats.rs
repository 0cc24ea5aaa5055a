//! One worker's numbers, as they are shown.

use std::sync::Arc;

use serde::Serialize;

use crate::{config::Affinity, task::TaskId};

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WorkerState {
    /// It has nothing to send.
    Idle,
    /// It has sends under way.
    Processing,
    /// It finishes what it has and takes no more.
    ShuttingDown,
    /// It has ended.
    Stopped,
}

impl WorkerState {
    pub(super) const ALL: [Self; 4] = [Self::Idle, Self::Processing, Self::ShuttingDown, Self::Stopped];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Processing => "processing",
            Self::ShuttingDown => "shutting-down",
            Self::Stopped => "stopped",
        }
    }
}

/// One worker's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerStats {
    /// Its slot: the id users type.
    pub worker: u32,
    /// Which of the slot's workers it is.
    pub epoch: u32,
    /// What it is doing.
    pub state: WorkerState,
    /// Sends under way or in its inbox.
    pub in_flight: u64,
    /// Sends it has finished.
    pub processed: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How long it has been there.
    pub uptime_ms: u64,
    /// How long ago a send of it last finished; its uptime if none has.
    pub idle_ms: u64,
    /// The task it worked on last, while it has any under way.
    pub current_task: Option<TaskId>,
    /// Its share of the work under the strategy `weighted`.
    pub weight: u32,
    /// What it is specialised in, if anything.
    pub affinity: Option<Arc<Affinity>>,
    /// Average processing time of a send: exponentially weighted, the last 16 sends count most.
    pub average_us: u64,
    /// Sends finished per second, in thousandths: exponentially weighted over a few health checks.
    pub millis_per_second: u64,
    /// How many of the sends failed, in thousandths: over the same time.
    pub error_permille: u32,
    /// Time its thread spent polling its sends.
    pub busy_us: u64,
    /// Bytes of the messages it holds.
    pub bytes: u64,
}
