//! What is counted where it happens: per platform, and for the whole engine. Most numbers have one writer.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use notifyhub_platforms::contract::ErrorKind;
use serde::Serialize;

use super::histogram::{Histogram, Scale};
use crate::{
    event::BreakerState,
    task::{DeadReason, Disposition, PlatformName},
};

/// What happens on the lanes of one platform.
#[derive(Debug)]
pub struct PlatformTally {
    /// Its number, counted from 0 in the order in which platforms were first sent to.
    pub number: u32,
    /// Tasks with workers.
    pub in_flight: AtomicU64,
    /// Attempts that ended with a receipt.
    pub succeeded: AtomicU64,
    /// Attempts that failed, by [`ErrorKind::ALL`].
    pub failed: [AtomicU64; ErrorKind::ALL.len()],
    /// Attempts that were followed by another.
    pub retried: AtomicU64,
    /// How long attempts took.
    pub took: Histogram,
    /// Tasks per job.
    pub batches: Histogram,
    /// From acceptance to the settled delivery.
    pub accept_to_delivered: Histogram,
    /// How its tasks ended.
    pub ended: EndTally,
    /// How its lanes stand, as the dispatcher was last asked.
    pub lanes: LaneTally,
}

/// How tasks ended here.
#[derive(Debug, Default)]
pub struct EndTally {
    /// Delivered.
    pub delivered: AtomicU64,
    /// Expired before they were delivered.
    pub expired: AtomicU64,
    /// Cancelled before they were delivered.
    pub cancelled: AtomicU64,
    /// Sent to another platform instead, as their route says.
    pub next_step: AtomicU64,
    /// Dead, by [`DeadReason::ALL`].
    pub dead: [AtomicU64; DeadReason::ALL.len()],
}

/// How the lanes of one platform stand together.
#[derive(Debug, Default)]
pub struct LaneTally {
    /// Tasks that wait here for their turn.
    pub waiting: AtomicU64,
    /// Age of the oldest of them, in milliseconds.
    pub oldest_ms: AtomicU64,
    /// Sends that one lane may have under way; the most of all.
    pub limit: AtomicU64,
    /// How many have their circuit breaker so, by [`BreakerState::ALL`].
    pub breakers: [AtomicU64; BreakerState::ALL.len()],
}

impl LaneTally {
    /// Nothing stands anywhere.
    pub fn clear(&self) {
        [&self.waiting, &self.oldest_ms, &self.limit]
            .into_iter()
            .chain(&self.breakers)
            .for_each(|number| number.store(0, Relaxed));
    }

    /// Counts a lane whose breaker stands so.
    pub fn count_breaker(&self, state: BreakerState) {
        let index = BreakerState::ALL.iter().position(|known| *known == state);
        if let Some(count) = index.and_then(|index| self.breakers.get(index)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Lanes by state of their breakers.
    pub fn breakers(&self) -> impl Iterator<Item = (&'static str, u64)> {
        BreakerState::ALL.iter().zip(&self.breakers).map(|(state, count)| (state.as_str(), count.load(Relaxed)))
    }
}

/// What happens in the engine as a whole.
#[derive(Debug)]
pub struct EngineTally {
    /// Notifications accepted.
    pub accepted: AtomicU64,
    /// Workers started in place of one that was lost.
    pub restarts: AtomicU64,
    /// How long the store took to write a group of outcomes.
    pub commits: Histogram,
    /// Outcomes per group.
    pub groups: Histogram,
    /// Changes of the pool's size, by direction and reason. The mutex is taken for a change and to read.
    scalings: Mutex<BTreeMap<(&'static str, &'static str), u64>>,
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

impl PlatformTally {
    /// Nothing has happened yet.
    pub fn new(number: u32) -> Self {
        Self {
            number,
            in_flight: AtomicU64::default(),
            succeeded: AtomicU64::default(),
            failed: Default::default(),
            retried: AtomicU64::default(),
            took: Histogram::new(Scale::DURATIONS),
            batches: Histogram::new(Scale::SIZES),
            accept_to_delivered: Histogram::new(Scale::DURATIONS),
            ended: EndTally::default(),
            lanes: LaneTally::default(),
        }
    }

    /// Counts a failed attempt.
    pub fn count_failure(&self, kind: ErrorKind) {
        let index = ErrorKind::ALL.iter().position(|known| *known == kind);
        if let Some(count) = index.and_then(|index| self.failed.get(index)) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// Counts attempts by class: `ok`, or the kind of error.
    pub fn attempts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let failed = ErrorKind::ALL.iter().zip(&self.failed).map(|(kind, count)| (kind.as_str(), count.load(Relaxed)));
        [("ok", self.succeeded.load(Relaxed))].into_iter().chain(failed)
    }

    /// Its numbers as they are handed out.
    pub fn stats(&self, name: &PlatformName) -> PlatformStats {
        PlatformStats {
            platform: name.clone(),
            in_flight: self.in_flight.load(Relaxed),
            succeeded: self.succeeded.load(Relaxed),
            failed: self.attempts().skip(1).filter(|(_, count)| *count > 0).collect(),
            retried: self.retried.load(Relaxed),
        }
    }
}

impl EndTally {
    /// Counts how a task ended, if it did.
    pub fn count(&self, disposition: Disposition) {
        let count = match disposition {
            Disposition::Delivered => &self.delivered,
            Disposition::Expired => &self.expired,
            Disposition::Cancelled => &self.cancelled,
            Disposition::NextStep(_) => &self.next_step,
            Disposition::Dead(reason) => {
                let index = DeadReason::ALL.iter().position(|known| *known == reason);
                let Some(count) = index.and_then(|index| self.dead.get(index)) else { return };
                count
            }
            Disposition::Retry { .. } => return,
        };
        count.fetch_add(1, Relaxed);
    }

    /// Dead tasks by reason.
    pub fn dead(&self) -> impl Iterator<Item = (&'static str, u64)> {
        DeadReason::ALL.iter().zip(&self.dead).map(|(reason, count)| (reason.as_str(), count.load(Relaxed)))
    }
}

impl Default for EngineTally {
    fn default() -> Self {
        Self {
            accepted: AtomicU64::default(),
            restarts: AtomicU64::default(),
            commits: Histogram::new(Scale::DURATIONS),
            groups: Histogram::new(Scale::SIZES),
            scalings: Mutex::default(),
        }
    }
}

impl EngineTally {
    /// Counts a change of the pool's size.
    pub fn count_scaling(&self, direction: &'static str, reason: &'static str) {
        *self.lock_scalings().entry((direction, reason)).or_default() += 1;
    }

    /// Changes of the pool's size, by direction and reason.
    pub fn scalings(&self) -> Vec<((&'static str, &'static str), u64)> {
        self.lock_scalings().iter().map(|(key, count)| (*key, *count)).collect()
    }

    fn lock_scalings(&self) -> MutexGuard<'_, BTreeMap<(&'static str, &'static str), u64>> {
        self.scalings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
