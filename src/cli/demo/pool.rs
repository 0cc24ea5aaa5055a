//! The worker pool while the demo runs: how it grew and shrank, and workers killed on purpose.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::SmallRng};
use serde::Serialize;

use crate::{EventStream, Hub, clock::Clock, config::PoolConfig, event::EventKind};

/// A worker is killed this often,
const KILL_EVERY: Duration = Duration::from_millis(200);

/// and so many in all: a slot that dies again and again rests ever longer.
const KILLS_MAX: usize = 10;

/// Longest time the pool is given to shrink when everything has arrived.
const SHRINKS_WITHIN: Duration = Duration::from_secs(5);

/// How often it is looked whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Changes of the pool's size that are shown.
const SCALINGS_MAX: usize = 12;

/// A pool that starts small and is quick to grow and to shrink, so that a demo of seconds shows both.
pub fn config() -> PoolConfig {
    PoolConfig {
        min_workers: 2,
        max_workers: 8,
        slots: 16,
        scale_up_delay: Duration::from_millis(500),
        scale_down_delay: Duration::from_secs(1),
        max_idle_time: Duration::from_secs(1),
        wait_goal: Duration::from_millis(200),
        ..PoolConfig::default()
    }
}

/// What happened to the pool.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PoolStory {
    /// Each time it was made larger or smaller.
    pub scalings: Vec<Scaling>,
    /// Workers that died.
    pub workers_lost: u64,
    /// Most workers there were.
    pub workers_most: usize,
}

/// The pool was made larger or smaller.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scaling {
    /// When, in seconds since the demo began.
    pub at_s: f64,
    /// From so many workers.
    pub from: usize,
    /// To so many.
    pub to: usize,
    /// Why.
    pub reason: String,
}

impl PoolStory {
    /// It for people: a line for each change, nothing where nothing happened.
    pub fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        for Scaling { at_s, from, to, reason } in self.scalings.iter().take(SCALINGS_MAX) {
            writeln!(out, "{at_s:>5.1} s  {from:>2} -> {to:>2} workers: {reason}")?;
        }
        if self.scalings.len() > SCALINGS_MAX {
            writeln!(out, "         and {} times more", self.scalings.len() - SCALINGS_MAX)?;
        }
        if self.workers_lost > 0 {
            writeln!(out, "{} workers died and were replaced", self.workers_lost)?;
        }
        if *self == Self::default() { Ok(()) } else { writeln!(out) }
    }

    /// Writes down what `events` tell of the pool, for ever. May be dropped at any time.
    pub async fn watch(&mut self, events: &mut EventStream, began: Instant, clock: &dyn Clock) {
        while let Some(Ok(event)) = events.next().await {
            match &event.kind {
                EventKind::Scaled { from, to, reason } => {
                    let at_s = clock.now().saturating_duration_since(began).as_secs_f64();
                    self.workers_most = self.workers_most.max(*from).max(*to);
                    self.scalings.push(Scaling { at_s, from: *from, to: *to, reason: reason.to_string() });
                }
                EventKind::WorkerLost { .. } => self.workers_lost += 1,
                _ => {}
            }
        }
        // It was too slow, or the hub has gone: what was written down stays.
        std::future::pending().await
    }
}

/// Kills ten workers, one after the other, and then waits for ever; the same seed draws the same lots.
pub async fn chaos(hub: &Hub, clock: &Arc<dyn Clock>, seed: u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    for _ in 0..KILLS_MAX {
        clock.sleep_until(clock.now() + KILL_EVERY).await;
        let workers = hub.workers().list();
        if let Some(victim) = workers.get(rng.random_range(0..workers.len().max(1))) {
            // It may have gone by itself meanwhile.
            let _ = hub.workers().kill(victim.worker).await;
        }
    }
    std::future::pending().await
}

/// Waits until the pool is as small as it may be, but not for long.
pub async fn shrunk(hub: &Hub, clock: &Arc<dyn Clock>) {
    let deadline = clock.now() + SHRINKS_WITHIN;
    let is_small = |hub: &Hub| {
        let scaling = hub.stats().scaling;
        scaling.is_none_or(|scaling| scaling.workers <= scaling.pinned.unwrap_or(scaling.workers_min))
    };
    while clock.now() < deadline && !is_small(hub) {
        clock.sleep_until(clock.now() + LOOK_EVERY).await;
    }
}
