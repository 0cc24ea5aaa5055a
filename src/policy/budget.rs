//! How many retries a platform is asked to bear beside first attempts.
//!
//! Where a part of all sends fails, retries come on top of what is sent anyway, and keep a platform down that is down because of
//! its load. A lane therefore has a budget: a retry for every ten sends that succeeded in about the last minute, and three a
//! second always. What comes when it is spent waits until it is there again, a minute more at most; it costs nothing else.

use std::time::{Duration, Instant};

/// Retries per success.
const PART: f64 = 0.1;

/// Retries per second whatever succeeds.
const FLOOR: f64 = 3.0;

/// Of these, so many may come at once.
const FLOOR_MAX: f64 = 10.0;

/// What was earned is worth something for about so long.
const MEMORY: Duration = Duration::from_secs(60);

/// A retry waits for the budget so much longer at most.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A lane's budget of retries.
#[derive(Debug)]
pub struct RetryBudget {
    /// Retries there are; below zero, those that were put off.
    left: f64,
    /// When there were so many.
    as_of: Instant,
}

impl RetryBudget {
    /// The first few are there.
    pub fn new(now: Instant) -> Self {
        Self { left: FLOOR_MAX, as_of: now }
    }

    /// A send succeeded.
    pub fn earn(&mut self, now: Instant) {
        self.age(now);
        self.left += PART;
    }

    /// How much longer a retry waits than it would by its backoff.
    pub fn spend(&mut self, now: Instant) -> Duration {
        self.age(now);
        self.left = (self.left - 1.0).max(-FLOOR * WAIT_MAX.as_secs_f64());
        Duration::from_secs_f64((-self.left).max(0.0) / FLOOR)
    }

    fn age(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.as_of).as_secs_f64();
        self.as_of = now;
        if self.left > FLOOR_MAX {
            self.left = (self.left * (-passed / MEMORY.as_secs_f64()).exp()).max(FLOOR_MAX);
        } else {
            self.left = (self.left + FLOOR * passed).min(FLOOR_MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn waits(budget: &mut RetryBudget, count: usize, now: Instant) -> Vec<Duration> {
        (0..count).map(|_| budget.spend(now)).collect()
    }

    #[test]
    fn without_a_success_three_retries_a_second_come_after_the_first_few() {
        let now = SystemClock.now();
        let waits = waits(&mut RetryBudget::new(now), 100, now);
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 10);
        assert_eq!(waits[99], Duration::from_secs(30));
    }

    #[test]
    fn nothing_waits_where_less_than_a_tenth_fails() {
        let mut budget = RetryBudget::new(SystemClock.now());
        let mut now = SystemClock.now();
        for number in 0..100_000 {
            now += Duration::from_millis(2);
            match number % 12 {
                0 => assert_eq!(budget.spend(now), Duration::ZERO),
                _ => budget.earn(now),
            }
        }
    }

    #[test]
    fn what_was_earned_is_gone_after_some_minutes_and_no_retry_waits_longer_than_one() {
        let start = SystemClock.now();
        let mut budget = RetryBudget::new(start);
        (0..10_000).for_each(|_| budget.earn(start));
        assert!(waits(&mut budget, 1_000, start).iter().all(Duration::is_zero));
        (0..10_000).for_each(|_| budget.earn(start));
        let waits = waits(&mut budget, 10_000, start + 10 * MEMORY);
        assert_eq!(waits.iter().filter(|wait| wait.is_zero()).count(), 10);
        assert_eq!(waits.iter().max(), Some(&WAIT_MAX));
    }
}
