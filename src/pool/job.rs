//! What goes into a worker and what comes out of the pool.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use notifyhub_platforms::{
    Platform,
    contract::{Envelope, Receipt, SendError},
};

use super::worker::WorkerLink;
use crate::{clock::Deadline, config::Affinity, task::WorkerKey};

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
    /// Its number on the board, for whoever looks what a worker is at.
    pub platform_number: u32,
    /// Longest time one send may take.
    pub timeout: Duration,
    /// Whether they go out in one native batch call.
    pub native_batch: bool,
    /// Until when they may be sent, if that is bounded: nothing begins that could still be under way then.
    pub lease: Option<Deadline>,
    /// The envelopes.
    pub items: Vec<Item>,
}

impl Job {
    /// Bytes of its messages.
    pub fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.envelope.message.bytes()).sum()
    }
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
        /// How it is reached.
        link: WorkerLink,
        /// What the configuration says it is specialised in.
        affinity: Option<Affinity>,
    },
    /// Sends have finished.
    Done {
        /// Whose.
        worker: WorkerKey,
        /// Which.
        sends: Vec<Done>,
    },
    /// A worker finishes what it has and is given nothing more.
    Draining {
        /// Which.
        worker: WorkerKey,
    },
    /// A worker that was draining is gone. It has reported all it had.
    Ended {
        /// Which.
        worker: WorkerKey,
    },
    /// A worker is gone, or given up. What it had will not be reported, and counts no more if it is.
    Lost {
        /// Which.
        worker: WorkerKey,
        /// Why.
        why: Arc<str>,
    },
}
