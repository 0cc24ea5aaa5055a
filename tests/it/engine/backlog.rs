//! What waits in the store gets its turn, whatever becomes of what waits before it or beside it.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use notifyhub::{
    Notification, TaskState,
    clock::Clock,
    config::{DeliveryConfig, PoolConfig, RateWindow},
    platforms::contract::{Receipt, SendError},
    testing::{FakePlatform, MovedClock, Reaction, TestHub},
};

use super::{gated_store::GatedStore, soon};

#[tokio::test]
async fn a_backlog_that_expires_as_a_whole_ends_unsent() {
    let test = TestHub::start().await.expect("starts");
    let past = test.clock.wall();
    let stale = (0..3_000).map(|n| Notification::text(format!("{n}")).to("test").expires_at(past));
    let batch = test.hub.send_all(stale).await.expect("accepted");
    let outcomes = soon(batch.outcomes(|_| ())).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.targets[0].state == TaskState::Expired));
    assert_eq!(test.platform.count(), 0);
}

#[tokio::test]
async fn what_waits_behind_cancelled_tasks_is_delivered() {
    let delivery = DeliveryConfig { max_in_flight: 1, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    test.platform.push(Reaction::Hang);
    let mut accepted = Vec::new();
    for n in 0..10 {
        accepted.push(test.hub.send(Notification::text(format!("{n}")).to("test")).await.expect("accepted"));
    }
    test.platform.wait_for(1).await;
    for cancelled in &accepted[..9] {
        test.hub.cancel(cancelled.id).await.expect("cancelled");
    }
    test.clock.advance(Duration::from_secs(11));
    assert!(soon(accepted[9].outcome()).await.expect("known").all_delivered());
    for cancelled in &accepted[..9] {
        assert_eq!(soon(cancelled.outcome()).await.expect("known").targets[0].state, TaskState::Cancelled);
    }
    assert_eq!(test.platform.count(), 2);
}

#[tokio::test]
async fn a_lane_that_falls_idle_during_a_claim_is_refilled() {
    let (clock, platform_clock) = (MovedClock::new(), MovedClock::new());
    let store = GatedStore::new(Arc::new(clock.clone()));
    let one = FakePlatform::new().with_clock(Arc::new(platform_clock.clone()));
    one.otherwise(Reaction::Delay(Duration::from_secs(1), Ok(Receipt::accepted())));
    let delivery = DeliveryConfig { max_in_flight: 1, ..DeliveryConfig::default() };
    let tell = |hub: notifyhub::HubBuilder| {
        hub.clock(Arc::new(clock.clone())).store(store.clone()).platform_with("one", Arc::new(one.clone()), delivery)
    };
    let test = TestHub::start_with(tell).await.expect("starts");
    let later = Notification::text("later").to("one").not_before(clock.wall() + Duration::from_secs(1));
    let later = test.hub.send(later).await.expect("accepted");
    let before = test.hub.send_all(["a", "b"].map(|body| Notification::text(body).to("one"))).await.expect("accepted");
    one.wait_for(1).await;
    test.hub.deliver(Notification::text("the dispatcher has claimed").to("test")).await.expect("delivered");

    store.claim.close();
    clock.advance(Duration::from_secs(1));
    soon(store.claim.wait_for_call()).await;
    for sent in 1..=2 {
        one.wait_for(sent).await;
        platform_clock.advance(Duration::from_secs(1));
    }
    soon(before.outcomes(|_| ())).await.expect("known");
    store.claim.open();
    soon(one.wait_for(3)).await;
    platform_clock.advance(Duration::from_secs(1));
    assert!(soon(later.outcome()).await.expect("known").all_delivered());
}

#[tokio::test]
async fn lanes_that_rest_do_not_fill_the_room_of_the_others() {
    let one = NonZeroU32::MIN;
    let rate_limit = vec![RateWindow { count: one, per: Duration::from_secs(3600), burst: one }];
    let delivery = DeliveryConfig { rate_limit, ..DeliveryConfig::default() };
    let limited: Vec<_> = (0..8).map(|_| FakePlatform::new()).collect();
    let tell = |mut hub: notifyhub::HubBuilder| {
        for (n, platform) in limited.iter().enumerate() {
            hub = hub.platform_with(format!("limited-{n}"), Arc::new(platform.clone()), delivery.clone());
        }
        hub
    };
    let test = TestHub::start_with(tell).await.expect("starts");
    for n in 0..limited.len() {
        let many = (0..500).map(|body| Notification::text(format!("{body}")).to(format!("limited-{n}")));
        test.hub.send_all(many).await.expect("accepted");
    }
    for platform in &limited {
        soon(platform.wait_for(1)).await;
    }
    let free = (0..1_000).map(|n| Notification::text(format!("{n}")).to("test"));
    let batch = test.hub.send_all(free).await.expect("accepted");
    assert!(soon(batch.outcomes(|_| ())).await.expect("known").iter().all(|outcome| outcome.all_delivered()));
    for sent in 2..=4 {
        test.clock.advance(Duration::from_secs(3600));
        for platform in &limited {
            soon(platform.wait_for(sent)).await;
        }
    }
    for platform in &limited {
        let bodies: Vec<_> = platform.sent().iter().map(|envelope| envelope.message.body.clone()).collect();
        assert_eq!(bodies, ["0", "1", "2", "3"], "in order");
    }
}

#[tokio::test]
async fn lanes_that_were_told_to_rest_do_not_fill_the_room_of_the_others() {
    let resting: Vec<_> = (0..8).map(|_| FakePlatform::new()).collect();
    let tell = |mut hub: notifyhub::HubBuilder| {
        for (n, platform) in resting.iter().enumerate() {
            platform.otherwise(SendError::rate_limited("slow down").with_retry_after(Some(Duration::from_secs(3600))));
            hub = hub.platform(format!("resting-{n}"), platform.clone());
        }
        hub.pool(PoolConfig { min_workers: 1, slots: 1, ..PoolConfig::default() })
    };
    let test = TestHub::start_with(tell).await.expect("starts");
    let mut told = Vec::new();
    for n in 0..resting.len() {
        let many = (0..200).map(|body| Notification::text(format!("{body}")).to(format!("resting-{n}")));
        told.push(test.hub.send_all(many).await.expect("accepted"));
    }
    for platform in &resting {
        soon(platform.wait_for(1)).await;
    }
    let free = (0..100).map(|n| Notification::text(format!("{n}")).to("test"));
    let batch = test.hub.send_all(free).await.expect("accepted");
    assert!(soon(batch.outcomes(|_| ())).await.expect("known").iter().all(|outcome| outcome.all_delivered()));
    for platform in &resting {
        assert_eq!(platform.count(), 1, "it rests");
        platform.otherwise(Reaction::accept());
    }
    test.clock.advance(Duration::from_secs(3601));
    for batch in told {
        assert!(soon(batch.outcomes(|_| ())).await.expect("known").iter().all(|outcome| outcome.all_delivered()));
    }
}

#[tokio::test]
async fn what_could_not_be_given_back_is_given_back_later_and_delivered() {
    let clock = MovedClock::new();
    let store = GatedStore::new(Arc::new(clock.clone()));
    store.fail_releases(2);
    let delivery = DeliveryConfig { max_in_flight: 1, ..DeliveryConfig::default() };
    let tell = |hub: notifyhub::HubBuilder| hub.clock(Arc::new(clock.clone())).store(store.clone()).delivery(delivery);
    let test = TestHub::start_with(tell).await.expect("starts");
    // More than the lane holds: the rest is given back.
    let batch = test.hub.send_all((0..300).map(|n| Notification::text(format!("{n}")).to("test"))).await.expect("accepted");
    let moving = async {
        while test.hub.stats().tasks.delivered < 300 {
            clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(moving).await;
    assert!(store.releases_have_failed());
    assert!(batch.outcomes(|_| ()).await.expect("known").iter().all(|outcome| outcome.all_delivered()));
}
