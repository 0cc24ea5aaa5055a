//! At most so many in any window of so long, wherever it begins.
//!
//! Governor's GCRA spaces sends out and lets a burst go after a pause; a window that begins with the burst then holds more than
//! the limit. This counts what a window really holds, in 64 slots, so that it takes the same memory for ten as for ten million:
//! a slot counts until it is wholly outside, which costs a 64th of the rate at most.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

/// Slots per window.
const SLOTS: u128 = 64;

/// Number of the slot in which time begins: what was sent earlier has a number too.
const BEGIN: u128 = SLOTS + 2;

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

    /// How long it is, or a little longer.
    pub fn per(&self) -> Duration {
        self.slot * SLOTS as u32
    }

    /// Until when (since whatever `now` counts from) what weighs so much may not go, if so. What weighs more than all that may go
    /// weighs as much as that.
    pub fn wait(&mut self, weight: u32, now: Duration) -> Option<Duration> {
        let current = self.number(now);
        while let Some((_, held)) = self.slots.front().copied().filter(|(number, _)| number + SLOTS < current) {
            self.held -= held;
            self.slots.pop_front();
        }
        let mut excess =
            (self.held + u64::from(weight).min(self.count_max)).checked_sub(self.count_max).filter(|excess| *excess > 0)?;
        let last = self.slots.iter().find(|(_, held)| {
            excess = excess.saturating_sub(*held);
            excess == 0
        });
        let (last, _) = last.or(self.slots.back())?;
        let until = (last + SLOTS + 1).saturating_sub(BEGIN) * self.slot.as_nanos();
        Some(Duration::from_nanos(u64::try_from(until).unwrap_or(u64::MAX)))
    }

    /// What weighs so much goes now.
    pub fn take(&mut self, weight: u32, now: Duration) {
        let weight = u64::from(weight).min(self.count_max);
        let current = self.number(now);
        match self.slots.back_mut().filter(|(number, _)| *number == current) {
            Some((_, held)) => *held += weight,
            None => self.slots.push_back((current, weight)),
        }
        self.held += weight;
    }

    /// So much was sent so long before `now`, instead of what it knew.
    pub fn restore(&mut self, sent: &[(Duration, u64)], now: Duration) {
        let mut slots = BTreeMap::<u128, u64>::new();
        for (ago, weight) in sent {
            let since = (now.as_nanos() + BEGIN * self.slot.as_nanos()).checked_sub(ago.as_nanos());
            if let Some(since) = since {
                *slots.entry(since / self.slot.as_nanos()).or_default() += weight;
            }
        }
        self.held = slots.values().sum();
        self.slots = slots.into_iter().collect();
    }

    fn number(&self, now: Duration) -> u128 {
        now.as_nanos() / self.slot.as_nanos() + BEGIN
    }
}
