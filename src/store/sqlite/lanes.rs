//! The lanes the file knows, by number, and which of them have something to claim.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;

use crate::task::{LaneKey, PlatformName};

/// Lanes by number.
#[derive(Debug, Default)]
pub struct Lanes {
    keys: HashMap<i64, LaneKey, RandomState>,
    numbers: HashMap<LaneKey, i64, RandomState>,
    /// Those on which a task waits that is due and not claimed.
    ready: BTreeSet<i64>,
    last: i64,
}

impl Lanes {
    /// Takes in a lane of the file.
    pub fn insert(&mut self, number: i64, key: LaneKey) {
        self.last = self.last.max(number);
        self.keys.insert(number, key.clone());
        self.numbers.insert(key, number);
    }

    /// Forgets a lane that the file does not have after all.
    pub fn remove(&mut self, number: i64) {
        if let Some(key) = self.keys.remove(&number) {
            self.numbers.remove(&key);
        }
        self.ready.remove(&number);
    }

    /// The number of a lane, if it has one.
    pub fn number(&self, key: &LaneKey) -> Option<i64> {
        self.numbers.get(key).copied()
    }

    /// A number no lane has.
    pub fn next_number(&mut self) -> i64 {
        self.last += 1;
        self.last
    }

    /// The lane with this number.
    pub fn key(&self, number: i64) -> Option<&LaneKey> {
        self.keys.get(&number)
    }

    /// The numbers of a platform's lanes.
    pub fn of_platform(&self, platform: &PlatformName) -> impl Iterator<Item = i64> {
        self.keys.iter().filter(move |(_, key)| key.platform == *platform).map(|(number, _)| *number)
    }

    /// Whether a task waits on it that could be claimed.
    pub fn is_ready(&self, number: i64) -> bool {
        self.ready.contains(&number)
    }

    /// Says whether one does.
    pub fn set_ready(&mut self, number: i64, ready: bool) {
        if ready {
            self.ready.insert(number);
        } else {
            self.ready.remove(&number);
        }
    }

    /// Assumes that tasks wait on every lane: each is looked at by the next claims.
    pub fn set_all_ready(&mut self) {
        self.ready = self.keys.keys().copied().collect();
    }

    /// The lanes on which something waits.
    pub fn ready(&self) -> impl Iterator<Item = i64> {
        self.ready.iter().copied()
    }
}
