//! Where events are published: one bounded hand-over, whoever listens.
//!
//! # Why a broadcaster, and not a broadcast channel?
//!
//! With a broadcast channel the publisher itself wakes every subscriber, so a hundred open dashboards would be paid for
//! by the task that delivers. Here it pays one hand-over, and nothing at all while nobody listens; numbering and fanning
//! out are the [`Broadcaster`]'s.

use std::sync::Arc;

use tokio::sync::mpsc::{self, error::TrySendError};

use super::{Broadcaster, EventStream, audience::Audience};
use crate::{
    clock::Clock,
    event::{Event, EventKind},
    task::CorrelationId,
};

/// Events that may wait for the broadcaster.
pub const HANDED_OVER_EVENTS_MAX: usize = 4096;

/// Where events are published. Cheap to clone: all clones are the same bus.
#[derive(Clone)]
pub struct EventBus {
    broadcaster: mpsc::Sender<Handed>,
    audience: Arc<Audience>,
    clock: Arc<dyn Clock>,
}

/// An event on its way to the broadcaster, which gives it its number.
#[derive(Debug)]
pub struct Handed {
    /// What happened, without its number. Nobody else has it yet.
    pub event: Arc<Event>,
    /// How many subscriptions had been made: it is for none that came later.
    pub subscriptions: u64,
    /// How many events had been dropped, so that the numbers show the gap where it is.
    pub dropped: u64,
}

impl EventBus {
    /// A bus without subscribers, and what must [`run`](Broadcaster::run) for them to hear anything.
    pub fn new(clock: Arc<dyn Clock>) -> (Self, Broadcaster) {
        let (sender, handed) = mpsc::channel(HANDED_OVER_EVENTS_MAX);
        let audience = Arc::<Audience>::default();
        let broadcaster = Broadcaster::new(handed, audience.clone());
        (Self { broadcaster: sender, audience, clock }, broadcaster)
    }

    /// Publishes what `make` returns, if anybody listens. Never waits: when the broadcaster is 4,096 events behind, the
    /// event is dropped and [counted](EventBus::dropped). Events of one publisher keep their order.
    pub fn publish(&self, make: impl FnOnce() -> (Option<CorrelationId>, EventKind)) {
        let Some(subscriptions) = self.audience.subscriptions() else { return };
        let (correlation_id, kind) = make();
        let event = Arc::new(Event { number: 0, at: self.clock.wall(), correlation_id, kind });
        let handed = Handed { event, subscriptions, dropped: self.dropped() };
        // Where the broadcaster has ended, so has every subscription: nothing is lost to anybody.
        if let Err(TrySendError::Full(_)) = self.broadcaster.try_send(handed) {
            self.audience.count_dropped();
        }
    }

    /// Everything that is published from now on. After the end of the broadcaster: nothing.
    pub fn subscribe(&self) -> EventStream {
        self.audience.join()
    }

    /// How many events were dropped because the broadcaster was too far behind.
    pub fn dropped(&self) -> u64 {
        self.audience.dropped()
    }
}
