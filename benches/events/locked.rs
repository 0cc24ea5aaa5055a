//! What the bus is measured against: the publisher hands every event to every subscriber itself, from a list behind a lock.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use notifyhub::{
    clock::{Clock, SystemClock},
    event::Event,
};
use tokio::sync::mpsc;

use super::{
    AnyError, Case, Measured,
    listeners::{Listeners, Seen},
};

/// As many events as a stream of the bus may be behind.
const BACKLOG: usize = 8192;

async fn listen(mut receiver: mpsc::Receiver<Arc<Event>>, mut seen: Seen) {
    while let Some(event) = receiver.recv().await {
        std::hint::black_box(event);
        seen.one();
    }
}

/// One round.
pub fn measure(case: &Case) -> Result<Measured, AnyError> {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..case.subscribers).map(|_| mpsc::channel(BACKLOG)).unzip();
    let subscribers = receivers.into_iter().map(|receiver| |seen| listen(receiver, seen)).collect();
    let listeners = Listeners::start(case.burst, std::future::ready(()), subscribers)?;
    let (senders, published) = (Mutex::new(senders), AtomicU64::new(0));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let measured = case.measure(&listeners, |sample| {
        let (correlation_id, kind) = sample.event();
        let senders = senders.lock().unwrap_or_else(PoisonError::into_inner);
        let number = published.fetch_add(1, Ordering::Relaxed) + 1;
        let event = Arc::new(Event { number, at: clock.wall(), correlation_id, kind });
        senders.iter().for_each(|sender| sender.try_send(event.clone()).expect("nobody falls behind"));
    })?;
    drop(senders);
    listeners.end()?;
    Ok(measured)
}
