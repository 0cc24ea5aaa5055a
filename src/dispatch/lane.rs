//! One road: the tasks that queue on it, and whether it may send now.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{clock::Clock, policy::RateLimiter, routing::PlatformEntry, task::LaneKey, telemetry::PlatformTally};

/// A lane. It is in the ready ring, parked on a timer, or neither: then it has nothing to do, or waits for a send of
/// its own to finish.
#[derive(Debug)]
pub struct Lane {
    /// Its key.
    pub key: LaneKey,
    /// Its platform.
    pub entry: Arc<PlatformEntry>,
    /// Ledger keys of the tasks that queue on it, oldest first.
    pub queue: VecDeque<usize>,
    /// Its tasks with workers.
    pub in_flight: usize,
    /// Whether it stands in the ready ring.
    pub in_ring: bool,
    /// Whether due tasks of it were left in the store.
    pub backlog: bool,
    /// Where its numbers are shown.
    pub tally: Arc<PlatformTally>,
    limiter: RateLimiter,
    rests_until: Option<Instant>,
    lingers_until: Option<Instant>,
}

/// What bounds the next batch of any lane.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Most tasks of one batch.
    pub batch_size: usize,
    /// How long a batch may wait to fill.
    pub linger: Duration,
    /// Most sends one lane may have under way.
    pub share: usize,
}

/// Whether a lane may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Up to so many tasks, now.
    Ready(usize),
    /// Not before this.
    Parked(Instant),
    /// Not before something happens: a task arrives, or a send finishes.
    Waiting,
}

impl Lane {
    /// An idle lane.
    pub fn new(key: LaneKey, entry: Arc<PlatformEntry>, tally: Arc<PlatformTally>, clock: Arc<dyn Clock>) -> Self {
        let limiter = RateLimiter::new(&entry.delivery.rate_limit, clock);
        let (queue, in_flight) = (VecDeque::new(), 0);
        Self {
            key,
            entry,
            queue,
            in_flight,
            in_ring: false,
            backlog: false,
            tally,
            limiter,
            rests_until: None,
            lingers_until: None,
        }
    }

    /// How many tasks may go out now as far as the lane itself knows; its rate limit is asked task by task.
    ///
    /// Only batches that go out in one native call linger: for the others a full batch gains nothing.
    pub fn readiness(&mut self, now: Instant, limits: BatchLimits) -> Readiness {
        let BatchLimits { batch_size, linger, share } = limits;
        let free = self.entry.delivery.max_in_flight.min(share).saturating_sub(self.in_flight);
        if self.queue.is_empty() || free == 0 {
            self.lingers_until = None;
            return Readiness::Waiting;
        }
        if let Some(until) = self.rests_until {
            if now < until {
                return Readiness::Parked(until);
            }
            self.rests_until = None;
        }
        let batch = self.batch_max(batch_size).min(free);
        if self.queue.len() < batch && self.is_batching() && !linger.is_zero() {
            let until = *self.lingers_until.get_or_insert(now + linger);
            if now < until {
                return Readiness::Parked(until);
            }
        }
        self.lingers_until = None;
        Readiness::Ready(batch.min(self.queue.len()))
    }

    /// Most tasks of one batch of this lane.
    fn batch_max(&self, batch_size: usize) -> usize {
        if self.is_batching() { self.entry.capabilities.batch_max.min(batch_size) } else { batch_size }
    }

    /// Whether its batches go out in one native call.
    pub fn is_batching(&self) -> bool {
        self.entry.capabilities.batch_max > 1
    }

    /// Takes the rate limit's allowance for one task, or rests until there is some.
    pub fn take_allowance(&mut self) -> bool {
        match self.limiter.take() {
            Ok(()) => true,
            Err(until) => {
                self.rest_until(until);
                false
            }
        }
    }

    /// Sends nothing before `until`. False if it rests at least that long already.
    pub fn rest_until(&mut self, until: Instant) -> bool {
        let later = self.rests_until.is_none_or(|other| other < until);
        if later {
            self.rests_until = Some(until);
        }
        later
    }

    /// Whether it rests at `now`.
    pub fn is_resting(&self, now: Instant) -> bool {
        self.rests_until.is_some_and(|until| now < until)
    }

    /// How many more tasks it can take, queued and in flight together.
    pub fn credit(&self, now: Instant) -> usize {
        if self.is_resting(now) {
            return 0;
        }
        self.held_max().saturating_sub(self.queue.len() + self.in_flight)
    }

    /// Whether it holds as many tasks as it may.
    pub fn is_full(&self) -> bool {
        self.queue.len() + self.in_flight >= self.held_max()
    }

    /// Whether it should be refilled from the store.
    pub fn wants_more(&self, now: Instant) -> bool {
        self.backlog && !self.is_resting(now) && self.queue.len() + self.in_flight <= self.held_max() / 2
    }

    fn held_max(&self) -> usize {
        2 * self.entry.delivery.max_in_flight
    }
}
