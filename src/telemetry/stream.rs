//! A subscription, as whoever made it holds it.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::{
    audience::Audience,
    place::{Ended, Given, Place},
};
use crate::event::Event;

/// A subscription. One that falls more than 8,192 events behind is removed: its stream still returns those, then tells
/// how many it missed, and ends. Dropping it frees its place.
#[derive(Debug)]
pub struct EventStream {
    audience: Arc<Audience>,
    since: u64,
    pub(super) place: Arc<Place>,
    receiver: mpsc::Receiver<Given>,
    given: Option<Given>,
    told: bool,
}

/// A subscriber was too slow and was removed. The number counts what was published after the last event it got, until it
/// was told; what happens while nobody listens is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too slow: {0} events were missed and the subscription has ended")]
pub struct Missed(pub u64);

impl EventStream {
    pub(super) fn new(audience: Arc<Audience>, since: u64, place: Arc<Place>, receiver: mpsc::Receiver<Given>) -> Self {
        Self { audience, since, place, receiver, given: None, told: false }
    }

    /// The next event; `None` when the hub is gone or the subscription has ended. May be dropped at any time
    /// without losing an event.
    ///
    /// # Errors
    ///
    /// [`Missed`] once, when the subscriber was too slow.
    pub async fn next(&mut self) -> Option<Result<Arc<Event>, Missed>> {
        loop {
            if let Some(event) = self.given.as_mut().and_then(Iterator::next) {
                self.place.took_one();
                return Some(Ok(event));
            }
            self.given = None; // what all have taken is freed before the wait
            match self.receiver.recv().await {
                Some(given) => self.given = Some(given),
                None => return self.missed().map(Err),
            }
        }
    }

    /// What it missed, the first time it is asked.
    fn missed(&mut self) -> Option<Missed> {
        let Some(Ended::TooSlow { after }) = self.place.ended() else { return None };
        let told = std::mem::replace(&mut self.told, true);
        (!told).then(|| Missed(self.audience.latest().saturating_sub(after)))
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.audience.leave(self.since, &self.place);
    }
}
