//! Numbers events and hands them to everybody who listens.

use std::{iter, sync::Arc};

use tokio::{sync::mpsc, task::yield_now};

use super::{
    audience::Audience,
    events::Handed,
    place::{Ended, Group, Listener},
};
use crate::event::Event;

/// Events that are fanned out together at most. Between groups the subscribers get a turn.
const GROUP_EVENTS_MAX: usize = 128;

/// Takes what was published in groups, numbers it from 1 without a gap but for what was dropped, and fans it out. A
/// subscriber costs it one message and at most one wake-up per group, and is never waited for.
///
/// It ends with the last bus. Wherever it is dropped it hands on what it still has, and then every stream ends.
pub struct Broadcaster {
    handed: mpsc::Receiver<Handed>,
    audience: Arc<Audience>,
    listeners: Vec<Listener>,
    /// The latest subscription whose listener is among them.
    met: u64,
    /// The latest event's number.
    number: u64,
    /// How many dropped events the numbers already skip.
    skipped: u64,
}

impl Broadcaster {
    pub(super) fn new(handed: mpsc::Receiver<Handed>, audience: Arc<Audience>) -> Self {
        Self { handed, audience, listeners: Vec::new(), met: 0, number: 0, skipped: 0 }
    }

    /// Fans out until the last bus is gone.
    pub async fn run(mut self) {
        let mut taken = Vec::with_capacity(GROUP_EVENTS_MAX);
        while self.handed.recv_many(&mut taken, GROUP_EVENTS_MAX).await > 0 {
            self.hand_on(taken.drain(..));
            yield_now().await; // else subscribers on the same thread would fall behind through no fault of theirs
        }
    }

    /// Fans out what was taken, in groups between which nobody subscribed.
    fn hand_on(&mut self, taken: impl Iterator<Item = Handed>) {
        let mut taken = taken.peekable();
        while let Some(subscriptions) = taken.peek().map(|handed| handed.subscriptions) {
            let same = iter::from_fn(|| taken.next_if(|handed| handed.subscriptions == subscriptions));
            let group = same.map(|handed| self.numbered(handed)).collect();
            self.audience.reached(self.number);
            self.meet(subscriptions);
            self.fan_out(subscriptions, &group);
        }
    }

    fn numbered(&mut self, handed: Handed) -> Arc<Event> {
        let Handed { mut event, dropped, .. } = handed;
        self.number += 1 + dropped.saturating_sub(self.skipped);
        self.skipped = self.skipped.max(dropped);
        Arc::get_mut(&mut event).expect("nobody has it but us").number = self.number;
        event
    }

    /// Makes sure that every listener is there that an event of so many `subscriptions` is for.
    fn meet(&mut self, subscriptions: u64) {
        if subscriptions > self.met {
            self.listeners.extend(self.audience.joined());
            self.met = subscriptions;
        }
    }

    fn fan_out(&mut self, subscriptions: u64, group: &Group) {
        let audience = &self.audience;
        self.listeners.retain_mut(|listener| {
            let given = listener.give(subscriptions, group);
            if let Err(how) = given {
                audience.end(listener.place(), how);
            }
            given.is_ok()
        });
    }
}

/// Whatever ends it, nobody misses what was published until then, and nobody waits for more.
impl Drop for Broadcaster {
    fn drop(&mut self) {
        self.handed.close();
        let rest: Vec<_> = iter::from_fn(|| self.handed.try_recv().ok()).collect();
        self.hand_on(rest.into_iter());
        let waiting = self.audience.close();
        for listener in self.listeners.drain(..).chain(waiting) {
            self.audience.end(listener.place(), Ended::Over);
        }
    }
}
