//! What this process knows without asking: its claims, what it counted itself, and what others did when it last looked.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;
use uuid::Uuid;

use crate::{
    store::{Counts, LeaseToken, rank::Ranks},
    task::{PlatformName, TaskState},
};

/// What was counted, as differences: a task may be accepted by one node and delivered by another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub accepted: i64,
    pub delivered: i64,
    pub dead: i64,
    pub cancelled: i64,
    pub expired: i64,
    pub stale: i64,
}

impl Tally {
    /// Counts a task that has become final.
    pub fn count(&mut self, state: TaskState, by: i64) {
        match state {
            TaskState::Delivered => self.delivered += by,
            TaskState::Dead => self.dead += by,
            TaskState::Cancelled => self.cancelled += by,
            _ => self.expired += by,
        }
    }

    /// The sum of both.
    pub fn plus(self, other: Self) -> Self {
        Self {
            accepted: self.accepted + other.accepted,
            delivered: self.delivered + other.delivered,
            dead: self.dead + other.dead,
            cancelled: self.cancelled + other.cancelled,
            expired: self.expired + other.expired,
            stale: self.stale + other.stale,
        }
    }
}

/// What is known without asking.
#[derive(Debug, Default)]
pub struct Book {
    /// Counted by this process.
    pub own: Tally,
    /// Counted by all others.
    pub others: Tally,
    /// The claims of this process, and those it is just making.
    pub leases: HashSet<LeaseToken, RandomState>,
    /// Tasks the others have claimed.
    pub leased_by_others: i64,
    /// The claim of a task that runs alone.
    pub alone: Option<LeaseToken>,
    /// Claims of tasks that others wait for, with their chain.
    pub chained: HashMap<LeaseToken, i64>,
    /// Lanes on which something waits in the database, as far as is known: fresh work must not overtake it.
    pub ready: HashSet<String>,
    /// When the next waiting task becomes due or expires, as far as is known; 0 where it must be looked up.
    pub next_wake: i64,
    /// The order within lanes.
    pub ranks: Ranks,
    /// Platforms that came as URLs, and are known to this process.
    pub urls: HashSet<PlatformName>,
    /// The notification up to which the last slice was pruned.
    pub pruned_to: Uuid,
}

impl Book {
    /// How many tasks are in which state, all nodes together.
    pub fn counts(&self) -> Counts {
        let Tally { accepted, delivered, dead, cancelled, expired, stale } = self.own.plus(self.others);
        let [accepted, delivered, dead, cancelled, expired, stale] =
            [accepted, delivered, dead, cancelled, expired, stale].map(|count| u64::try_from(count).unwrap_or_default());
        let open = accepted.saturating_sub(delivered + dead + cancelled + expired);
        let leased = u64::try_from(self.leases.len() as i64 + self.leased_by_others).unwrap_or_default().min(open);
        Counts { accepted, waiting: open - leased, leased, delivered, dead, cancelled, expired, stale }
    }

    /// Remembers that a task wakes then.
    pub fn wake_at(&mut self, wake: Option<i64>) {
        if let Some(wake) = wake {
            self.next_wake = self.next_wake.min(wake);
        }
    }

    /// A claim has ended. Whether it was of a task that runs alone: the next one may go.
    pub fn end(&mut self, token: LeaseToken) -> bool {
        self.leases.remove(&token);
        self.chained.remove(&token);
        self.alone.take_if(|alone| *alone == token).is_some()
    }
}
