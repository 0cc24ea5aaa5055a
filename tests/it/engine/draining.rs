//! What happens at the edges: calls that race with the end of a hub, and workers that die.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use notifyhub::{
    Notification, TaskState,
    config::PoolConfig,
    event::EventKind,
    platforms::{
        Platform,
        contract::{Capabilities, Envelope, Receipt, SendError},
    },
    testing::{FakePlatform, MovedClock, Reaction, TestHub},
};

use super::{gated_store::GatedStore, soon};

#[tokio::test]
async fn what_is_stored_while_the_hub_drains_waits_and_is_not_sent() {
    let (clock, platform_clock) = (MovedClock::new(), MovedClock::new());
    let store = GatedStore::new(Arc::new(clock.clone()));
    let slow = FakePlatform::new().with_clock(Arc::new(platform_clock.clone()));
    slow.push(Reaction::Delay(Duration::from_secs(1), Ok(Receipt::accepted())));
    let test = TestHub::start_with(|hub| hub.clock(Arc::new(clock)).store(store.clone()).platform("slow", slow.clone()));
    let test = test.await.expect("starts");
    let first = test.hub.send(Notification::text("first").to("slow")).await.expect("accepted");
    slow.wait_for(1).await;
    store.enqueue.close();
    let late = async {
        let late = test.hub.send(Notification::text("late").to("test")).await.expect("accepted before the end");
        platform_clock.advance(Duration::from_secs(1));
        late
    };
    let shutdown = async {
        store.enqueue.wait_for_call().await;
        let ending = test.hub.shutdown(Duration::from_secs(60));
        let opening = async { store.enqueue.open() };
        tokio::join!(ending, opening).0
    };
    let (late, ended) = soon(async { tokio::join!(late, shutdown) }).await;
    ended.expect("in time");
    assert!(first.outcome().await.expect("known").all_delivered());
    assert_eq!(late.outcome().await.expect("known").targets[0].state, TaskState::Waiting);
    assert_eq!((test.platform.count(), test.hub.stats().tasks.leased), (0, 0));
}

#[tokio::test]
async fn listeners_see_what_is_delivered_while_the_hub_drains_and_then_the_end() {
    let platform_clock = MovedClock::new();
    let slow = FakePlatform::new().with_clock(Arc::new(platform_clock.clone()));
    slow.push(Reaction::Delay(Duration::from_secs(1), Ok(Receipt::accepted())));
    let test = TestHub::start_with(|hub| hub.platform("slow", slow.clone())).await.expect("starts");
    let mut events = test.hub.subscribe();
    test.hub.send(Notification::text("x").to("slow")).await.expect("accepted");
    slow.wait_for(1).await;
    let answer = async { platform_clock.advance(Duration::from_secs(1)) };
    soon(async { tokio::join!(test.hub.shutdown(Duration::from_secs(60)), answer).0 }).await.expect("in time");
    let mut delivered = 0;
    while let Some(event) = soon(events.next()).await {
        delivered += usize::from(matches!(event.expect("in time").kind, EventKind::Delivered { .. }));
    }
    assert_eq!(delivered, 1);
    assert!(soon(test.hub.subscribe().next()).await.is_none(), "nothing will happen any more");
}

/// Kills its worker when a send is given up: with a panic whose payload panics again once the first is caught.
#[derive(Debug)]
struct Deadly;

struct PanicsWhenDropped;

impl Drop for PanicsWhenDropped {
    #[expect(clippy::panic, reason = "that is what it is for")]
    fn drop(&mut self) {
        std::panic::panic_any(Payload);
    }
}

struct Payload;

impl Drop for Payload {
    #[expect(clippy::panic, reason = "that is what it is for")]
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[async_trait]
impl Platform for Deadly {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        let _deadly = PanicsWhenDropped;
        std::future::pending().await
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_worker_lost_during_a_shutdown_does_not_hold_it_up() {
    let test = TestHub::start_with(|hub| hub.platform("deadly", Deadly)).await.expect("starts");
    let accepted = test.hub.send(Notification::text("x").to("deadly")).await.expect("accepted");
    wait_for_in_flight(&test, 1).await;
    let advance = async { test.clock.advance(Duration::from_secs(11)) };
    let (ended, ()) = soon(async { tokio::join!(test.hub.shutdown(Duration::from_secs(3600)), advance) }).await;
    ended.expect("in time");
    let outcome = accepted.outcome().await.expect("known");
    assert_eq!(outcome.targets[0].state, TaskState::Waiting);
    assert!(outcome.targets[0].error().is_some_and(SendError::is_ambiguous));
}

#[tokio::test]
async fn what_was_cancelled_in_the_inbox_of_a_lost_worker_is_not_sent() {
    let pool = PoolConfig { min_workers: 1, slots: 1, ..PoolConfig::default() };
    let test = TestHub::start_with(|hub| hub.pool(pool).platform("deadly", Deadly)).await.expect("starts");
    test.hub.send(Notification::text("x").to("deadly")).await.expect("accepted");
    wait_for_in_flight(&test, 1).await;
    let cancelled = test.hub.send(Notification::text("cancelled").to("test")).await.expect("accepted");
    wait_for_in_flight(&test, 2).await;
    assert_eq!(test.hub.cancel(cancelled.id).await.expect("cancelled").under_way, 1);
    test.clock.advance(Duration::from_secs(11));
    assert_eq!(soon(cancelled.outcome()).await.expect("known").targets[0].state, TaskState::Cancelled);
    assert_eq!(test.platform.count(), 0);
}

async fn wait_for_in_flight(test: &TestHub, count: u64) {
    while test.hub.stats().platforms.iter().map(|platform| platform.in_flight).sum::<u64>() < count {
        tokio::task::yield_now().await;
    }
}
