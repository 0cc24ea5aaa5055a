//! The ids of notifications and tasks, and the source that mints them.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The id of an accepted notification: a UUID version 7 (RFC 9562), so ids sort by time of acceptance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NotificationId(Uuid);

impl NotificationId {
    /// Wraps the 128 bits of a UUID.
    pub const fn from_bits(bits: u128) -> Self {
        Self(Uuid::from_u128(bits))
    }

    /// The 128 bits.
    pub const fn bits(self) -> u128 {
        self.0.as_u128()
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for NotificationId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// The id of a task, one notification for one target: a UUID version 7 (RFC 9562).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Uuid);

impl TaskId {
    /// Wraps the 128 bits of a UUID.
    pub const fn from_bits(bits: u128) -> Self {
        Self(Uuid::from_u128(bits))
    }

    /// The 128 bits.
    pub const fn bits(self) -> u128 {
        self.0.as_u128()
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for TaskId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

/// Mints ids: the wall clock's milliseconds, a counter, and bits that differ between processes.
///
/// # Why not `Uuid::now_v7`?
///
/// It asks the operating system for randomness on every call (0.4 µs) and reads a clock of its own; two of these
/// per delivery would be felt, and the simulation could not repeat them.
#[derive(Debug)]
pub struct IdSource {
    counter: AtomicU64,
    process: u32,
}

impl IdSource {
    /// A source whose ids differ from those of every source with another seed.
    pub fn new(seed: u64) -> Self {
        let [a, b, c, d, start @ ..] = seed.to_be_bytes();
        let start = u32::from_be_bytes(start);
        Self { counter: AtomicU64::new(u64::from(start)), process: u32::from_be_bytes([a, b, c, d]) }
    }

    /// The next notification id.
    pub fn notification(&self, wall: SystemTime) -> NotificationId {
        NotificationId(self.next(wall))
    }

    /// The next task id.
    pub fn task(&self, wall: SystemTime) -> TaskId {
        TaskId(self.next(wall))
    }

    /// 48 bits of milliseconds, then 42 bits of counter around the version and variant bits, then 32 bits of process.
    fn next(&self, wall: SystemTime) -> Uuid {
        let millis = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let count = u128::from(self.counter.fetch_add(1, Ordering::Relaxed)) & ((1 << 42) - 1);
        let (high, low) = (count >> 30, count & ((1 << 30) - 1));
        let bits = (millis << 80) | (7 << 76) | (high << 64) | (2 << 62) | (low << 32) | u128::from(self.process);
        Uuid::from_u128(bits)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use uuid::{Variant, Version};

    use super::*;

    #[test]
    fn ids_are_version_7_sort_by_time_and_never_repeat() {
        let source = IdSource::new(u64::MAX - 5);
        let at = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        let ids: Vec<_> = (0..10_000u64).map(|i| source.task(at(1_700_000_000_000 + i / 100))).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        let uuid = ids[0].0;
        assert_eq!((uuid.get_version(), uuid.get_variant()), (Some(Version::SortRand), Variant::RFC4122));
        assert!(ids[0] < ids[9_999]);
        assert_eq!(ids[7].to_string().parse(), Ok(ids[7]));
    }
}
