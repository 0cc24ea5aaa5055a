//! What publishers and subscribers of events are promised.

use std::{sync::Arc, thread};

use futures_util::FutureExt;
use tokio::{runtime::Handle, task::yield_now};

use super::{
    Broadcaster, EventBus, EventStream, Missed, events::HANDED_OVER_EVENTS_MAX as HANDED_MAX,
    place::BACKLOG_EVENTS_MAX as BACKLOG,
};
use crate::{
    clock::SystemClock,
    event::EventKind,
    shutdown::Scope,
    task::{CorrelationId, WorkerKey},
};

fn bus() -> (EventBus, Broadcaster) {
    EventBus::new(Arc::new(SystemClock))
}

/// A bus whose broadcaster runs until the scope is abandoned.
fn running() -> (EventBus, Scope) {
    let (bus, broadcaster) = bus();
    let scope = Scope::new(Handle::current());
    drop(scope.spawn_until_stopped(broadcaster.run()));
    (bus, scope)
}

fn started(worker: u32) -> (Option<CorrelationId>, EventKind) {
    (None, EventKind::WorkerStarted { worker: WorkerKey { slot: worker, epoch: 1 } })
}

fn publish(bus: &EventBus, workers: std::ops::Range<usize>) {
    workers.for_each(|worker| bus.publish(|| started(worker as u32)));
}

/// The next event's number.
async fn number(stream: &mut EventStream) -> u64 {
    stream.next().await.expect("open").expect("in time").number
}

/// The next event's worker.
async fn worker(stream: &mut EventStream) -> usize {
    match stream.next().await.expect("open").expect("in time").kind {
        EventKind::WorkerStarted { worker } => worker.slot as usize,
        ref other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn while_nobody_listens_an_event_is_not_even_made() {
    let (bus, scope) = running();
    bus.publish(|| panic!("nobody listens"));
    drop(bus.subscribe());
    bus.publish(|| panic!("nobody listens any more"));
    let mut stream = bus.subscribe();
    publish(&bus, 0..1);
    assert_eq!(number(&mut stream).await, 1, "what was not made has no number");
    drop(stream);
    bus.publish(|| panic!("nobody listens any more, and the broadcaster knew the stream"));
    scope.abandon();
}

#[tokio::test]
async fn every_subscriber_sees_every_event_in_order_numbered_from_1() {
    let (bus, broadcaster) = bus();
    let mut streams = [bus.subscribe(), bus.subscribe()];
    publish(&bus, 0..1000);
    drop(bus);
    broadcaster.run().await;
    for stream in &mut streams {
        for expected in 0..1000 {
            let event = stream.next().await.expect("open").expect("in time");
            assert_eq!(event.number, expected + 1);
            assert!(matches!(event.kind, EventKind::WorkerStarted { worker } if u64::from(worker.slot) == expected));
        }
        assert!(stream.next().await.is_none());
    }
}

#[tokio::test]
async fn events_of_one_publisher_keep_their_order_whoever_else_publishes() {
    const EACH: usize = HANDED_MAX / 4;
    let (bus, broadcaster) = bus();
    let mut stream = bus.subscribe();
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let bus = bus.clone();
            thread::spawn(move || publish(&bus, publisher * EACH..(publisher + 1) * EACH))
        })
        .collect();
    publishers.into_iter().for_each(|publisher| publisher.join().expect("not panicked"));
    drop(bus);
    broadcaster.run().await;
    let mut next = [0; 4];
    for _ in 0..4 * EACH {
        let worker = worker(&mut stream).await;
        assert_eq!(worker % EACH, next[worker / EACH]);
        next[worker / EACH] += 1;
    }
    assert_eq!(next, [EACH; 4]);
}

#[tokio::test]
async fn a_subscriber_sees_what_is_published_after_it_subscribed_and_nothing_from_before() {
    let (bus, broadcaster) = bus();
    let mut first = bus.subscribe();
    publish(&bus, 0..3);
    let mut second = bus.subscribe();
    publish(&bus, 3..4);
    let mut third = bus.subscribe();
    drop(bus);
    broadcaster.run().await;
    for expected in 0..4 {
        assert_eq!(worker(&mut first).await, expected);
    }
    assert_eq!(number(&mut second).await, 4);
    assert!(second.next().await.is_none());
    assert!(third.next().await.is_none());
}

#[tokio::test]
async fn within_the_backlog_nothing_is_lost() {
    let (bus, scope) = running();
    let (mut slow, mut fast) = (bus.subscribe(), bus.subscribe());
    for begin in (0..BACKLOG).step_by(1024) {
        publish(&bus, begin..begin + 1024);
        for expected in begin..begin + 1024 {
            assert_eq!(worker(&mut fast).await, expected);
        }
    }
    for expected in 0..BACKLOG {
        assert_eq!(worker(&mut slow).await, expected);
    }
    publish(&bus, 7..8);
    assert_eq!(worker(&mut slow).await, 7, "it has caught up and has all its backlog again");
    scope.abandon();
}

#[tokio::test]
async fn a_slow_subscriber_is_removed_and_told_how_many_it_missed_and_delays_nobody() {
    let (bus, scope) = running();
    let (mut slow, mut fast) = (bus.subscribe(), bus.subscribe());
    for begin in (0..BACKLOG + 1000).step_by(100) {
        publish(&bus, begin..begin + 100);
        for expected in begin..begin + 100 {
            assert_eq!(worker(&mut fast).await, expected);
        }
    }
    let published = (BACKLOG + 1000).next_multiple_of(100);
    for expected in 0..BACKLOG {
        assert_eq!(worker(&mut slow).await, expected, "it still gets its backlog");
    }
    assert_eq!(slow.next().await.expect("told").expect_err("missed some"), Missed((published - BACKLOG) as u64));
    assert!(slow.next().await.is_none());
    drop(fast);
    bus.publish(|| panic!("who was removed does not listen"));
    scope.abandon();
}

#[tokio::test]
async fn what_cannot_be_handed_over_is_dropped_and_counted_and_leaves_a_gap_in_the_numbers() {
    let (bus, broadcaster) = bus();
    let mut stream = bus.subscribe();
    publish(&bus, 0..HANDED_MAX + 3);
    assert_eq!(bus.dropped(), 3);
    let scope = Scope::new(Handle::current());
    drop(scope.spawn_until_stopped(broadcaster.run()));
    for expected in 1..=HANDED_MAX as u64 {
        assert_eq!(number(&mut stream).await, expected);
    }
    publish(&bus, 0..2);
    assert_eq!(number(&mut stream).await, HANDED_MAX as u64 + 4);
    assert_eq!(number(&mut stream).await, HANDED_MAX as u64 + 5);
    assert_eq!(bus.dropped(), 3);
    scope.abandon();
}

#[tokio::test]
async fn streams_end_after_everything_that_was_published_however_the_broadcaster_ends() {
    let (bus, scope) = running();
    let mut stream = bus.subscribe();
    publish(&bus, 0..500);
    let mut late = bus.subscribe();
    assert!(scope.finish(&SystemClock, std::time::Duration::MAX).await);
    for expected in 0..500 {
        assert_eq!(worker(&mut stream).await, expected);
    }
    assert!(stream.next().await.is_none());
    assert!(stream.next().await.is_none());
    assert!(late.next().await.is_none(), "nobody met it, and still it ends");
    bus.publish(|| panic!("nobody listens after the end"));
    assert!(bus.subscribe().next().await.is_none(), "a subscription after the end has ended");
    bus.publish(|| panic!("nor is that one counted"));
}

#[tokio::test]
async fn a_dropped_stream_frees_its_place() {
    let (bus, scope) = running();
    let known = bus.subscribe();
    publish(&bus, 0..1);
    yield_now().await;
    let watch = Arc::downgrade(&known.place);
    drop(known);
    let unknown = bus.subscribe();
    let watch_unknown = Arc::downgrade(&unknown.place);
    drop(unknown);
    assert!(watch_unknown.upgrade().is_none(), "where the broadcaster has not met it, at once");
    let mut other = bus.subscribe();
    publish(&bus, 0..1);
    assert_eq!(number(&mut other).await, 2);
    assert!(watch.upgrade().is_none(), "where it has, with the next event");
    scope.abandon();
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_no_event() {
    let (bus, scope) = running();
    let mut stream = bus.subscribe();
    for expected in 0..10 {
        assert!(stream.next().now_or_never().is_none());
        publish(&bus, expected..expected + 1);
        yield_now().await;
        assert_eq!(worker(&mut stream).await, expected);
    }
    scope.abandon();
}

#[tokio::test]
async fn a_thousand_subscribers_see_everything() {
    let (bus, scope) = running();
    let mut streams: Vec<_> = (0..1000).map(|_| bus.subscribe()).collect();
    publish(&bus, 0..300);
    for stream in &mut streams {
        for expected in 0..300 {
            assert_eq!(worker(stream).await, expected);
        }
    }
    assert_eq!(bus.dropped(), 0);
    scope.abandon();
}
