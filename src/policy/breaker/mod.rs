//! Whether a lane's platform is left alone because it fails, or because it refuses us.
//!
//! ```text
//!            failure_threshold failures in a row           a probe fails
//!   closed ----------------------------------------> open <-------------- half-open
//!      ^                                               |   recovery_timeout  ^ |
//!      |                                               +---------------------+ |
//!      +-------- three probes are answered ------------------------------------+
//! ```
//!
//! A refusal of the credentials suspends a lane from wherever it stands; that is the same as open, only that it is asked ten
//! times as rarely. What an attempt says of the platform is its [`Sign`]: a recipient that does not exist says that the
//! platform works. What was begun before the breaker stood as it stands says nothing.

use std::time::{Duration, Instant};

use notifyhub_platforms::contract::{ErrorKind, LimitScope, Receipt, SendError};
use rand::Rng;

use crate::{config::BreakerConfig, event::BreakerState};

/// A suspended lane is tried after so many recovery timeouts.
const SUSPENDED_TIMES: u32 = 10;

/// Part of the recovery timeout that is waited at random on top of it, as one in so many.
const JITTER_PART: u32 = 10;

/// What an attempt says of its platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answers, be it that this message or recipient is no good.
    Answers,
    /// It fails.
    Fails,
    /// It refuses the credentials or the account.
    Refuses,
    /// Nothing.
    Nothing,
}

impl Sign {
    /// What the result of an attempt says. Only what is about more than one recipient is held against a platform.
    pub fn of(result: &Result<Receipt, SendError>) -> Self {
        let Err(error) = result else { return Self::Answers };
        match error.kind() {
            ErrorKind::InvalidMessage | ErrorKind::InvalidRecipient | ErrorKind::Gone => Self::Answers,
            _ if error.scope() == LimitScope::Target => Self::Nothing,
            ErrorKind::Unauthorized => Self::Refuses,
            ErrorKind::RateLimited => Self::Nothing,
            _ => Self::Fails,
        }
    }
}

/// A lane's circuit breaker.
#[derive(Debug)]
pub struct Breaker {
    config: BreakerConfig,
    state: State,
    /// What began earlier says nothing of how it is now.
    since: Instant,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed { failures: u32 },
    Blocked { until: Instant, suspended: bool },
    HalfOpen { answered: u32, under_way: u32 },
}

/// Probes that must be answered before everything goes on.
const PROBES: u32 = 3;

impl Breaker {
    /// Most probes that are under way at once.
    pub const PROBES: usize = 2;

    /// Closed.
    pub fn new(config: BreakerConfig, now: Instant) -> Self {
        Self { config, state: State::Closed { failures: 0 }, since: now }
    }

    /// How it stands.
    pub fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Blocked { suspended: false, .. } => BreakerState::Open,
            State::Blocked { suspended: true, .. } => BreakerState::Suspended,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Until when nothing is sent.
    pub fn blocked_until(&self) -> Option<Instant> {
        match self.state {
            State::Blocked { until, .. } => Some(until),
            _ => None,
        }
    }

    /// How many more tasks may go now, if that is bounded.
    pub fn probes_left(&self) -> Option<usize> {
        match self.state {
            State::Closed { .. } => None,
            State::Blocked { .. } => Some(0),
            // One first, two when that was answered.
            State::HalfOpen { answered, under_way } => {
                Some((answered + 1).min(PROBES - answered).saturating_sub(under_way) as usize)
            }
        }
    }

    /// Lets probes go if it is time. Whether it is.
    pub fn look(&mut self, now: Instant) -> bool {
        let is_time = self.blocked_until().is_some_and(|until| until <= now);
        if is_time {
            self.enter(State::HalfOpen { answered: 0, under_way: 0 }, now);
        }
        is_time
    }

    /// Tasks are given out. Whether they are probes.
    pub fn gives(&mut self, tasks: usize) -> bool {
        let State::HalfOpen { under_way, .. } = &mut self.state else { return false };
        *under_way += tasks as u32;
        true
    }

    /// A probe came back unsent.
    pub fn takes_back(&mut self) {
        if let State::HalfOpen { under_way, .. } = &mut self.state {
            *under_way = under_way.saturating_sub(1);
        }
    }

    /// Learns from an attempt that `began` then. Whether it stands otherwise now.
    pub fn learn(&mut self, sign: Sign, is_probe: bool, began: Instant, now: Instant, rng: &mut impl Rng) -> bool {
        match (&mut self.state, sign) {
            (State::Blocked { .. }, _) => return false,
            (State::Closed { .. }, _) if began < self.since => return false,
            (State::Closed { failures }, Sign::Answers) => *failures = 0,
            (State::Closed { failures }, Sign::Fails) => {
                *failures += 1;
                if *failures == self.config.failure_threshold {
                    self.block(self.config.recovery_timeout, false, now, rng);
                    return true;
                }
            }
            (State::Closed { .. }, Sign::Nothing) => {}
            (State::Closed { .. }, Sign::Refuses) => {
                self.suspend(now, rng);
                return true;
            }
            (State::HalfOpen { under_way, answered }, _) if is_probe && began >= self.since => {
                *under_way = under_way.saturating_sub(1);
                match sign {
                    Sign::Answers if *answered + 1 >= PROBES => self.enter(State::Closed { failures: 0 }, now),
                    Sign::Answers => {
                        *answered += 1;
                        return false;
                    }
                    Sign::Fails => self.block(self.config.recovery_timeout, false, now, rng),
                    Sign::Refuses => self.suspend(now, rng),
                    Sign::Nothing => return false,
                }
                return true;
            }
            (State::HalfOpen { .. }, _) => {}
        }
        false
    }

    /// Opens it, as if the platform had failed too often.
    pub fn open(&mut self, now: Instant, rng: &mut impl Rng) {
        self.block(self.config.recovery_timeout, false, now, rng);
    }

    /// Suspends it.
    pub fn suspend(&mut self, now: Instant, rng: &mut impl Rng) {
        self.block(self.config.recovery_timeout * SUSPENDED_TIMES, true, now, rng);
    }

    /// Closes it: everything may go.
    pub fn close(&mut self, now: Instant) {
        self.enter(State::Closed { failures: 0 }, now);
    }

    fn block(&mut self, wait: Duration, suspended: bool, now: Instant, rng: &mut impl Rng) {
        let jitter = (wait / JITTER_PART).as_nanos().min(u128::from(u64::MAX)) as u64;
        let until = now + wait + Duration::from_nanos(rng.random_range(0..=jitter));
        self.enter(State::Blocked { until, suspended }, now);
    }

    fn enter(&mut self, state: State, now: Instant) {
        (self.state, self.since) = (state, now);
    }
}

/// Longest wait of a task that was a probe and failed, beside its platform's recovery timeout: others try in its place
/// meanwhile, and it is not put off for hours by failures that cost it no attempt.
pub fn probe_wait_max(config: &BreakerConfig) -> Duration {
    config.recovery_timeout * SUSPENDED_TIMES
}

#[cfg(test)]
mod tests;
