//! A worker of the simulation: slots, and what was done with them.

use std::time::Duration;

/// Sends a worker has under way at most: as many as by default.
pub const SLOTS: usize = 32;

/// A worker.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Sends under way.
    pub under_way: usize,
    /// Whether it finishes what it has and takes nothing more.
    pub leaving: bool,
    ready_at: Duration,
    idle_since: Duration,
    looked_at: Duration,
    slot_time: Duration,
}

impl Worker {
    /// A worker that takes work from `ready_at` on.
    pub fn starting(ready_at: Duration) -> Self {
        Self { under_way: 0, leaving: false, ready_at, idle_since: ready_at, looked_at: ready_at, slot_time: Duration::ZERO }
    }

    /// Whether it takes work.
    pub fn is_at_work(&self, now: Duration) -> bool {
        !self.leaving && self.ready_at <= now
    }

    /// Whether it has a free slot.
    pub fn has_room(&self, now: Duration) -> bool {
        self.is_at_work(now) && self.under_way < SLOTS
    }

    /// Begins a send.
    pub fn begin(&mut self, now: Duration) {
        self.count(now);
        self.under_way += 1;
    }

    /// Ends a send.
    pub fn finish(&mut self, now: Duration) {
        self.count(now);
        self.under_way -= 1;
        self.idle_since = now;
    }

    /// How long it has had nothing to do.
    pub fn idle_for(&self, now: Duration) -> Duration {
        if self.under_way > 0 { Duration::ZERO } else { now.saturating_sub(self.idle_since) }
    }

    /// Slot-time spent with sends since it was last asked.
    pub fn take_slot_time(&mut self, now: Duration) -> Duration {
        self.count(now);
        std::mem::take(&mut self.slot_time)
    }

    fn count(&mut self, now: Duration) {
        self.slot_time += now.saturating_sub(self.looked_at) * self.under_way as u32;
        self.looked_at = now;
    }
}
