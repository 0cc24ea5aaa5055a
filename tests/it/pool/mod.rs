//! What the worker pool promises: by hand, by itself, and when adapters misbehave.

mod blocked;
mod by_hand;
mod chaos;
mod ending;

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use notifyhub::{
    Hub,
    event::{Event, EventKind},
    platforms::{
        Platform,
        contract::{Capabilities, Envelope, EnvelopeId, Receipt, SendError},
    },
};

/// The future's output; a promise that would be kept never is broken in half a minute.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it happens soon")
}

/// The next event that is meant.
async fn event<T>(events: &mut notifyhub::EventStream, mut meant: impl FnMut(&EventKind) -> Option<T>) -> T {
    let next = async {
        loop {
            let event: Arc<Event> = events.next().await.expect("the hub is there").expect("in time");
            if let Some(found) = meant(&event.kind) {
                return found;
            }
        }
    };
    soon(next).await
}

/// Waits until the hub shows what is meant.
async fn until(hub: &Hub, meant: impl Fn(&Hub) -> bool) {
    let shown = async {
        while !meant(hub) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon(shown).await;
}

/// Counts how often each envelope was given to it.
#[derive(Default)]
struct Counter {
    copies: Mutex<HashMap<EnvelopeId, usize>>,
}

impl Counter {
    fn count(&self, id: EnvelopeId) {
        *self.copies.lock().expect("not poisoned").entry(id).or_default() += 1;
    }

    fn most(&self) -> usize {
        self.copies.lock().expect("not poisoned").values().copied().max().unwrap_or(0)
    }

    fn of(&self, id: EnvelopeId) -> usize {
        self.copies.lock().expect("not poisoned").get(&id).copied().unwrap_or(0)
    }

    fn different(&self) -> usize {
        self.copies.lock().expect("not poisoned").len()
    }
}

/// Accepts everything after a moment, and counts.
struct Slow {
    counter: Counter,
    takes: Duration,
}

impl Slow {
    fn new(takes: Duration) -> Arc<Self> {
        Arc::new(Self { counter: Counter::default(), takes })
    }
}

#[async_trait]
impl Platform for Slow {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        self.counter.count(envelope.id);
        tokio::time::sleep(self.takes).await;
        Ok(Receipt::accepted())
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

/// Blocks the thread it is polled on, for as long as its gate is shut, where the message says so; accepts the rest.
#[derive(Default)]
struct Blocking {
    /// Whether it says that it blocks.
    says_so: bool,
    /// How many threads it blocks, and has ever blocked at once.
    blocked: Mutex<(usize, usize)>,
    open: Mutex<bool>,
    changed: Condvar,
}

impl Blocking {
    fn open(&self) {
        *self.open.lock().expect("not poisoned") = true;
        self.changed.notify_all();
    }
}

#[async_trait]
impl Platform for Blocking {
    fn capabilities(&self) -> Capabilities {
        Capabilities { blocking: self.says_so, ..Capabilities::default() }
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        if envelope.message.body == "block" {
            let count = |by: isize| {
                let (now, most) = &mut *self.blocked.lock().expect("not poisoned");
                *now = now.saturating_add_signed(by);
                *most = (*most).max(*now);
            };
            count(1);
            let open = self.open.lock().expect("not poisoned");
            // Half a minute at most: a test that fails must end too.
            drop(self.changed.wait_timeout_while(open, Duration::from_secs(30), |open| !*open));
            count(-1);
        }
        Ok(Receipt::accepted())
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}
