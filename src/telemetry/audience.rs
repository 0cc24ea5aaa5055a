//! Who listens: what publishers, subscribers and the broadcaster know of each other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};

use super::{
    EventStream,
    place::{Ended, Listener, Place, place},
};

/// Everybody who listens. Publishers read it with every event and write nothing.
#[derive(Debug, Default)]
pub struct Audience {
    /// Subscriptions that have not ended.
    listeners: AtomicUsize,
    /// Subscriptions ever made.
    subscriptions: AtomicU64,
    /// Events that could not be handed over.
    dropped: AtomicU64,
    /// Taken to subscribe, to unsubscribe, and by the broadcaster when somebody is new; never by a publisher.
    entrance: Mutex<Entrance>,
    latest: Apart,
}

/// The number of the latest event, kept off the cache line that publishers read: it is written with every group.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Apart(AtomicU64);

/// Where new listeners wait for the broadcaster to meet them, by the number of their subscription.
#[derive(Debug, Default)]
struct Entrance {
    closed: bool,
    waiting: BTreeMap<u64, Listener>,
}

impl Audience {
    /// How many subscriptions have been made; `None` when nobody listens any more.
    pub fn subscriptions(&self) -> Option<u64> {
        (self.listeners.load(Relaxed) > 0).then(|| self.subscriptions.load(Acquire))
    }

    /// A new subscription.
    pub fn join(self: &Arc<Self>) -> EventStream {
        let mut entrance = self.entrance();
        let since = self.subscriptions.load(Relaxed) + 1;
        let (listener, given, place) = place(since);
        if entrance.closed {
            let _ = place.end(Ended::Over);
        } else {
            // The listener is there before any event can carry its number.
            entrance.waiting.insert(since, listener);
            self.subscriptions.store(since, Release);
            self.listeners.fetch_add(1, Relaxed);
        }
        EventStream::new(self.clone(), since, place, given)
    }

    /// Those who joined since this was last asked.
    pub fn joined(&self) -> impl Iterator<Item = Listener> + use<> {
        std::mem::take(&mut self.entrance().waiting).into_values()
    }

    /// Ends a subscription, if it has not ended yet.
    pub fn end(&self, place: &Place, how: Ended) {
        if place.end(how) {
            self.listeners.fetch_sub(1, Relaxed);
        }
    }

    /// Ends the subscription of a stream that is dropped, and frees its place.
    pub fn leave(&self, since: u64, place: &Place) {
        self.end(place, Ended::Dropped);
        let waiting = self.entrance().waiting.remove(&since);
        drop(waiting);
    }

    /// Lets nobody in any more; returns those that were still waiting.
    pub fn close(&self) -> impl Iterator<Item = Listener> + use<> {
        self.entrance().closed = true;
        self.joined()
    }

    /// Counts an event that could not be handed over.
    pub fn count_dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }

    /// How many could not.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Notes the number of the latest event.
    pub fn reached(&self, number: u64) {
        self.latest.0.store(number, Relaxed);
    }

    /// The number of the latest event.
    pub fn latest(&self) -> u64 {
        self.latest.0.load(Relaxed)
    }

    fn entrance(&self) -> MutexGuard<'_, Entrance> {
        self.entrance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
