//! A subscriber's place: what it was given, how far it has come, and how it ended.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use tokio::sync::mpsc;

use crate::event::Event;

/// Events a subscriber may be behind before it is removed. Twice what may wait for the broadcaster, so that no burst that
/// could be handed over removes a subscriber that kept up until then.
pub const BACKLOG_EVENTS_MAX: usize = 8192;

/// Events that are fanned out together. All subscribers share them; each is sent one message and woken once.
pub type Group = Arc<[Arc<Event>]>;

/// What the two halves of a subscription share.
#[derive(Debug, Default)]
pub struct Place {
    /// Events the stream has returned. Only the stream writes it.
    taken: AtomicU64,
    ended: OnceLock<Ended>,
}

/// How a subscription ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The stream was dropped.
    Dropped,
    /// It fell too far behind; the event of number `after` is the last it was given.
    TooSlow {
        /// Its number.
        after: u64,
    },
    /// There are no more events.
    Over,
}

/// Events on their way to one subscriber: the first `end` of a group.
#[derive(Debug)]
pub struct Given {
    group: Group,
    next: usize,
    end: usize,
}

/// The broadcaster's half of a subscription.
#[derive(Debug)]
pub struct Listener {
    place: Arc<Place>,
    since: u64,
    stream: mpsc::Sender<Given>,
    given: u64,
    last: u64,
}

/// A place for subscription number `since`: the broadcaster's half and the stream's.
pub fn place(since: u64) -> (Listener, mpsc::Receiver<Given>, Arc<Place>) {
    // There are never more groups in it than events, and `Listener::give` bounds those.
    let (stream, given) = mpsc::channel(BACKLOG_EVENTS_MAX);
    let place = Arc::<Place>::default();
    (Listener { place: place.clone(), since, stream, given: 0, last: 0 }, given, place)
}

impl Place {
    /// Notes that the stream has returned one more event.
    pub fn took_one(&self) {
        self.taken.store(self.taken.load(Relaxed) + 1, Relaxed);
    }

    /// Notes how the subscription ended; whether it had not before.
    pub fn end(&self, how: Ended) -> bool {
        self.ended.set(how).is_ok()
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<Ended> {
        self.ended.get().copied()
    }
}

impl Iterator for Given {
    type Item = Arc<Event>;

    fn next(&mut self) -> Option<Arc<Event>> {
        let event = self.group[..self.end].get(self.next)?.clone();
        self.next += 1;
        Some(event)
    }
}

impl Listener {
    /// What it shares with the stream.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Gives it the events of `group`, all published when `subscriptions` had been made. The error says how its
    /// subscription ends: it was dropped, or cannot take them all.
    pub fn give(&mut self, subscriptions: u64, group: &Group) -> Result<(), Ended> {
        if self.stream.is_closed() {
            return Err(Ended::Dropped);
        }
        if self.since > subscriptions {
            return Ok(());
        }
        let behind = self.given.saturating_sub(self.place.taken.load(Relaxed));
        let end = group.len().min(BACKLOG_EVENTS_MAX.saturating_sub(behind as usize));
        if let Some(last) = group[..end].last() {
            self.given += end as u64;
            self.last = last.number;
            self.stream.try_send(Given { group: group.clone(), next: 0, end }).map_err(|_| Ended::Dropped)?;
        }
        if end == group.len() { Ok(()) } else { Err(Ended::TooSlow { after: self.last }) }
    }
}
