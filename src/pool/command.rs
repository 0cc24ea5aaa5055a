//! What the supervisor can be asked by hand.

use tokio::sync::oneshot;

use super::WorkerKey;

/// A request, and where its answer goes.
#[derive(Debug)]
pub struct PoolCommand {
    /// What is asked.
    pub ask: Ask,
    /// Told when it is done, or why it cannot be.
    pub reply: oneshot::Sender<Result<(), PoolError>>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// So many workers from now on, whatever the load says and the bounds are.
    ScaleTo(usize),
    /// The scaler decides again.
    Auto,
    /// The scaler stays within these from now on.
    Bounds {
        /// Fewest workers.
        min: usize,
        /// Most workers.
        max: usize,
    },
    /// The worker in this slot finishes what it has and ends; the pool is one smaller.
    Drain(u32),
    /// The worker in this slot finishes what it has and ends; a new one takes its place at once.
    Restart(u32),
    /// The worker in this slot ends now, as if it had died.
    Kill(u32),
}

/// Why the pool cannot do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// There is no such worker.
    #[error("there is no worker {worker}, expected one of: {}", list(.known))]
    NoSuchWorker {
        /// The slot that was named.
        worker: u32,
        /// The slots that have a worker.
        known: Vec<u32>,
    },
    /// Nobody would be left to send anything.
    #[error("worker {0} is the last one: scale up first, or restart it")]
    LastWorker(u32),
    /// A number is out of its bounds.
    #[error("{what} is {value}, expected {min} to {max}")]
    OutOfBounds {
        /// Which number.
        what: &'static str,
        /// What it is.
        value: usize,
        /// The least it may be.
        min: usize,
        /// The most it may be.
        max: usize,
    },
    /// The hub shuts down.
    #[error("the hub is shutting down")]
    ShuttingDown,
}

/// What the monitor asks of the supervisor: this worker shows no sign of life.
#[derive(Debug)]
pub struct Suspect {
    /// Which.
    pub worker: WorkerKey,
    /// What is known of why.
    pub why: String,
}

fn list(slots: &[u32]) -> String {
    let slots: Vec<_> = slots.iter().map(ToString::to_string).collect();
    if slots.is_empty() { "none".into() } else { slots.join(", ") }
}
