//! Which slots have a worker, which wait for one, and which are vacant: the supervisor's book, as pure data.

use std::time::{Duration, Instant};

use super::WorkerKey;

/// Wait before a slot's first restart in a row; doubles with each.
const RESTART_WAIT: Duration = Duration::from_millis(100);

/// Longest wait before a restart: no slot starts more often than this in the long run.
const RESTART_WAIT_MAX: Duration = Duration::from_secs(5);

/// A worker that lived this long starts its slot's count of restarts anew.
const STEADY_AFTER: Duration = Duration::from_secs(60);

/// The slots. A slot is known by its index; its number never changes, so that what was set for it stays with it.
#[derive(Debug, Default)]
pub struct Slots {
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    epoch: u32,
    state: State,
    restarts: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Vacant,
    Working {
        since: Instant,
    },
    /// Its worker died; the next one starts then.
    Resting {
        until: Instant,
    },
}

impl Slots {
    /// How many have a worker, or will have one again.
    pub fn occupied(&self) -> usize {
        self.slots.iter().filter(|slot| slot.state != State::Vacant).count()
    }

    /// The slots to fill so that `target` are occupied: the lowest.
    pub fn vacancies(&self, target: usize) -> Vec<u32> {
        let missing = target.saturating_sub(self.occupied());
        let vacant = |slot: &u32| self.slots.get(*slot as usize).is_none_or(|slot| slot.state == State::Vacant);
        (0..u32::MAX).filter(vacant).take(missing).collect()
    }

    /// The slots to vacate so that `target` are occupied: the highest, so that what is bound to a slot moves least.
    pub fn surplus(&self, target: usize) -> Vec<u32> {
        let occupied = (0..self.slots.len()).rev().filter(|slot| self.slots[*slot].state != State::Vacant);
        occupied.take(self.occupied().saturating_sub(target)).map(|slot| slot as u32).collect()
    }

    /// Puts a new worker into a slot.
    pub fn start(&mut self, slot: u32, now: Instant) -> WorkerKey {
        let index = slot as usize;
        if self.slots.len() <= index {
            self.slots.resize(index + 1, Slot::default());
        }
        let entry = &mut self.slots[index];
        entry.epoch += 1;
        entry.state = State::Working { since: now };
        WorkerKey { slot, epoch: entry.epoch }
    }

    /// The worker that a slot has.
    pub fn worker(&self, slot: u32) -> Option<WorkerKey> {
        let entry = self.slots.get(slot as usize)?;
        matches!(entry.state, State::Working { .. }).then_some(WorkerKey { slot, epoch: entry.epoch })
    }

    /// Whether this worker is the one its slot has.
    pub fn is_current(&self, worker: WorkerKey) -> bool {
        self.worker(worker.slot) == Some(worker)
    }

    /// The slot's worker is lost: it rests until then, longer with every restart in a row.
    pub fn lose(&mut self, worker: WorkerKey, now: Instant) -> Instant {
        let entry = &mut self.slots[worker.slot as usize];
        let lived = match entry.state {
            State::Working { since } => now.saturating_duration_since(since),
            State::Vacant | State::Resting { .. } => Duration::ZERO,
        };
        entry.restarts = if lived >= STEADY_AFTER { 0 } else { entry.restarts + 1 };
        let until = now + RESTART_WAIT.saturating_mul(1 << entry.restarts.saturating_sub(1).min(10)).min(RESTART_WAIT_MAX);
        entry.state = State::Resting { until };
        until
    }

    /// The slot wants no worker any more.
    pub fn vacate(&mut self, slot: u32) {
        if let Some(entry) = self.slots.get_mut(slot as usize) {
            *entry = Slot { epoch: entry.epoch, ..Slot::default() };
        }
    }

    /// Slots whose rest is over.
    pub fn rested(&self, now: Instant) -> Vec<u32> {
        let over = |slot: &Slot| matches!(slot.state, State::Resting { until } if until <= now);
        (0..).zip(&self.slots).filter(|(_, slot)| over(slot)).map(|(slot, _)| slot).collect()
    }

    /// When the next rest is over.
    pub fn next_rested(&self) -> Option<Instant> {
        let until = |slot: &Slot| match slot.state {
            State::Resting { until } => Some(until),
            State::Vacant | State::Working { .. } => None,
        };
        self.slots.iter().filter_map(until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn started(count: usize, now: Instant) -> Slots {
        let mut slots = Slots::default();
        slots.vacancies(count).into_iter().for_each(|slot| _ = slots.start(slot, now));
        slots
    }

    #[tokio::test]
    async fn the_lowest_slots_are_filled_and_the_highest_vacated() {
        let now = SystemClock.now();
        let mut slots = started(4, now);
        assert_eq!(slots.surplus(2), [3, 2]);
        slots.vacate(1);
        assert_eq!((slots.occupied(), slots.vacancies(5), slots.surplus(1)), (3, vec![1, 4], vec![3, 2]));
        assert_eq!(slots.start(1, now), WorkerKey { slot: 1, epoch: 2 });
        assert_eq!(slots.vacancies(4), [0_u32; 0]);
    }

    #[tokio::test]
    async fn a_slot_rests_longer_with_every_restart_and_a_steady_worker_starts_anew() {
        let mut now = SystemClock.now();
        let mut slots = started(1, now);
        let mut waits = Vec::new();
        for _ in 0..8 {
            let worker = slots.worker(0).expect("it works");
            let until = slots.lose(worker, now);
            assert!(!slots.is_current(worker) && slots.rested(now).is_empty() && slots.next_rested() == Some(until));
            assert_eq!(slots.occupied(), 1, "a slot that rests is not given away");
            waits.push((until - now).as_millis());
            now = until;
            assert_eq!(slots.rested(now), [0]);
            slots.start(0, now);
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        now += STEADY_AFTER;
        let until = slots.lose(slots.worker(0).expect("it works"), now);
        assert_eq!(until - now, RESTART_WAIT);
    }
}
