//! What goes into a worker and what comes out of the pool.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use notifyhub_platforms::{
    Platform,
    contract::{Envelope, Receipt, SendError},
};
use tokio::sync::mpsc;

/// One worker's life: the slot it works in, and which of the slot's workers it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkerKey {
    /// Stable over replacements.
    pub slot: u32,
    /// Counts the slot's workers, from 1.
    pub epoch: u32,
}

impl fmt::Display for WorkerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.epoch)
    }
}

/// One envelope of a job, and the name under which its outcome is reported.
#[derive(Debug)]
pub struct Item {
    /// The giver's own key.
    pub key: usize,
    /// What is to be sent.
    pub envelope: Envelope,
}

/// Envelopes for one platform, handed to one worker together.
pub struct Job {
    /// Who sends them.
    pub platform: Arc<dyn Platform>,
    /// Longest time one send may take.
    pub timeout: Duration,
    /// Whether they go out in one native batch call.
    pub native_batch: bool,
    /// The envelopes.
    pub items: Vec<Item>,
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("items", &self.items).finish_non_exhaustive()
    }
}

/// One finished send.
#[derive(Debug)]
pub struct Done {
    /// The giver's key of the item.
    pub key: usize,
    /// When the send began.
    pub started: Instant,
    /// How long it took.
    pub took: Duration,
    /// What came of it.
    pub result: Result<Receipt, SendError>,
}

/// What the pool reports.
#[derive(Debug)]
pub enum PoolEvent {
    /// A worker is ready for jobs.
    Started {
        /// Which.
        worker: WorkerKey,
        /// Where its jobs go.
        inbox: mpsc::Sender<Job>,
        /// How many jobs it has taken out of its inbox so far.
        taken: Arc<AtomicU64>,
    },
    /// Sends have finished.
    Done {
        /// Whose.
        worker: WorkerKey,
        /// Which.
        sends: Vec<Done>,
    },
    /// A worker is gone. What it had will not be reported.
    Lost {
        /// Which.
        worker: WorkerKey,
        /// Why.
        why: String,
    },
}
