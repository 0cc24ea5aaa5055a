//! One broadcast of everything that happens; publishing never waits.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    clock::Clock,
    event::{Event, EventKind},
    task::CorrelationId,
};

/// Events a subscriber may be behind before it is dropped.
const BACKLOG_EVENTS_MAX: usize = 1024;

/// Where events are published. With nobody listening an event is not even made.
#[derive(Clone)]
pub struct EventBus {
    sender: broadcast::Sender<Arc<Event>>,
    published: Arc<AtomicU64>,
    clock: Arc<dyn Clock>,
}

impl EventBus {
    /// A bus without subscribers.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { sender: broadcast::Sender::new(BACKLOG_EVENTS_MAX), published: Arc::default(), clock }
    }

    /// Publishes what `make` returns, if anybody listens.
    pub fn publish(&self, make: impl FnOnce() -> (Option<CorrelationId>, EventKind)) {
        if self.sender.receiver_count() == 0 {
            return;
        }
        let (correlation_id, kind) = make();
        let number = self.published.fetch_add(1, Ordering::Relaxed) + 1;
        // An error only means that the last subscriber has just gone.
        let _ = self.sender.send(Arc::new(Event { number, at: self.clock.wall(), correlation_id, kind }));
    }

    /// Everything that happens from now on.
    pub fn subscribe(&self) -> EventStream {
        EventStream { receiver: Some(self.sender.subscribe()) }
    }
}

/// A subscription. One that falls more than 1,024 events behind is told how many it missed, and ends.
#[derive(Debug)]
pub struct EventStream {
    receiver: Option<broadcast::Receiver<Arc<Event>>>,
}

/// A subscriber was too slow and was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too slow: {0} events were missed and the subscription has ended")]
pub struct Missed(pub u64);

impl EventStream {
    /// The next event; `None` when the hub is gone or the subscription has ended. May be dropped at any time
    /// without losing an event.
    ///
    /// # Errors
    ///
    /// [`Missed`] once, when the subscriber was too slow.
    pub async fn next(&mut self) -> Option<Result<Arc<Event>, Missed>> {
        match self.receiver.as_mut()?.recv().await {
            Ok(event) => Some(Ok(event)),
            Err(RecvError::Lagged(missed)) => {
                self.receiver = None;
                Some(Err(Missed(missed)))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::SystemClock, task::WorkerKey};

    fn started(worker: u32) -> (Option<CorrelationId>, EventKind) {
        (None, EventKind::WorkerStarted { worker: WorkerKey { slot: worker, epoch: 1 } })
    }

    #[tokio::test]
    async fn every_subscriber_sees_every_event_in_order() {
        let bus = EventBus::new(Arc::new(SystemClock));
        bus.publish(|| panic!("nobody listens, so nothing is made"));
        let mut streams = [bus.subscribe(), bus.subscribe()];
        (0..3).for_each(|worker| bus.publish(|| started(worker)));
        drop(bus);
        for stream in &mut streams {
            for expected in 1..=3 {
                assert_eq!(stream.next().await.expect("open").expect("in time").number, expected);
            }
            assert!(stream.next().await.is_none());
        }
    }

    #[tokio::test]
    async fn a_subscriber_that_falls_behind_is_told_and_dropped() {
        let bus = EventBus::new(Arc::new(SystemClock));
        let mut slow = bus.subscribe();
        (0..BACKLOG_EVENTS_MAX as u32 + 5).for_each(|worker| bus.publish(|| started(worker)));
        assert_eq!(slow.next().await.expect("told").expect_err("missed some"), Missed(5));
        assert!(slow.next().await.is_none());
        assert_eq!(bus.sender.receiver_count(), 0);
    }
}
