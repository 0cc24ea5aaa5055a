//! The engine's own: an event bus, its broadcaster and its streams.

use std::sync::Arc;

use notifyhub::{EventStream, bench::EventBus, clock::SystemClock};

use super::{
    AnyError, Case, Measured,
    listeners::{Listeners, Seen},
};

async fn listen(mut stream: EventStream, mut seen: Seen) {
    while let Some(event) = stream.next().await {
        std::hint::black_box(event.expect("nobody falls behind"));
        seen.one();
    }
}

/// One round.
pub fn measure(case: &Case) -> Result<Measured, AnyError> {
    let (bus, broadcaster) = EventBus::new(Arc::new(SystemClock));
    let streams = (0..case.subscribers).map(|_| bus.subscribe());
    let subscribers = streams.map(|stream| |seen| listen(stream, seen)).collect();
    let listeners = Listeners::start(case.burst, broadcaster.run(), subscribers)?;
    let measured = case.measure(&listeners, |sample| bus.publish(|| sample.event()))?;
    assert_eq!(bus.dropped(), 0, "a dropped event costs less than one that is handed over");
    drop(bus);
    listeners.end()?;
    Ok(measured)
}
