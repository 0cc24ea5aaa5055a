//! What a worker shows of itself: numbers that it writes as it works, and that anybody reads without asking it.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicU8, AtomicU32, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    time::{Duration, Instant},
};

use arc_swap::ArcSwapOption;

use super::{
    current::{Current, CurrentSend},
    worker_stats::{WorkerState, WorkerStats},
};
use crate::{config::Affinity, task::WorkerKey};

/// A send's part of the average processing time is one in so many.
const AVERAGE_OVER: u64 = 16;

/// The published numbers of one worker. Each has one writer: the worker itself, or whoever gives it work.
#[derive(Debug)]
pub struct WorkerCell {
    /// Whose.
    pub key: WorkerKey,
    started: Instant,
    // Written by the worker.
    state: AtomicU8,
    processed: AtomicU64,
    errors: AtomicU64,
    under_way: AtomicU64,
    taken: AtomicU64,
    answered: AtomicU64,
    busy_nanos: AtomicU64,
    slot_nanos: AtomicU64,
    average_nanos: AtomicU64,
    millis_per_second: AtomicU64,
    error_permille: AtomicU32,
    /// When the last turn ended, in nanoseconds since the start.
    turned_at: AtomicU64,
    /// When the turn under way began, plus one; 0 between turns.
    turn_since: AtomicU64,
    last_activity: AtomicU64,
    current: Current,
    // Written by whoever gives it work.
    assigned: AtomicU64,
    bytes: AtomicU64,
    weight: AtomicU32,
    affinity: ArcSwapOption<Affinity>,
}

impl WorkerCell {
    /// The cell of a worker that starts now.
    pub fn new(key: WorkerKey, now: Instant) -> Self {
        Self {
            key,
            started: now,
            state: AtomicU8::new(0),
            processed: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            taken: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            busy_nanos: AtomicU64::new(0),
            slot_nanos: AtomicU64::new(0),
            average_nanos: AtomicU64::new(0),
            millis_per_second: AtomicU64::new(0),
            error_permille: AtomicU32::new(0),
            turned_at: AtomicU64::new(0),
            turn_since: AtomicU64::new(0),
            last_activity: AtomicU64::new(0),
            current: Current::default(),
            assigned: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            weight: AtomicU32::new(1),
            affinity: ArcSwapOption::empty(),
        }
    }

    fn nanos(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_nanos() as u64
    }

    // ===== the worker's =====

    /// A turn begins: from here on its thread is in the worker's hands.
    pub fn turn_begins(&self, now: Instant) {
        self.turn_since.store(self.nanos(now) + 1, Relaxed);
    }

    /// The turn ends, with so many sends under way from now on.
    pub fn turn_ends(&self, now: Instant, under_way: usize) {
        let (at, before) = (self.nanos(now), self.turned_at.load(Relaxed));
        self.turned_at.store(at, Relaxed);
        add(&self.busy_nanos, (at + 1).saturating_sub(self.turn_since.load(Relaxed)));
        add(&self.slot_nanos, at.saturating_sub(before) * self.under_way.load(Relaxed));
        self.under_way.store(under_way as u64, Relaxed);
        self.turn_since.store(0, Relaxed);
    }

    /// It is about to work on this send.
    pub fn works_on(&self, send: CurrentSend) {
        self.current.write(send);
    }

    /// A send has finished in the turn under way.
    pub fn finished(&self, took: Duration, failed: bool) {
        let (took, average) = (took.as_nanos() as u64, self.average_nanos.load(Relaxed));
        let first = self.processed.load(Relaxed) == 0;
        let next = if first { took } else { (average * (AVERAGE_OVER - 1) + took) / AVERAGE_OVER };
        self.average_nanos.store(next, Relaxed);
        add(&self.processed, 1);
        add(&self.errors, u64::from(failed));
        self.last_activity.store(self.turn_since.load(Relaxed).saturating_sub(1), Relaxed);
    }

    /// It has taken a job out of its inbox.
    pub fn takes_job(&self) {
        self.taken.store(self.taken.load(Relaxed) + 1, Release);
    }

    /// It has answered a health check.
    pub fn answers(&self) {
        add(&self.answered, 1);
    }

    /// It shows how many sends it finishes per second, and how many of them fail, both in thousandths.
    pub fn paces(&self, millis_per_second: u64, error_permille: u64) {
        self.millis_per_second.store(millis_per_second, Relaxed);
        self.error_permille.store(error_permille as u32, Relaxed);
    }

    /// It shows what it is doing.
    pub fn is_now(&self, state: WorkerState) {
        self.state.store(state as u8, Relaxed);
    }

    // ===== the roster's =====

    /// So many sends, of so many bytes, are under way with it or in its inbox.
    pub fn holds(&self, sends: usize, bytes: usize) {
        self.assigned.store(sends as u64, Relaxed);
        self.bytes.store(bytes as u64, Relaxed);
    }

    /// How it is balanced.
    pub fn is_balanced_by(&self, weight: u32, affinity: Option<Arc<Affinity>>) {
        self.weight.store(weight, Relaxed);
        self.affinity.store(affinity);
    }

    // ===== everybody's =====

    /// How many jobs it has taken out of its inbox.
    pub fn jobs_taken(&self) -> u64 {
        self.taken.load(Acquire)
    }

    /// How many health checks it has answered.
    pub fn checks_answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    /// How many sends it has finished, and how many of these failed.
    pub fn finished_so_far(&self) -> (u64, u64) {
        (self.processed.load(Relaxed), self.errors.load(Relaxed))
    }

    /// When a send last finished; when it started, if none has.
    pub fn last_activity(&self) -> Instant {
        self.started + Duration::from_nanos(self.last_activity.load(Relaxed))
    }

    /// Sends under way, or in its inbox.
    pub fn assigned(&self) -> u64 {
        self.assigned.load(Relaxed)
    }

    /// What it is doing.
    pub fn state(&self) -> WorkerState {
        WorkerState::ALL[usize::from(self.state.load(Relaxed)).min(WorkerState::ALL.len() - 1)]
    }

    /// The time its slots have spent with sends under way, added up.
    pub fn slot_time(&self, now: Instant) -> Duration {
        let open = self.nanos(now).saturating_sub(self.turned_at.load(Relaxed)) * self.under_way.load(Relaxed);
        Duration::from_nanos(self.slot_nanos.load(Relaxed) + open)
    }

    /// How long the turn under way lasts by now, if there is one: a long one means that something blocks its thread.
    pub fn in_turn_for(&self, now: Instant) -> Option<Duration> {
        let since = self.turn_since.load(Relaxed).checked_sub(1)?;
        Some(Duration::from_nanos(self.nanos(now).saturating_sub(since)))
    }

    /// The send it worked on last; `None` before the first, or in the instant it changes.
    pub fn current(&self) -> Option<CurrentSend> {
        self.current.read()
    }

    /// All its numbers at `now`.
    pub fn stats(&self, now: Instant) -> WorkerStats {
        let state = self.state();
        let current = matches!(state, WorkerState::Processing | WorkerState::ShuttingDown).then(|| self.current()).flatten();
        let processed = self.processed.load(Relaxed);
        let at = self.nanos(now);
        WorkerStats {
            worker: self.key.slot,
            epoch: self.key.epoch,
            state,
            in_flight: self.assigned.load(Relaxed),
            processed,
            errors: self.errors.load(Relaxed),
            uptime_ms: at / 1_000_000,
            idle_ms: at.saturating_sub(self.last_activity.load(Relaxed)) / 1_000_000,
            current_task: current.map(|send| send.task),
            weight: self.weight.load(Relaxed),
            affinity: self.affinity.load_full(),
            average_us: self.average_nanos.load(Relaxed) / 1000,
            millis_per_second: self.millis_per_second.load(Relaxed),
            error_permille: self.error_permille.load(Relaxed),
            busy_us: self.busy_nanos.load(Relaxed) / 1000,
            bytes: self.bytes.load(Relaxed),
        }
    }
}

/// Adds to a number that only the caller writes: cheaper than an atomic addition.
fn add(number: &AtomicU64, more: u64) {
    number.store(number.load(Relaxed) + more, Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell() -> (WorkerCell, Instant) {
        let now = crate::clock::Clock::now(&crate::clock::SystemClock);
        (WorkerCell::new(WorkerKey { slot: 3, epoch: 1 }, now), now)
    }

    #[tokio::test]
    async fn slot_time_and_busy_time_are_what_was_spent() {
        let (cell, start) = cell();
        let at = |millis| start + Duration::from_millis(millis);
        cell.turn_begins(at(10));
        assert_eq!(cell.in_turn_for(at(15)), Some(Duration::from_millis(5)));
        cell.turn_ends(at(12), 3);
        assert_eq!(cell.in_turn_for(at(15)), None);
        assert_eq!(cell.slot_time(at(22)), Duration::from_millis(30));
        cell.turn_begins(at(32));
        cell.turn_ends(at(32), 0);
        assert_eq!(cell.slot_time(at(99)), Duration::from_millis(60));
        assert_eq!(cell.stats(at(99)).busy_us, 2000);
    }

    #[tokio::test]
    async fn the_average_follows_the_last_sends_and_errors_are_counted() {
        let (cell, start) = cell();
        cell.finished(Duration::from_micros(100), false);
        assert_eq!(cell.stats(start).average_us, 100);
        cell.turn_begins(start + Duration::from_secs(1));
        (0..100).for_each(|_| cell.finished(Duration::from_micros(900), true));
        let stats = cell.stats(start + Duration::from_secs(3));
        assert!((890..=900).contains(&stats.average_us), "{stats:?}");
        assert_eq!((stats.processed, stats.errors, stats.idle_ms, stats.uptime_ms), (101, 100, 2000, 3000));
    }
}
