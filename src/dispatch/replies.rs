//! The callers that wait for the outcome of a notification.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;

use crate::task::{NotificationId, Outcome};

/// Waiting callers, by notification. A std mutex: every use is a few lines without an `.await`.
#[derive(Debug, Clone, Default)]
pub struct Replies(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    waiting: HashMap<NotificationId, Vec<(u64, oneshot::Sender<Outcome>)>>,
    next: u64,
    closed: bool,
}

/// A place to wait at. Dropped, it gives the place up.
#[derive(Debug)]
pub struct Waiter {
    id: NotificationId,
    number: u64,
    receiver: oneshot::Receiver<Outcome>,
    replies: Replies,
}

impl Replies {
    /// Starts waiting for `id`. Register before looking whether it is finished already.
    pub fn register(&self, id: NotificationId) -> Waiter {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.state();
        state.next += 1;
        let number = state.next;
        if !state.closed {
            state.waiting.entry(id).or_default().push((number, sender));
        }
        drop(state);
        Waiter { id, number, receiver, replies: self.clone() }
    }

    /// Whether anybody waits for `id`.
    pub fn is_awaited(&self, id: NotificationId) -> bool {
        self.state().waiting.contains_key(&id)
    }

    /// Answers everybody who waits for this notification.
    pub fn resolve(&self, outcome: &Outcome) {
        let Some(waiting) = self.state().waiting.remove(&outcome.id) else { return };
        for (_, sender) in waiting {
            // A caller that has gone needs no answer.
            let _ = sender.send(outcome.clone());
        }
    }

    /// Answers nobody any more: all who wait, now or later, are told at once that no answer will come.
    pub fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// The outcome once it is final; `None` if the hub ended first.
    pub async fn outcome(mut self) -> Option<Outcome> {
        (&mut self.receiver).await.ok()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.replies.state();
        if let Some(waiting) = state.waiting.get_mut(&self.id) {
            waiting.retain(|(number, _)| *number != self.number);
            if waiting.is_empty() {
                state.waiting.remove(&self.id);
            }
        }
    }
}
