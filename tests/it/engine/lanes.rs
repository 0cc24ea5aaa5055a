//! What lanes promise: limits hold, and no platform stands in another's way.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use notifyhub::{
    Notification, TaskState,
    clock::Clock,
    config::{DeliveryConfig, RateWindow},
    event::EventKind,
    platforms::contract::{LimitScope, Receipt, SendError},
    testing::{FakePlatform, Reaction, TestHub},
};

#[tokio::test]
async fn a_platform_that_hangs_does_not_hold_up_another() {
    let slow = FakePlatform::new();
    slow.otherwise(Reaction::Hang);
    let test = TestHub::start_with(|hub| hub.platform("slow", slow.clone())).await.expect("starts");
    let stuck = (0..300).map(|n| Notification::text(format!("{n}")).to("slow"));
    test.hub.send_all(stuck).await.expect("accepted");
    slow.wait_for(1).await;
    let quick = (0..300).map(|n| Notification::text(format!("{n}")).to("test"));
    let outcomes = test.hub.send_all(quick).await.expect("accepted").outcomes(|_| ()).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
}

#[tokio::test]
async fn a_rate_limit_is_kept_to_without_holding_a_worker() {
    let rate_limit = vec![RateWindow { count: one(), per: Duration::from_secs(10), burst: one() }];
    let limited = FakePlatform::new();
    let delivery = DeliveryConfig { rate_limit, ..DeliveryConfig::default() };
    let test =
        TestHub::start_with(|hub| hub.platform_with("limited", Arc::new(limited.clone()), delivery)).await.expect("starts");
    let batch = test.hub.send_all((0..4).map(|n| Notification::text(format!("{n}")).to("limited"))).await.expect("accepted");
    for sent in 1..=4 {
        limited.wait_for(sent).await;
        test.hub.deliver(Notification::text("free").to("test")).await.expect("delivered");
        assert_eq!(limited.sent().len(), sent, "one at a time");
        test.clock.advance(Duration::from_secs(10));
    }
    batch.outcomes(|_| ()).await.expect("known");
    let bodies: Vec<_> = limited.sent().iter().map(|envelope| envelope.message.body.clone()).collect();
    assert_eq!(bodies, ["0", "1", "2", "3"]);
}

#[tokio::test]
async fn being_told_to_slow_down_parks_the_lane_and_costs_no_attempt() {
    let delivery = DeliveryConfig { max_attempts: 2, max_in_flight: 1, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    let wait = Duration::from_secs(30);
    for _ in 0..3 {
        test.platform.push(SendError::rate_limited("slow down").with_retry_after(Some(wait)));
    }
    let mut events = test.hub.subscribe();
    let batch = test.hub.send_all(["a", "b"].map(|body| Notification::text(body).to("test"))).await.expect("accepted");
    for refused in 1..=3 {
        loop {
            let event = events.next().await.expect("open").expect("in time");
            if let EventKind::LaneParked { wait: parked, .. } = event.kind {
                assert_eq!(parked, wait);
                break;
            }
        }
        assert_eq!(test.platform.sent().len(), refused, "nothing goes out while the lane rests");
        test.clock.advance(wait);
    }
    let outcomes = batch.outcomes(|_| ()).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
}

#[tokio::test]
async fn a_receipt_that_says_the_allowance_is_used_up_rests_the_lane() {
    let delivery = DeliveryConfig { max_in_flight: 1, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    let wait = Duration::from_secs(30);
    test.platform.push(Ok(Receipt::accepted().rest(Some(wait))));
    let mut events = test.hub.subscribe();
    let batch = test.hub.send_all(["a", "b"].map(|body| Notification::text(body).to("test"))).await.expect("accepted");
    while !matches!(events.next().await.expect("open").expect("in time").kind, EventKind::LaneParked { .. }) {}
    assert_eq!(test.platform.sent().len(), 1, "nothing goes out while the lane rests");
    test.clock.advance(wait);
    let outcomes = batch.outcomes(|_| ()).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
}

#[tokio::test]
async fn what_expires_while_its_lane_rests_is_told_at_its_time() {
    let test = TestHub::start().await.expect("starts");
    test.platform.push(SendError::rate_limited("slow down").with_retry_after(Some(Duration::from_secs(3600))));
    let mut events = test.hub.subscribe();
    let limited = test.hub.send(Notification::text("limited").to("test")).await.expect("accepted");
    while !matches!(events.next().await.expect("open").expect("in time").kind, EventKind::LaneParked { .. }) {}
    // More than the lane holds: some wait in the store.
    let hurried = (0..400).map(|n| Notification::text(format!("{n}")).to("test").expires_in(Duration::from_secs(5)));
    let hurried = test.hub.send_all(hurried).await.expect("accepted");
    test.clock.advance(Duration::from_secs(6));
    for outcome in super::soon(hurried.outcomes(|_| ())).await.expect("known") {
        assert_eq!((outcome.targets[0].state, outcome.targets[0].attempts.len()), (TaskState::Expired, 0));
    }
    test.clock.advance(Duration::from_secs(3600));
    assert!(super::soon(limited.outcome()).await.expect("known").all_delivered());
}

#[tokio::test]
async fn a_limit_of_one_recipient_does_not_stop_the_others() {
    let test = TestHub::start().await.expect("starts");
    let limited = SendError::rate_limited("too many").with_retry_after(Some(Duration::from_secs(60)));
    test.platform.push(limited.with_scope(LimitScope::Target));
    let ada = test.hub.send(Notification::text("x").to("test:ada")).await.expect("accepted");
    test.platform.wait_for(1).await;
    assert!(test.hub.deliver(Notification::text("x").to("test:bob")).await.expect("accepted").all_delivered());
    test.clock.advance(Duration::from_secs(60));
    assert!(ada.outcome().await.expect("known").all_delivered());
}

#[tokio::test]
async fn a_limit_of_the_whole_platform_holds_for_lanes_that_come_later() {
    let hosts = FakePlatform::new().with_lane(|recipient| recipient.map(str::to_owned));
    let test = TestHub::start_with(|hub| hub.platform("hosts", hosts.clone())).await.expect("starts");
    let limited = SendError::rate_limited("too many").with_retry_after(Some(Duration::from_secs(60)));
    hosts.push(limited.with_scope(LimitScope::Platform));
    let mut events = test.hub.subscribe();
    test.hub.send(Notification::text("x").to("hosts:one")).await.expect("accepted");
    while !matches!(events.next().await.expect("open").expect("in time").kind, EventKind::LaneParked { .. }) {}
    let later = test.hub.send(Notification::text("x").to("hosts:two")).await.expect("accepted");
    test.hub.deliver(Notification::text("the dispatcher has seen it").to("test")).await.expect("delivered");
    assert_eq!(hosts.count(), 1, "the whole platform rests");
    test.clock.advance(Duration::from_secs(60));
    assert!(later.outcome().await.expect("known").all_delivered());
}

#[tokio::test]
async fn a_backlog_larger_than_what_is_held_flows_through_in_order() {
    let delivery = DeliveryConfig { max_in_flight: 1, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    let batch = test.hub.send_all((0..3_000).map(|n| Notification::text(format!("{n}")).to("test"))).await.expect("accepted");
    batch.outcomes(|_| ()).await.expect("known");
    let bodies: Vec<usize> =
        test.platform.sent().iter().map(|envelope| envelope.message.body.parse().expect("a number")).collect();
    assert!(bodies.is_sorted(), "one lane, one in flight: first in, first out");
    assert_eq!(bodies.len(), 3_000);
}

#[tokio::test]
async fn a_native_batch_goes_out_in_one_call_with_an_outcome_for_each() {
    let bulk = FakePlatform::new()
        .with_capabilities(notifyhub::platforms::contract::Capabilities { batch_max: 5, ..Default::default() });
    let test = TestHub::start_with(|hub| hub.platform("bulk", bulk.clone())).await.expect("starts");
    let batch = test.hub.send_all((0..50).map(|n| Notification::text(format!("{n}")).to("bulk"))).await.expect("accepted");
    let outcomes = batch.outcomes(|_| ()).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    let sizes = bulk.batches();
    assert_eq!(sizes.iter().sum::<usize>(), 50);
    assert!(sizes.iter().all(|size| *size <= 5) && sizes.len() < 50, "{sizes:?}");
}

#[tokio::test]
async fn a_batch_lingers_to_fill_only_as_long_as_it_is_told_to() {
    let bulk = FakePlatform::new()
        .with_capabilities(notifyhub::platforms::contract::Capabilities { batch_max: 3, ..Default::default() });
    let pool = notifyhub::config::PoolConfig { linger: Duration::from_secs(5), ..Default::default() };
    let test = TestHub::start_with(|hub| hub.pool(pool).platform("bulk", bulk.clone())).await.expect("starts");
    let started = test.clock.now();
    let mut accepted = Vec::new();
    for body in ["a", "b"] {
        accepted.push(test.hub.send(Notification::text(body).to("bulk")).await.expect("accepted"));
    }
    test.hub.deliver(Notification::text("the dispatcher has seen both").to("test")).await.expect("delivered");
    assert!(bulk.sent().is_empty());
    test.clock.advance(Duration::from_secs(5));
    bulk.wait_for(2).await;
    assert_eq!(bulk.batches(), [2], "not full, but its time was over");
    for body in ["c", "d", "e"] {
        accepted.push(test.hub.send(Notification::text(body).to("bulk")).await.expect("accepted"));
    }
    bulk.wait_for(5).await;
    assert_eq!(bulk.batches(), [2, 3], "full, so it did not wait");
    assert!(test.clock.now() - started < Duration::from_secs(10));
    for accepted in accepted {
        assert!(accepted.outcome().await.expect("known").all_delivered());
    }
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

#[tokio::test]
async fn lanes_that_have_nothing_to_do_are_forgotten_and_come_back_when_they_are_needed() {
    let hosts = FakePlatform::new().with_lane(|recipient| recipient.map(str::to_owned));
    let limited = FakePlatform::new().with_lane(|recipient| recipient.map(str::to_owned));
    let rate_limit = vec![RateWindow { count: one(), per: Duration::from_secs(60 * 60), burst: one() }];
    let delivery = DeliveryConfig { rate_limit, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| {
        hub.platform("hosts", hosts.clone()).platform_with("limited", Arc::new(limited.clone()), delivery)
    });
    let test = test.await.expect("starts");
    let many = (0..2_000).map(|n| Notification::text("x").to(format!("hosts:{n}")));
    test.hub.send_all(many).await.expect("accepted").outcomes(|_| ()).await.expect("known");
    test.hub.deliver(Notification::text("x").to("limited:a")).await.expect("delivered");
    hosts.push(SendError::unauthorized("not you"));
    let held = test.hub.send(Notification::text("x").to("hosts:refuses")).await.expect("accepted");
    let lanes = async || test.hub.lanes().list().await.expect("listed").len();
    while test.hub.lanes().list().await.expect("listed").iter().all(|lane| lane.parked.is_none()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(lanes().await, 2_002);
    test.clock.advance(Duration::from_secs(9 * 60));
    assert_eq!(lanes().await, 2_002);
    test.clock.advance(Duration::from_secs(60 + 2));
    while lanes().await > 2 {
        tokio::task::yield_now().await;
        test.clock.advance(Duration::from_millis(10));
    }
    assert_eq!(lanes().await, 2, "one is suspended, and of one its limit is to be kept to for an hour");
    assert!(test.hub.deliver(Notification::text("x").to("hosts:7")).await.expect("known").all_delivered());
    drop(held);
}

#[tokio::test]
async fn what_a_task_waits_for_is_told_while_it_waits() {
    let rate_limit = vec![RateWindow { count: one(), per: Duration::from_secs(1), burst: one() }];
    let delivery = DeliveryConfig { rate_limit, ..DeliveryConfig::default() };
    let limited = FakePlatform::new();
    let test =
        TestHub::start_with(|hub| hub.platform_with("limited", Arc::new(limited.clone()), delivery)).await.expect("starts");
    let first = test.hub.deliver(Notification::text("0").to("limited")).await.expect("delivered");
    let explain = async |task| test.hub.explain(task).await.expect("known").expect("there");
    assert_eq!(explain(first.targets[0].task).await, "tried once, and delivered");
    let mut tasks = Vec::new();
    for n in 1..4 {
        let accepted = test.hub.send(Notification::text(format!("{n}")).to("limited")).await.expect("accepted");
        tasks.extend(accepted.tasks().map(|task| task.id));
    }
    // Which are seen to wait once the lane has been looked at.
    while test.hub.lanes().list().await.expect("listed").iter().all(|lane| lane.parked.is_none() || lane.waiting < 3) {
        tokio::task::yield_now().await;
    }
    let expected = "not tried yet; parked: the rate limit of limited is used up, for 1.0 s more; 2 before it";
    assert_eq!(explain(tasks[2]).await, expected);
    assert_eq!(test.hub.explain("01a21bac-10a3-7000-8000-010000000001".parse().expect("an id")).await.expect("read"), None);
}
