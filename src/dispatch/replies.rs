//! The callers that wait for the outcome of a notification.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use foldhash::fast::FixedState;

use super::slot::Slot;
use crate::task::{NotificationId, Outcome};

/// Waiting callers, by notification. A std mutex: every use is a few lines without an `.await`.
#[derive(Debug, Clone, Default)]
pub struct Replies(Arc<Mutex<State>>);

/// An outcome; `None` when none will come.
type Reply = Option<Arc<Outcome>>;

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<NotificationId, Arc<Slot<Reply>>, FixedState>,
    closed: bool,
}

/// A place to wait at. The last one dropped gives the place up.
#[derive(Debug)]
pub struct Waiter {
    id: NotificationId,
    slot: Arc<Slot<Reply>>,
    replies: Replies,
}

impl Replies {
    /// Starts waiting for `id`. Register before it can finish, or look afterwards whether it has.
    pub fn register(&self, id: NotificationId) -> Waiter {
        let mut state = self.state();
        let slot = if state.closed { Arc::new(Slot::with(None)) } else { state.waiting.entry(id).or_default().clone() };
        drop(state);
        Waiter { id, slot, replies: self.clone() }
    }

    /// Answers everybody who waits for this notification.
    pub fn resolve(&self, outcome: Arc<Outcome>) {
        let slot = self.state().waiting.remove(&outcome.id);
        if let Some(slot) = slot {
            slot.fill(Some(outcome));
        }
    }

    /// Answers nobody any more: all who wait, now or later, are told that no answer will come.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.drain().for_each(|(_, slot)| slot.fill(None));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// The outcome once it is final; `None` if the hub ended first.
    pub async fn outcome(&self) -> Option<Arc<Outcome>> {
        self.slot.filled().await
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if self.slot.is_filled() {
            return; // it has been taken out of the list
        }
        let mut state = self.replies.state();
        if let Entry::Occupied(entry) = state.waiting.entry(self.id)
            && Arc::ptr_eq(entry.get(), &self.slot)
            && Arc::strong_count(&self.slot) == 2
        {
            entry.remove();
        }
    }
}
