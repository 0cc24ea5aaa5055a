//! What was measured of the pool's load, as far back as the law looks.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{Rules, average::SETTLES_IN};

/// How often a sample is taken.
pub const TICK: Duration = Duration::from_millis(250);

/// Samples that are kept, for each tick the law looks back: late ticks are followed by early ones.
const SAMPLES_PER_TICK_MAX: u128 = 2;

/// What was measured since the sample before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadSample {
    /// When it was taken (monotonic).
    pub at: Instant,
    /// Workers that take work. Not those that start, are being replaced or are being retired.
    pub workers: usize,
    /// Slot-time spent with sends under way, as a part of `workers x slots x` the time since the sample before, in
    /// thousandths. More than 1000 for a moment where workers were retired in between.
    pub busy_permille: u32,
    /// Tasks that may be sent now and have no slot. Not those that wait for a rate limit, a `Retry-After`, an open breaker
    /// or a send of their own lane.
    pub waiting: usize,
    /// How long the oldest of them has waited for a worker; zero where nothing waits. The time before it might be sent
    /// does not count.
    pub oldest_wait: Duration,
    /// Tasks given to workers since the sample before.
    pub begun: u64,
    /// Sends finished since the sample before, failed ones included.
    pub finished: u64,
    /// Workers that had nothing to do for `max_idle_time` or longer.
    pub idle_workers: usize,
}

/// The latest samples, oldest first. It holds as much as its rules look back, and no more.
#[derive(Debug, Clone)]
pub struct History {
    samples: VecDeque<LoadSample>,
    span: Duration,
    samples_max: usize,
}

impl History {
    /// An empty history that reaches as far back as `rules` look.
    pub fn new(rules: &Rules) -> Self {
        let span = rules.scale_up_delay.max(rules.scale_down_delay) + SETTLES_IN;
        let samples_max = span.as_nanos() / TICK.as_nanos() * SAMPLES_PER_TICK_MAX;
        Self { samples: VecDeque::new(), span, samples_max: usize::try_from(samples_max).unwrap_or(usize::MAX) }
    }

    /// Takes in the next sample and forgets what is too old. A sample that is not later than the one before is dropped.
    pub fn push(&mut self, sample: LoadSample) {
        if self.latest().is_some_and(|latest| sample.at <= latest.at) {
            return;
        }
        self.samples.push_back(sample);
        while self.samples.len() > self.samples_max || self.is_too_old(self.samples.front()) {
            self.samples.pop_front();
        }
    }

    /// The latest sample.
    pub fn latest(&self) -> Option<&LoadSample> {
        self.samples.back()
    }

    /// All samples, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &LoadSample> {
        self.samples.iter()
    }

    fn is_too_old(&self, sample: Option<&LoadSample>) -> bool {
        let age = |sample: &LoadSample| self.latest().map(|latest| latest.at.saturating_duration_since(sample.at));
        sample.and_then(age).is_some_and(|age| age > self.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::{Clock, SystemClock},
        config::PoolConfig,
    };

    fn sample(at: Instant) -> LoadSample {
        let oldest_wait = Duration::ZERO;
        LoadSample { at, workers: 2, busy_permille: 0, waiting: 0, oldest_wait, begun: 0, finished: 0, idle_workers: 0 }
    }

    #[test]
    fn a_history_reaches_as_far_back_as_its_rules_look_and_no_further() {
        let (mut history, start) = (History::new(&Rules::new(&PoolConfig::default())), SystemClock.now());
        (0..1000).for_each(|tick| history.push(sample(start + TICK * tick)));
        let reaches = history.latest().zip(history.iter().next()).map(|(latest, oldest)| latest.at - oldest.at);
        assert_eq!(reaches, Some(Duration::from_secs(30) + SETTLES_IN));
        assert_eq!(history.iter().count(), 201);
    }

    #[test]
    fn samples_that_come_too_fast_or_not_later_take_no_more_room() {
        let (mut history, start) = (History::new(&Rules::new(&PoolConfig::default())), SystemClock.now());
        (0..5000).for_each(|ms| history.push(sample(start + Duration::from_millis(ms))));
        assert_eq!(history.iter().count(), 400);
        history.push(sample(start));
        assert_eq!(history.latest().map(|latest| latest.at - start), Some(Duration::from_millis(4999)));
    }
}
