//! Whether a lane may send now: what it was told, what its limits say, and how its breaker stands.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rand::Rng;

use crate::{
    clock::Clock,
    config::DeliveryConfig,
    event::BreakerState,
    policy::{Breaker, Concurrency, Pace, RateLimiter, RetryBudget, Sign, Trip},
};

/// Everything that can keep a lane from sending.
#[derive(Debug)]
pub struct Gate {
    limiter: RateLimiter,
    pace: Pace,
    breaker: Breaker,
    concurrency: Concurrency,
    /// How soon what failed may come again.
    pub retries: RetryBudget,
    /// Tasks that one send may carry.
    batch_max: usize,
    max_in_flight: usize,
    /// Whether a person said that nothing is to be sent.
    pub paused: bool,
    /// Until when it was told to rest.
    rests_until: Option<Instant>,
    /// Until when its rate limit lets nothing more go.
    limited_until: Option<Instant>,
    /// Until when the rate that it was found to be let through does.
    paced_until: Option<Instant>,
}

/// Why nothing is sent for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bar {
    /// A person said so.
    Paused,
    /// Its breaker is open.
    Open(Instant),
    /// Its platform refuses the credentials.
    Suspended(Instant),
    /// Its platform asked for it, or the store could not be written to.
    Rests(Instant),
    /// Its rate limit is used up.
    Limited(Instant),
    /// The rate that it was found to be let through is used up.
    Paced(Instant),
}

impl Bar {
    /// Until when, if that is known.
    pub fn until(self) -> Option<Instant> {
        match self {
            Self::Paused => None,
            Self::Open(until) | Self::Suspended(until) | Self::Rests(until) | Self::Limited(until) | Self::Paced(until) => {
                Some(until)
            }
        }
    }
}

impl Gate {
    /// Open, with all limits unused, for sends of up to `batch_max` tasks of which each may be `weighted`.
    pub fn new(delivery: &DeliveryConfig, batch_max: usize, weighted: bool, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let breaker = Breaker::new(delivery.breaker.clone(), now);
        let limiter = RateLimiter::new(&delivery.rate_limit, weighted, clock);
        let (batch_max, max_in_flight) = (batch_max.max(1), delivery.max_in_flight);
        let concurrency = Concurrency::new(max_in_flight, batch_max, now);
        Self {
            limiter,
            pace: Pace::new(),
            breaker,
            concurrency,
            retries: RetryBudget::new(now),
            batch_max,
            max_in_flight,
            paused: false,
            rests_until: None,
            limited_until: None,
            paced_until: None,
        }
    }

    /// What bars the way at `now` for longest, if anything does. What has begun already has its allowance: no limit bars it.
    pub fn bar(&self, now: Instant, has_begun: bool) -> Option<Bar> {
        if self.paused {
            return Some(Bar::Paused);
        }
        let limited = self.limited_until.filter(|_| !has_begun).map(Bar::Limited);
        let paced = self.paced_until.filter(|_| !has_begun).map(Bar::Paced);
        let blocked = self.breaker.blocked_until().map(|until| match self.breaker.state() {
            BreakerState::Suspended => Bar::Suspended(until),
            _ => Bar::Open(until),
        });
        let bars = [self.rests_until.map(Bar::Rests), limited, paced, blocked];
        bars.into_iter().flatten().filter(|bar| bar.until().is_some_and(|until| now < until)).max_by_key(|bar| bar.until())
    }

    /// Tasks that may be under way at this moment.
    pub fn limit(&self) -> usize {
        let limit = self.concurrency.limit().saturating_mul(self.batch_max).min(self.max_in_flight);
        self.breaker.probes_left().map_or(limit, |_| limit.min(Breaker::PROBES))
    }

    /// How many more tasks may go while `in_flight` have not come back.
    pub fn free(&self, in_flight: usize) -> usize {
        let free = self.limit().saturating_sub(in_flight);
        self.breaker.probes_left().map_or(free, |probes| free.min(probes))
    }

    /// Takes the allowance for a task of this weight, told or found out, or waits until there is some: returns until when.
    pub fn take_allowance(&mut self, weight: u32, now: Instant) -> Result<(), Instant> {
        if let Some(until) = self.pace.wait(now) {
            self.paced_until = Some(until);
            return Err(until);
        }
        self.limiter.take(weight).inspect_err(|until| self.limited_until = Some(*until))?;
        self.pace.take(weight, now);
        Ok(())
    }

    /// So much was sent so long ago by others, or before a restart.
    pub fn restore(&mut self, sent: &[(Duration, u64)]) {
        self.limiter.restore(sent);
    }

    /// Its account lets nothing more go before `until`.
    pub fn limited_until(&mut self, until: Instant) {
        self.limited_until = Some(until);
    }

    /// Sends per second that it was found to be let through, if it keeps to that.
    pub fn learned_rate(&self) -> Option<f64> {
        self.pace.rate()
    }

    /// Sends nothing before `until`. False if it rests at least that long already.
    pub fn rest_until(&mut self, until: Instant) -> bool {
        let later = self.rests_until.is_none_or(|other| other < until);
        if later {
            self.rests_until = Some(until);
        }
        later
    }

    /// Whether it stands as a new one would, but for how much may be under way.
    pub fn is_as_new(&self, now: Instant) -> bool {
        self.bar(now, false).is_none() && self.breaker.state() == BreakerState::Closed && self.pace.rate().is_none()
    }

    /// Whether nothing is sent for now, since its platform fails or refuses us.
    pub fn is_shut(&self) -> bool {
        matches!(self.breaker.state(), BreakerState::Open | BreakerState::Suspended)
    }

    /// How its breaker stands.
    pub fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    /// Lets probes go if it is time. Whether it is.
    pub fn look(&mut self, now: Instant) -> bool {
        self.breaker.look(now)
    }

    /// Tasks are given out. Whether they are probes.
    pub fn gives(&mut self, tasks: usize) -> bool {
        self.breaker.gives(tasks)
    }

    /// A probe came back unsent.
    pub fn takes_back(&mut self) {
        self.breaker.takes_back();
    }

    /// Learns from an attempt of this weight. Whether its breaker stands otherwise now.
    pub fn learn(&mut self, trip: Trip, weight: u32, is_probe: bool, now: Instant, rng: &mut impl Rng) -> bool {
        if trip.rate_limited {
            self.pace.refused(trip.began, now);
        } else if trip.sign == Sign::Answers {
            self.pace.passed(weight);
            self.retries.earn(now);
        }
        let is_other = self.breaker.learn(trip.sign, is_probe, trip.began, now, rng);
        let closed = self.breaker.state() == BreakerState::Closed;
        if closed && is_other {
            // Whatever it could do before it failed, it is begun with little.
            self.concurrency = Concurrency::new(self.max_in_flight, self.batch_max, now);
        } else if closed && (trip.rate_limited || matches!(trip.sign, Sign::Answers | Sign::Fails)) {
            self.concurrency.learn(trip, now);
        }
        is_other
    }

    /// Opens its breaker by hand.
    pub fn open(&mut self, now: Instant, rng: &mut impl Rng) {
        self.breaker.open(now, rng);
    }

    /// Suspends it, because a neighbour on the same platform was refused.
    pub fn suspend(&mut self, now: Instant, rng: &mut impl Rng) {
        self.breaker.suspend(now, rng);
    }

    /// Closes its breaker by hand, and ends its rest.
    pub fn close(&mut self, now: Instant) {
        self.breaker.close(now);
        self.rests_until = None;
    }
}
