//! What an adapter remembers by key, within bounds: which thread a key has opened, which user has an address.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Most keys remembered; beyond, the one that was not used for longest is forgotten.
const KEYS_MAX: usize = 1_000;

/// The value of one key: empty until it is known. Locked while it is being made, so that two messages of one key never
/// make two.
pub(super) type Slot = Arc<tokio::sync::Mutex<Option<String>>>;

/// What is remembered; lost with the process.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Held for a look into the map, never across an await.
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    uses: u64,
    by_key: HashMap<Box<str>, (u64, Slot)>,
}

impl Memory {
    /// The slot of `key`, an empty one if it is new.
    pub(super) fn slot(&self, key: &str) -> Slot {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.uses += 1;
        let now = known.uses;
        if let Some((used, slot)) = known.by_key.get_mut(key) {
            *used = now;
            return slot.clone();
        }
        if known.by_key.len() >= KEYS_MAX {
            let oldest = known.by_key.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone());
            oldest.and_then(|key| known.by_key.remove(&key));
        }
        known.by_key.entry(key.into()).or_insert((now, Slot::default())).1.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_unused_for_longest_is_forgotten_first() {
        let memory = Memory::default();
        let first = memory.slot("0");
        for key in 1..KEYS_MAX {
            memory.slot(&key.to_string());
        }
        assert!(Arc::ptr_eq(&memory.slot("0"), &first), "it was used last of all now");
        memory.slot("one more");
        let known = memory.known.lock().expect("nobody panicked");
        assert_eq!((known.by_key.len(), known.by_key.contains_key("1")), (KEYS_MAX, false));
        assert!(known.by_key.contains_key("0"));
    }
}
