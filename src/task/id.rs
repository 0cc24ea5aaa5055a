//! The ids of notifications and tasks, and the source that mints them.
//!
//! A task's id is its notification's with the task's place in the last bits, so that either is found from the other
//! without an index.

use std::{
    fmt,
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Bits at the end of an id that say which task of its notification it is, counted from 1; 0 is the notification itself.
const PLACE_BITS: u32 = 20;

/// Those bits.
const PLACE_MASK: u128 = (1 << PLACE_BITS) - 1;

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

    /// When it was minted, to the millisecond.
    pub fn minted_at(self) -> SystemTime {
        let millis = u64::try_from(self.bits() >> 80).unwrap_or_default();
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    /// The id of its task at this place, from 0; below [`TaskId::PER_NOTIFICATION_MAX`].
    pub const fn task(self, index: u32) -> TaskId {
        TaskId(Uuid::from_u128((self.bits() & !PLACE_MASK) | ((index as u128 + 1) & PLACE_MASK)))
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

/// The id of a task, one notification for one target: a UUID version 7 (RFC 9562) that shares all but its last bits with its
/// notification's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(Uuid);

impl TaskId {
    /// Tasks one notification has at most.
    pub const PER_NOTIFICATION_MAX: usize = PLACE_MASK as usize;

    /// The notification it belongs to.
    pub const fn notification(self) -> NotificationId {
        NotificationId(Uuid::from_u128(self.bits() & !PLACE_MASK))
    }

    /// Its place among the notification's tasks, from 0; `None` for an id that is no task's.
    pub const fn index(self) -> Option<u32> {
        ((self.bits() & PLACE_MASK) as u32).checked_sub(1)
    }

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
    process: u64,
}

/// Bits that differ between processes.
const PROCESS_BITS: u32 = 20;

/// Bits of the counter: 12 before the variant's, the rest after them.
const COUNTER_BITS: u32 = 34;

impl IdSource {
    /// A source whose ids differ from those of every source with another seed.
    pub fn new(seed: u64) -> Self {
        Self { counter: AtomicU64::new(seed & u64::from(u32::MAX)), process: seed >> (u64::BITS - PROCESS_BITS) }
    }

    /// The next notification id: 48 bits of milliseconds, 34 bits of counter around the version and variant bits, 20 bits of
    /// process, and 20 bits that are left to tasks.
    pub fn notification(&self, wall: SystemTime) -> NotificationId {
        let millis = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let count = u128::from(self.counter.fetch_add(1, Ordering::Relaxed)) & ((1 << COUNTER_BITS) - 1);
        let low_bits = COUNTER_BITS - 12;
        let (high, low) = (count >> low_bits, count & ((1 << low_bits) - 1));
        let own = (low << PROCESS_BITS) | u128::from(self.process);
        NotificationId::from_bits((millis << 80) | (7 << 76) | (high << 64) | (2 << 62) | (own << PLACE_BITS))
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
        let ids: Vec<_> = (0..10_000u64).map(|i| source.notification(at(1_700_000_000_000 + i / 100))).collect();
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        let uuid = ids[0].0;
        assert_eq!((uuid.get_version(), uuid.get_variant()), (Some(Version::SortRand), Variant::RFC4122));
        assert!(ids[0] < ids[9_999]);
        assert_eq!(ids[7].to_string().parse(), Ok(ids[7]));
        assert_ne!(ids[0], IdSource::new(5).notification(at(1_700_000_000_000)));
    }

    #[test]
    fn a_task_id_tells_its_notification_and_its_place() {
        let source = IdSource::new(u64::MAX);
        let (first, second) = (source.notification(SystemTime::UNIX_EPOCH), source.notification(SystemTime::UNIX_EPOCH));
        for index in [0, 1, 999, TaskId::PER_NOTIFICATION_MAX as u32 - 1] {
            let task = first.task(index);
            assert_eq!((task.notification(), task.index()), (first, Some(index)));
            assert!(task < second.task(0));
        }
        assert_eq!(TaskId::from_bits(first.bits()).index(), None);
    }
}
