//! Rate limits that outlast a process: which process sends within them, and what was sent within them before.
//!
//! What was sent within the last minute nobody writes down: whoever comes to keep such a limit waits until it counts no more.
//! Longer windows cannot be waited for, so what their lanes send is kept in the store, in the write that ends the attempt.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    config::RateWindow,
    task::{LaneKey, PlatformName},
};

const SHORT_MAX: Duration = RateWindow::SHORT_MAX;

/// A limit that is to hold whoever sends: for all processes that share a store, and over restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// The name all of them know it by.
    pub name: Arc<str>,
    /// What is sent within it.
    pub whose: Whose,
    /// Its longest window of a minute at most; zero if it has none.
    pub short: Duration,
    /// Its longest window beyond a minute; zero if it has none.
    pub long: Duration,
}

impl Limit {
    /// How long whoever takes it from another must wait: so long may that one have sent what is not written down.
    pub fn handover(&self) -> Duration {
        if self.long.is_zero() { self.short } else { SHORT_MAX }
    }
}

/// What is sent within a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// What goes on one lane.
    Lane(LaneKey),
    /// What goes to any of these platforms.
    Platforms(Vec<PlatformName>),
}

/// Which process sends within a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned {
    /// This one. So much was sent before, as far back as the limit looks beyond a minute.
    Here(Vec<Spent>),
    /// This one, once so much time has passed: what was sent before counts till then. It is to be asked again.
    Soon(Duration),
    /// Another one, as long as it lives.
    Elsewhere,
}

/// What was sent on a lane within some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// The lane.
    pub lane: LaneKey,
    /// To whom, where that is counted.
    pub recipient: Option<Arc<str>>,
    /// When, at the latest.
    pub at: SystemTime,
    /// How many tasks.
    pub tasks: u64,
    /// What they weighed together.
    pub weight: u64,
}

/// What an attempt used up of limits that look back further than a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spends {
    /// When, at the latest: what is sent before one such moment and after the one before it is counted together.
    pub at: SystemTime,
    /// How much.
    pub weight: u32,
    /// Whether its recipient is counted too.
    pub recipient: bool,
    /// For how long it counts.
    pub counts_for: Duration,
}

/// What is to be written down of each attempt on a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accounting {
    /// What is sent within so much time is counted together: a 64th of the shortest window beyond a minute.
    step: Duration,
    /// The longest window.
    longest: Duration,
    recipient: bool,
}

/// The parts of a window that are told apart.
const STEPS: u32 = 64;

impl Accounting {
    /// What is to be written down where a lane and its account are limited by `lane`, and its recipients by `recipients`; nothing
    /// if all windows are short.
    pub fn of<'a>(lane: impl Iterator<Item = &'a RateWindow>, recipients: &'a [RateWindow]) -> Option<Self> {
        let is_long = |window: &&RateWindow| window.per > SHORT_MAX;
        let recipient = recipients.iter().any(|window| is_long(&window));
        let long: Vec<Duration> = lane.chain(recipients).filter(is_long).map(|window| window.per).collect();
        let (shortest, longest) = (long.iter().min()?, *long.iter().max()?);
        Some(Self { step: *shortest / STEPS, longest, recipient })
    }

    /// What an attempt of this weight that ended at `wall` has used up.
    pub fn spends(self, weight: u32, wall: SystemTime) -> Spends {
        let (since, step) = (wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos(), self.step.as_nanos().max(1));
        let at = u64::try_from(since.div_ceil(step) * step).unwrap_or(u64::MAX);
        let at = UNIX_EPOCH.checked_add(Duration::from_nanos(at)).unwrap_or(wall);
        Spends { at, weight, recipient: self.recipient, counts_for: self.longest }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn only_windows_beyond_a_minute_are_written_down_and_by_a_64th_of_the_shortest() {
        let window = |per| RateWindow { count: NonZeroU32::MIN, per, burst: NonZeroU32::MIN };
        let (second, minute, hour, day) = (window(HOUR / 3600), window(SHORT_MAX), window(HOUR), window(24 * HOUR));
        assert_eq!(Accounting::of([minute, second].iter(), &[minute]), None);
        let accounting = Accounting::of([minute, day].iter(), &[hour]).expect("two are long");
        let wall = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let spends = accounting.spends(3, wall);
        assert_eq!((spends.weight, spends.recipient, spends.counts_for), (3, true, 24 * HOUR));
        let later = spends.at.duration_since(wall).expect("never earlier than it was");
        assert!(later < HOUR / 64);
        assert_eq!(accounting.spends(1, spends.at).at, spends.at);
        assert_eq!(accounting.spends(1, spends.at + Duration::from_nanos(1)).at, spends.at + HOUR / 64);
        assert!(!Accounting::of([hour].iter(), &[second]).expect("long").spends(1, wall).recipient);
    }
}
