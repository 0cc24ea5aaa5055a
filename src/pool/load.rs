//! What the workers have done since the last look: from what they publish to a sample of the scaler's.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use super::{WorkerKey, scaler::LoadSample};
use crate::telemetry::{Demand, WorkerCell};

/// What was seen last.
#[derive(Debug)]
pub struct LoadGauge {
    at: Instant,
    seen: HashMap<WorkerKey, Totals>,
}

/// What a worker has done in its life.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    slot_time: Duration,
    given: u64,
    finished: u64,
}

impl LoadGauge {
    /// A gauge that begins to measure now.
    pub fn new(now: Instant) -> Self {
        Self { at: now, seen: HashMap::new() }
    }

    /// Measures the workers that take work. What waits in an inbox beyond its worker's slots has no slot, and waits.
    pub fn sample(
        &mut self,
        cells: &[Arc<WorkerCell>],
        demand: &Demand,
        slots: usize,
        idle_after: Duration,
        now: Instant,
    ) -> LoadSample {
        let elapsed = now.saturating_duration_since(self.at);
        let (mut slot_time, mut begun, mut finished, mut inboxes, mut idle_workers) = (Duration::ZERO, 0, 0, 0, 0);
        let mut seen = HashMap::with_capacity(cells.len());
        for cell in cells {
            let (assigned, done) = (cell.assigned(), cell.finished_so_far().0);
            let totals = Totals { slot_time: cell.slot_time(now), given: assigned + done, finished: done };
            let before = self.seen.get(&cell.key).copied().unwrap_or_default();
            slot_time += totals.slot_time.saturating_sub(before.slot_time);
            begun += totals.given.saturating_sub(before.given);
            finished += totals.finished.saturating_sub(before.finished);
            inboxes += assigned.saturating_sub(slots as u64) as usize;
            let idle = assigned == 0 && now.saturating_duration_since(cell.last_activity()) >= idle_after;
            idle_workers += usize::from(idle);
            seen.insert(cell.key, totals);
        }
        (self.at, self.seen) = (now, seen);
        let all = elapsed.as_micros() * (cells.len() * slots) as u128;
        let busy = (slot_time.as_micros() * 1000).checked_div(all).unwrap_or(0);
        LoadSample {
            at: now,
            workers: cells.len(),
            busy_permille: u32::try_from(busy).unwrap_or(u32::MAX),
            waiting: demand.waiting.load(Relaxed) as usize + inboxes,
            oldest_wait: Duration::from_millis(demand.oldest_wait_ms.load(Relaxed)),
            begun,
            finished,
            idle_workers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn load_is_slot_time_really_spent_and_what_has_no_slot_waits() {
        let start = SystemClock.now();
        let at = |millis| start + Duration::from_millis(millis);
        let cells: Vec<_> = (0..2).map(|slot| Arc::new(WorkerCell::new(WorkerKey { slot, epoch: 1 }, start))).collect();
        let (mut gauge, demand) = (LoadGauge::new(start), Demand::default());
        cells[0].holds(6, 0);
        cells[0].turn_ends(at(0), 4);
        demand.waiting.store(3, Relaxed);
        demand.oldest_wait_ms.store(70, Relaxed);
        let sample = gauge.sample(&cells, &demand, 4, Duration::from_secs(1), at(250));
        assert_eq!((sample.workers, sample.busy_permille, sample.waiting), (2, 500, 5), "one of two workers is full");
        assert_eq!((sample.begun, sample.finished, sample.idle_workers), (6, 0, 0));
        assert_eq!(sample.oldest_wait, Duration::from_millis(70));
        cells[0].turn_begins(at(250));
        (0..6).for_each(|_| cells[0].finished(Duration::from_millis(250), false));
        cells[0].holds(0, 0);
        cells[0].turn_ends(at(250), 0);
        let sample = gauge.sample(&cells, &demand, 4, Duration::from_secs(1), at(1000));
        assert_eq!((sample.busy_permille, sample.begun, sample.finished, sample.idle_workers), (0, 0, 6, 1));
    }
}
