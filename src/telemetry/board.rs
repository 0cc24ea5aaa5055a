//! Numbers anybody may read at any time: each is written by one task and read without asking it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use notifyhub_platforms::contract::ErrorKind;
use serde::Serialize;

use crate::task::PlatformName;

/// All tallies. The mutex guards the lists, not the numbers: it is taken when a lane or a worker is new, and to read.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    platforms: BTreeMap<PlatformName, Arc<PlatformTally>>,
    workers: BTreeMap<u32, (u32, Arc<WorkerTally>)>,
}

/// What happens on the lanes of one platform.
#[derive(Debug, Default)]
pub struct PlatformTally {
    /// Tasks with workers.
    pub in_flight: AtomicU64,
    /// Attempts that ended with a receipt.
    pub succeeded: AtomicU64,
    /// Attempts that failed, by [`ErrorKind::ALL`].
    pub failed: [AtomicU64; ErrorKind::ALL.len()],
    /// Attempts that were followed by another.
    pub retried: AtomicU64,
}

/// What happens in one worker.
#[derive(Debug, Default)]
pub struct WorkerTally {
    /// Sends under way or in its inbox.
    pub in_flight: AtomicU64,
    /// Sends it has finished.
    pub processed: AtomicU64,
    /// How many of them failed.
    pub errors: AtomicU64,
}

/// One platform's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlatformStats {
    /// Its name.
    pub platform: PlatformName,
    /// Tasks with workers.
    pub in_flight: u64,
    /// Attempts that ended with a receipt.
    pub succeeded: u64,
    /// Attempts that failed, by kind; kinds that did not occur are left out.
    pub failed: BTreeMap<&'static str, u64>,
    /// Attempts that were followed by another.
    pub retried: u64,
}

/// One worker's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WorkerStats {
    /// Its slot.
    pub worker: u32,
    /// Which of the slot's workers it is.
    pub epoch: u32,
    /// Sends under way or in its inbox.
    pub in_flight: u64,
    /// Sends it has finished.
    pub processed: u64,
    /// How many of them failed.
    pub errors: u64,
}

impl Board {
    /// The tally of a platform.
    pub fn platform(&self, name: &PlatformName) -> Arc<PlatformTally> {
        self.lists().platforms.entry(name.clone()).or_default().clone()
    }

    /// A fresh tally for a new worker in `slot`.
    pub fn worker(&self, slot: u32, epoch: u32) -> Arc<WorkerTally> {
        let tally = Arc::<WorkerTally>::default();
        self.lists().workers.insert(slot, (epoch, tally.clone()));
        tally
    }

    /// Every platform's numbers.
    pub fn platforms(&self) -> Vec<PlatformStats> {
        self.lists().platforms.iter().map(|(name, tally)| tally.stats(name)).collect()
    }

    /// Every worker's numbers, by slot.
    pub fn workers(&self) -> Vec<WorkerStats> {
        let lists = self.lists();
        let stats = |(slot, (epoch, tally)): (&u32, &(u32, Arc<WorkerTally>))| WorkerStats {
            worker: *slot,
            epoch: *epoch,
            in_flight: tally.in_flight.load(Relaxed),
            processed: tally.processed.load(Relaxed),
            errors: tally.errors.load(Relaxed),
        };
        lists.workers.iter().map(stats).collect()
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlatformTally {
    /// Counts a failed attempt.
    pub fn count_failure(&self, kind: ErrorKind) {
        let index = ErrorKind::ALL.iter().position(|known| *known == kind);
        if let Some(count) = index.and_then(|index| self.failed.get(index)) {
            count.fetch_add(1, Relaxed);
        }
    }

    fn stats(&self, name: &PlatformName) -> PlatformStats {
        let failed = ErrorKind::ALL.iter().zip(&self.failed).map(|(kind, count)| (kind.as_str(), count.load(Relaxed)));
        PlatformStats {
            platform: name.clone(),
            in_flight: self.in_flight.load(Relaxed),
            succeeded: self.succeeded.load(Relaxed),
            failed: failed.filter(|(_, count)| *count > 0).collect(),
            retried: self.retried.load(Relaxed),
        }
    }
}
