//! What is told of waiting tasks: to the scaler those that wait for nothing but a worker, to everybody else all of them.
//!
//! A lane that rests (rate limit, `Retry-After`, linger, breaker) or has as much under way as its platform bears is not counted, and so
//! never makes the pool grow.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant},
};

use super::{dispatcher::Dispatcher, gate::Bar, owners::Owner};
use crate::{
    task::{LaneKey, TaskId},
    telemetry::{LaneStats, Parked, ParkedBy},
};

/// A full pool is looked at this often at most: it costs a step per lane.
const LOOK_EVERY: Duration = Duration::from_millis(20);

impl Dispatcher {
    /// Shows how many tasks wait for a worker, and how long the oldest of them has.
    pub(super) fn show_demand(&mut self, now: Instant) {
        let demand = &self.board.demand;
        if self.ring.is_empty() && self.at_share.is_empty() {
            if self.demand_shown.take().is_some() {
                demand.waiting.store(0, Relaxed);
                demand.oldest_wait_ms.store(0, Relaxed);
            }
            return;
        }
        if self.demand_shown.is_some_and(|shown| now.saturating_duration_since(shown) < LOOK_EVERY) {
            return;
        }
        self.demand_shown = Some(now);
        let wall = self.clock.wall();
        let (mut waiting, mut oldest) = (0, Duration::ZERO);
        let lanes = &self.lanes;
        self.at_share.retain(|index| lanes.get(*index).is_some_and(|lane| lane.at_share && !lane.in_ring));
        self.at_share.sort_unstable();
        self.at_share.dedup();
        for lane in self.ring.iter().chain(&self.at_share).map(|index| &self.lanes[*index]) {
            waiting += lane.queue.len();
            let head = lane.queue.front().and_then(|key| self.ledger.get(*key));
            let waited = head.map_or(Duration::ZERO, |held| held.age(now, wall));
            let runnable = lane.runnable_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
            oldest = oldest.max(waited.min(runnable));
        }
        demand.waiting.store(waiting as u64, Relaxed);
        demand.oldest_wait_ms.store(oldest.as_millis() as u64, Relaxed);
    }

    /// Shows on the board how the lanes of each platform stand together.
    pub(super) fn show_lanes(&self) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        for (_, lane) in &self.lanes {
            lane.tally.lanes.clear();
        }
        for (_, lane) in &self.lanes {
            let shown = &lane.tally.lanes;
            let oldest =
                lane.queue.front().and_then(|key| self.ledger.get(*key)).map_or(Duration::ZERO, |held| held.age(now, wall));
            shown.waiting.fetch_add(lane.queue.len() as u64, Relaxed);
            shown.oldest_ms.fetch_max(oldest.as_millis() as u64, Relaxed);
            shown.limit.fetch_max(lane.gate.limit() as u64, Relaxed);
            shown.count_breaker(lane.gate.breaker());
        }
    }

    /// Where a task of this lane is, if anything of it is known here.
    pub(super) fn place(&self, task: TaskId, lane: &LaneKey) -> Option<Place> {
        let now = self.clock.now();
        let Some((key, held)) = self.ledger.iter().find(|(_, held)| held.lease.task.id == task) else {
            let lane = &self.lanes[*self.lane_of.get(lane)?];
            let parked = lane.gate.bar(now, false).map(|bar| parked(bar, now));
            let elsewhere = matches!(lane.owner, Owner::Elsewhere(_));
            return Some(Place::Stored { held: lane.queue.len(), parked, elsewhere });
        };
        if let Some((worker, _)) = held.with {
            return Some(Place::UnderWay { worker: worker.slot, since: now.saturating_duration_since(held.since) });
        }
        let lane = self.lanes.get(held.lane)?;
        Some(Place::Queued {
            lane: lane.key.clone(),
            before: if held.aside.is_some() { 0 } else { lane.queue.iter().take_while(|queued| **queued != key).count() },
            parked: match held.aside {
                Some(until) => {
                    let by = if held.retries { ParkedBy::Backoff } else { ParkedBy::Recipient };
                    Some(Parked { by, left: Some(until.saturating_duration_since(now)) })
                }
                None => lane.gate.bar(now, held.begun).map(|bar| parked(bar, now)),
            },
            limit: lane.at_limit.then(|| lane.gate.limit()),
        })
    }

    /// How each lane stands.
    pub(super) fn lane_stats(&self) -> Vec<LaneStats> {
        let now = self.clock.now();
        let stats = self.lanes.iter().map(|(_, lane)| LaneStats {
            platform: lane.key.platform.clone(),
            part: lane.key.part.clone(),
            breaker: lane.gate.breaker(),
            waiting: lane.queue.len(),
            in_flight: lane.in_flight,
            limit: lane.gate.limit(),
            learned_per_minute: lane.gate.learned_rate().map(|per_second| (per_second * 60.0).round() as u64),
            backlog: lane.backlog,
            parked: lane.gate.bar(now, false).map(|bar| parked(bar, now)),
        });
        stats.collect()
    }
}

/// Where a task is.
#[derive(Debug)]
pub enum Place {
    /// It is not held here, but its lane is known.
    Stored {
        /// With so many waiting here.
        held: usize,
        /// Which is kept from sending by this.
        parked: Option<Parked>,
        /// Whether another node keeps its limit, and sends to it.
        elsewhere: bool,
    },
    /// It waits for its turn.
    Queued {
        /// On this lane.
        lane: LaneKey,
        /// With so many before it.
        before: usize,
        /// Which is kept from sending by this.
        parked: Option<Parked>,
        /// Which has so many under way as it may.
        limit: Option<usize>,
    },
    /// A worker has it.
    UnderWay {
        /// In this slot.
        worker: u32,
        /// It is held for so long; hardly longer than the worker has it.
        since: Duration,
    },
}

fn parked(bar: Bar, now: Instant) -> Parked {
    let by = match bar {
        Bar::Paused => ParkedBy::Paused,
        Bar::Open(_) => ParkedBy::Breaker,
        Bar::Suspended(_) => ParkedBy::Suspended,
        Bar::Rests(_) => ParkedBy::RetryAfter,
        Bar::Limited(_) => ParkedBy::RateLimit,
        Bar::Paced(_) => ParkedBy::LearnedRate,
    };
    Parked { by, left: bar.until().map(|until| until.saturating_duration_since(now)) }
}
