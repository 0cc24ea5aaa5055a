//! All metrics of a hub at one moment, read off the board.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use super::names::{self, Name};
use crate::telemetry::{
    Board, EventBus, PlatformTally, WorkerState,
    histogram::{Filled, Histogram},
};

/// Platforms that are told apart. Those sent to later are counted together, so that the number of series stays bounded.
const PLATFORMS_MAX: u32 = 256;
/// The label of the rest.
const OTHER_PLATFORMS: &str = "other";

/// One series: a metric's name, and its labels.
pub type Series = (&'static str, Vec<(&'static str, String)>);

/// What a series stands at.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// How often something happened.
    Count(u64),
    /// How much there is.
    Level(f64),
    /// What was recorded, by bucket.
    Distribution(Vec<Filled>),
}

/// Every series at one moment.
#[derive(Debug, Default)]
pub struct Numbers(pub BTreeMap<Series, Value>);

impl Numbers {
    /// Reads the board. Asks nobody and waits for nothing.
    pub fn read(board: &Board, events: &EventBus) -> Self {
        let mut numbers = Self::default();
        let engine = &board.engine;
        numbers.count(names::ACCEPTED, &[], load(&engine.accepted));
        numbers.count(names::WORKER_RESTARTS, &[], load(&engine.restarts));
        numbers.count(names::EVENTS_DROPPED, &[], events.dropped());
        numbers.distribution(names::STORE_COMMIT, &[], &engine.commits);
        numbers.distribution(names::STORE_GROUP, &[], &engine.groups);
        for ((direction, reason), count) in engine.scalings() {
            numbers.count(names::SCALINGS, &[("direction", direction), ("reason", reason)], count);
        }
        let load_permille = Option::as_ref(&board.scaling.load()).map_or(0, |scaling| scaling.load_permille);
        numbers.level(names::POOL_LOAD, &[], f64::from(load_permille) / 1000.0, f64::max);
        numbers.workers(board);
        for (name, tally) in board.tallies() {
            let name = if tally.number < PLATFORMS_MAX { name.as_str() } else { OTHER_PLATFORMS };
            numbers.platform(name, &tally);
        }
        numbers
    }

    fn workers(&mut self, board: &Board) {
        let workers = board.workers();
        for state in WorkerState::ALL {
            let count = workers.present.iter().filter(|cell| cell.state() == state).count();
            self.level(names::WORKERS, &[("state", state.as_str())], count as f64, f64::max);
        }
        self.level(names::WORKERS, &[("state", "given-up")], workers.given_up.len() as f64, f64::max);
    }

    fn platform(&mut self, name: &str, tally: &PlatformTally) {
        let platform = ("platform", name);
        for (class, count) in tally.attempts() {
            self.count(names::ATTEMPTS, &[platform, ("class", class)], count);
        }
        let dead: u64 = tally.ended.dead().map(|(_, count)| count).sum();
        let ended = &tally.ended;
        let outcomes = [
            ("delivered", load(&ended.delivered)),
            ("dead", dead),
            ("expired", load(&ended.expired)),
            ("cancelled", load(&ended.cancelled)),
            ("next_step", load(&ended.next_step)),
        ];
        for (outcome, count) in outcomes {
            self.count(names::DELIVERIES, &[platform, ("outcome", outcome)], count);
        }
        for (reason, count) in ended.dead() {
            self.count(names::DEAD, &[platform, ("reason", reason)], count);
        }
        self.distribution(names::DELIVERY_DURATION, &[platform], &tally.took);
        self.distribution(names::ACCEPT_TO_DELIVERED, &[platform], &tally.accept_to_delivered);
        self.distribution(names::BATCH_TASKS, &[platform], &tally.batches);
        let lanes = &tally.lanes;
        self.level(names::IN_FLIGHT, &[platform], load(&tally.in_flight) as f64, |a, b| a + b);
        self.level(names::LANE_WAITING, &[platform], load(&lanes.waiting) as f64, |a, b| a + b);
        self.level(names::OLDEST_WAITING, &[platform], load(&lanes.oldest_ms) as f64 / 1000.0, f64::max);
        self.level(names::CONCURRENCY_LIMIT, &[platform], load(&lanes.limit) as f64, f64::max);
        for (state, count) in lanes.breakers() {
            self.level(names::BREAKER_STATE, &[platform, ("state", state)], count as f64, |a, b| a + b);
        }
    }

    fn count(&mut self, name: Name, labels: &[(&'static str, &str)], count: u64) {
        let Value::Count(sum) = self.entry(name, labels, Value::Count(0)) else { return };
        *sum += count;
    }

    /// `together` tells what several platforms under one label come to.
    fn level(&mut self, name: Name, labels: &[(&'static str, &str)], level: f64, together: fn(f64, f64) -> f64) {
        let Value::Level(known) = self.entry(name, labels, Value::Level(0.0)) else { return };
        *known = together(*known, level);
    }

    fn distribution(&mut self, name: Name, labels: &[(&'static str, &str)], histogram: &Histogram) {
        let more = histogram.filled();
        let Value::Distribution(buckets) = self.entry(name, labels, Value::Distribution(vec![Filled::default(); more.len()]))
        else {
            return;
        };
        for (bucket, more) in buckets.iter_mut().zip(more) {
            bucket.count += more.count;
            bucket.sum += more.sum;
        }
    }

    fn entry(&mut self, name: Name, labels: &[(&'static str, &str)], empty: Value) -> &mut Value {
        let labels = labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        self.0.entry((name.name, labels)).or_insert(empty)
    }
}

fn load(number: &AtomicU64) -> u64 {
    number.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn platforms_beyond_the_bound_are_counted_together() {
        let board = Board::default();
        for number in 0..PLATFORMS_MAX + 10 {
            let tally = board.platform(&format!("p{number}").parse().expect("a name"));
            tally.succeeded.store(1, Relaxed);
            tally.in_flight.store(2, Relaxed);
            tally.lanes.limit.store(u64::from(number), Relaxed);
        }
        let numbers = Numbers::read(&board, &EventBus::new(Arc::new(SystemClock)).0);
        let of = |name: Name, labels: &[(&'static str, &str)]| {
            let labels = labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
            numbers.0.get(&(name.name, labels)).cloned()
        };
        let other = ("platform", OTHER_PLATFORMS);
        assert_eq!(of(names::ATTEMPTS, &[other, ("class", "ok")]), Some(Value::Count(10)));
        assert_eq!(of(names::IN_FLIGHT, &[other]), Some(Value::Level(20.0)));
        assert_eq!(of(names::CONCURRENCY_LIMIT, &[other]), Some(Value::Level(265.0)), "limits are not added up");
        assert_eq!(of(names::IN_FLIGHT, &[("platform", "p255")]), Some(Value::Level(2.0)));
        assert_eq!(of(names::IN_FLIGHT, &[("platform", "p256")]), None);
    }
}
