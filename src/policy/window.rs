//! At most so many in any window of so long, wherever it begins.
//!
//! Governor's GCRA spaces sends out and lets a burst go after a pause; a window that begins with the burst then holds more than
//! the limit. This counts what a window really holds, in 64 slots, so that it takes the same memory for ten as for ten million:
//! a slot counts until it is wholly outside, which costs a 64th of the rate at most.

use std::{collections::VecDeque, time::Duration};

/// Slots per window.
const SLOTS: u128 = 64;

/// What was sent of late.
#[derive(Debug)]
pub struct Window {
    count_max: u64,
    slot: Duration,
    /// Number of the slot and what it holds, oldest first; only slots that hold something.
    slots: VecDeque<(u128, u64)>,
    held: u64,
}

impl Window {
    /// Nothing was sent; `count_max` may be per `per`, which is not zero.
    pub fn new(count_max: u64, per: Duration) -> Self {
        let slot = Duration::from_nanos(u64::try_from(per.as_nanos().div_ceil(SLOTS)).unwrap_or(u64::MAX).max(1));
        Self { count_max, slot, slots: VecDeque::new(), held: 0 }
    }

    /// Until when (since whatever `now` counts from) nothing more may go, if so.
    pub fn wait(&mut self, now: Duration) -> Option<Duration> {
        let current = now.as_nanos() / self.slot.as_nanos();
        while let Some((_, held)) = self.slots.front().copied().filter(|(number, _)| number + SLOTS < current) {
            self.held -= held;
            self.slots.pop_front();
        }
        let (oldest, _) = self.slots.front().filter(|_| self.held >= self.count_max)?;
        let until = (oldest + SLOTS + 1) * self.slot.as_nanos();
        Some(Duration::from_nanos(u64::try_from(until).unwrap_or(u64::MAX)))
    }

    /// One goes now.
    pub fn take(&mut self, now: Duration) {
        let current = now.as_nanos() / self.slot.as_nanos();
        match self.slots.back_mut().filter(|(number, _)| *number == current) {
            Some((_, held)) => *held += 1,
            None => self.slots.push_back((current, 1)),
        }
        self.held += 1;
    }
}
