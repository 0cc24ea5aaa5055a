//! What must not be sent twice is not sent before that is written down.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    Notification, TaskState,
    config::{DeliveryConfig, OnAmbiguous, PoolConfig, RateWindow},
    event::EventKind,
    platforms::contract::{Capabilities, SendError},
    task::DeadReason,
    testing::{FakePlatform, MovedClock, Reaction, TestHub},
};

use super::{gated_store::GatedStore, soon};

/// A hub with a platform `once` whose tasks must not be sent twice, behind a gated store.
async fn once(delivery: DeliveryConfig) -> (TestHub, Arc<GatedStore>, FakePlatform) {
    once_on(FakePlatform::new(), delivery, PoolConfig::default()).await
}

/// The same with this platform, which delays by the hub's clock.
async fn once_on(platform: FakePlatform, delivery: DeliveryConfig, pool: PoolConfig) -> (TestHub, Arc<GatedStore>, FakePlatform) {
    let clock = MovedClock::new();
    let (store, platform) = (GatedStore::new(Arc::new(clock.clone())), platform.with_clock(Arc::new(clock.clone())));
    let delivery = DeliveryConfig { on_ambiguous: OnAmbiguous::Dead, ..delivery };
    let with = |hub: notifyhub::HubBuilder| {
        hub.clock(Arc::new(clock)).store(store.clone()).pool(pool).platform_with("once", Arc::new(platform.clone()), delivery)
    };
    (TestHub::start_with(with).await.expect("starts"), store, platform)
}

fn to(target: &str) -> Notification {
    Notification::text("x").to(target)
}

#[tokio::test]
async fn nothing_is_sent_before_it_is_written_down_and_others_do_not_wait_for_it() {
    let (test, store, platform) = once(DeliveryConfig::default()).await;
    store.begin.close();
    let accepted = test.hub.send(to("once")).await.expect("accepted");
    store.begin.wait_for_call().await;
    assert!(soon(test.hub.deliver(to("test"))).await.expect("delivered").all_delivered());
    assert_eq!(platform.count(), 0);
    store.begin.open();
    assert!(soon(accepted.outcome()).await.expect("known").all_delivered());
    assert_eq!(platform.count(), 1);
}

#[tokio::test]
async fn every_attempt_is_written_down_and_an_ambiguous_one_is_the_last() {
    let (test, store, platform) = once(DeliveryConfig::default()).await;
    platform.push(SendError::unavailable("down"));
    platform.push(SendError::ambiguous("lost"));
    let accepted = test.hub.send(to("once")).await.expect("accepted");
    soon(platform.wait_for(1)).await;
    let moving = async {
        while platform.count() < 2 {
            test.clock.advance(Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(moving).await;
    let outcome = soon(accepted.outcome()).await.expect("known");
    assert_eq!((outcome.targets[0].dead, outcome.targets[0].attempts.len()), (Some(DeadReason::Ambiguous), 2));
    assert_eq!(store.begun(), 2);
}

#[tokio::test]
async fn what_is_cancelled_while_it_is_written_down_is_not_sent() {
    let (test, store, platform) = once(DeliveryConfig::default()).await;
    store.begin.close();
    let accepted = test.hub.send(to("once")).await.expect("accepted");
    store.begin.wait_for_call().await;
    test.hub.cancel(accepted.id).await.expect("cancelled");
    store.begin.open();
    let outcome = soon(accepted.outcome()).await.expect("known");
    assert_eq!((outcome.targets[0].state, platform.count()), (TaskState::Cancelled, 0));
    assert!(soon(test.hub.deliver(to("once"))).await.expect("delivered").all_delivered(), "the lane goes on");
}

#[tokio::test]
async fn no_more_is_written_down_than_may_be_sent_now() {
    let window =
        RateWindow { count: 1.try_into().expect("one"), per: Duration::from_secs(3600), burst: 1.try_into().expect("one") };
    let (test, store, platform) = once(DeliveryConfig { rate_limit: vec![window], ..DeliveryConfig::default() }).await;
    let batch = test.hub.send_all((0..10).map(|_| to("once"))).await.expect("accepted");
    assert!(soon(batch.accepted[0].outcome()).await.expect("known").all_delivered());
    assert!(soon(test.hub.deliver(to("test"))).await.expect("delivered").all_delivered());
    assert_eq!((platform.count(), store.begun()), (1, 1));
}

#[tokio::test]
async fn what_is_written_down_does_not_wait_for_the_next_allowance() {
    let window =
        RateWindow { count: 60.try_into().expect("some"), per: Duration::from_secs(3600), burst: 1.try_into().expect("one") };
    let (test, store, platform) = once(DeliveryConfig { rate_limit: vec![window], ..DeliveryConfig::default() }).await;
    store.begin.close();
    let batch = test.hub.send_all((0..3).map(|_| to("once"))).await.expect("accepted");
    store.begin.wait_for_call().await;
    assert!(soon(test.hub.deliver(to("test"))).await.expect("delivered").all_delivered(), "all have been taken in");
    store.begin.open();
    assert!(soon(batch.accepted[0].outcome()).await.expect("known").all_delivered());
    assert_eq!((platform.count(), store.begun()), (1, 1));
}

#[tokio::test]
async fn what_is_written_down_on_a_lane_that_is_told_to_rest_counts_as_unsent_again() {
    let (test, store, platform) = once(DeliveryConfig::default()).await;
    let slow_down = SendError::rate_limited("slow down").with_retry_after(Some(Duration::from_secs(60)));
    platform.push(Reaction::Delay(Duration::from_secs(2), Err(slow_down)));
    let mut events = test.hub.subscribe();
    test.hub.send(to("once")).await.expect("accepted");
    soon(platform.wait_for(1)).await;
    store.begin.close();
    test.hub.send(to("once")).await.expect("accepted");
    store.begin.wait_for_call().await;
    test.clock.advance(Duration::from_secs(2));
    let parked =
        async { while !matches!(events.next().await.expect("open").expect("in time").kind, EventKind::LaneParked { .. }) {} };
    soon(parked).await;
    store.begin.open();
    let given_back = async {
        while store.released() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    soon(given_back).await;
    assert_eq!((platform.count(), store.begun()), (1, 2));
}

#[tokio::test]
async fn what_is_written_down_does_not_linger_again() {
    let bulk = FakePlatform::new().with_capabilities(Capabilities { batch_max: 9, ..Default::default() });
    let pool = PoolConfig { linger: Duration::from_secs(5), ..Default::default() };
    let (test, store, platform) = once_on(bulk, DeliveryConfig::default(), pool).await;
    let batch = test.hub.send_all((0..3).map(|_| to("once"))).await.expect("accepted");
    assert!(soon(test.hub.deliver(to("test"))).await.expect("delivered").all_delivered(), "all have been taken in");
    test.clock.advance(Duration::from_secs(5));
    assert!(soon(batch.outcomes(|_| ())).await.expect("known").iter().all(|outcome| outcome.all_delivered()));
    assert_eq!((platform.batches(), store.begun(), store.released()), (vec![3], 3, 0));
}

#[tokio::test]
async fn a_hub_that_drains_gives_back_what_is_being_written_down() {
    let (test, store, platform) = once(DeliveryConfig::default()).await;
    store.begin.close();
    let accepted = test.hub.send(to("once")).await.expect("accepted");
    store.begin.wait_for_call().await;
    let opening = async {
        while test.hub.stats().tasks.waiting == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        store.begin.open();
    };
    soon(async { tokio::join!(test.hub.shutdown(Duration::from_secs(60)), opening).0 }).await.expect("in time");
    assert_eq!(accepted.outcome().await.expect("known").targets[0].state, TaskState::Waiting);
    assert_eq!(platform.count(), 0);
}

#[tokio::test]
async fn many_are_sent_once_each_however_they_fail() {
    let (test, store, platform) = once(DeliveryConfig { max_attempts: 5, ..DeliveryConfig::default() }).await;
    let batch = test.hub.send_all((0..500).map(|_| to("once"))).await.expect("accepted");
    let outcomes = soon(batch.outcomes(|_| ())).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    assert_eq!((platform.count(), store.begun()), (500, 500));
}

#[tokio::test]
async fn what_came_while_another_was_written_down_and_cancelled_is_sent() {
    let (test, store, platform) = once(DeliveryConfig::default()).await;
    store.begin.close();
    let cancelled = test.hub.send(to("once")).await.expect("accepted");
    store.begin.wait_for_call().await;
    let other = test.hub.send(to("once")).await.expect("accepted");
    assert!(soon(test.hub.deliver(to("test"))).await.expect("delivered").all_delivered(), "it has been taken in");
    test.hub.cancel(cancelled.id).await.expect("cancelled");
    store.begin.open();
    assert!(soon(other.outcome()).await.expect("known").all_delivered());
    assert_eq!(platform.count(), 1);
}
