//! What a lane does whose platform fails or refuses: it is left alone, and nothing is lost or burnt meanwhile.

use std::{num::NonZeroU32, time::Duration};

use futures_util::FutureExt;

use notifyhub::{
    BreakerState, EventStream, LaneStats, Notification, ParkedBy, PlatformName, TaskState,
    config::{BreakerConfig, DeliveryConfig, OnUnauthorized, RateWindow},
    event::EventKind,
    platforms::{
        contract::{LimitScope, SendError},
        testkit::FakePlatform,
    },
    testing::{Reaction, TestHub},
};

const MINUTE: Duration = Duration::from_secs(60);

fn name() -> PlatformName {
    "test".parse().expect("a name")
}

async fn lane(test: &TestHub) -> LaneStats {
    test.hub.lanes().list().await.expect("listed").pop().expect("there is one")
}

async fn breaker(events: &mut EventStream) -> (BreakerState, String) {
    loop {
        let event = events.next().await.expect("open").expect("in time");
        if let EventKind::BreakerChanged { state, why, .. } = &event.kind {
            return (*state, why.to_string());
        }
    }
}

/// One at a time, tried often, so that every failure is in a row.
fn delivery() -> DeliveryConfig {
    let mut delivery = DeliveryConfig { max_in_flight: 1, max_attempts: 100, ..DeliveryConfig::default() };
    delivery.backoff.initial = Duration::from_millis(1);
    delivery.backoff.max = Duration::from_millis(1);
    delivery
}

#[tokio::test]
async fn a_platform_that_fails_is_left_alone_and_tried_with_one_task_until_it_is_back() {
    let test = TestHub::start_with(|hub| hub.delivery(delivery())).await.expect("starts");
    test.platform.otherwise(SendError::unavailable("down"));
    let mut events = test.hub.subscribe();
    let batch = test.hub.send_all((0..20).map(|n| Notification::text(format!("{n}")).to("test"))).await.expect("accepted");
    for failures in 1..=5 {
        test.platform.wait_for(failures).await;
        test.clock.advance(Duration::from_millis(2));
    }
    let (state, why) = breaker(&mut events).await;
    assert_eq!((state, &*why), (BreakerState::Open, "unavailable: down"));
    for probes in 1..=3 {
        let parked = lane(&test).await.parked.expect("it is parked");
        assert_eq!(parked.by, ParkedBy::Breaker);
        assert!((MINUTE..=MINUTE + MINUTE / 10).contains(&parked.left.expect("known")), "{parked:?}");
        test.clock.advance(MINUTE - Duration::from_secs(1));
        assert_eq!(lane(&test).await.breaker, BreakerState::Open);
        assert_eq!(test.platform.count(), 4 + probes, "nothing is sent meanwhile");
        test.clock.advance(MINUTE / 8);
        assert_eq!(breaker(&mut events).await.0, BreakerState::HalfOpen);
        test.platform.wait_for(5 + probes).await;
        assert_eq!(breaker(&mut events).await.0, BreakerState::Open);
    }
    test.platform.otherwise(Reaction::accept());
    test.clock.advance(2 * MINUTE);
    assert_eq!(breaker(&mut events).await.0, BreakerState::HalfOpen);
    assert_eq!(breaker(&mut events).await.0, BreakerState::Closed);
    // Whatever was a probe comes back in its own time.
    test.clock.advance(20 * MINUTE);
    let outcomes = batch.outcomes(|_| ()).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    assert_eq!(test.platform.count(), 8 + 20);
}

#[tokio::test]
async fn an_outage_of_six_hours_costs_no_task_its_attempts() {
    let delivery = DeliveryConfig { max_attempts: 6, ..delivery() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    test.platform.otherwise(SendError::unavailable("down"));
    let mut events = test.hub.subscribe();
    let accepted = test.hub.send(Notification::text("patient").to("test")).await.expect("accepted");
    for failures in 1..=5 {
        test.platform.wait_for(failures).await;
        test.clock.advance(Duration::from_millis(2));
    }
    assert_eq!(breaker(&mut events).await.0, BreakerState::Open);
    let mut probes = 0;
    while probes < 300 {
        // The one task there is also waits as a failed probe does.
        test.clock.advance(12 * MINUTE);
        if test.platform.count() == 5 + probes {
            tokio::task::yield_now().await;
            continue;
        }
        probes = test.platform.count() - 5;
        while breaker(&mut events).await.0 != BreakerState::Open {}
    }
    test.platform.otherwise(Reaction::accept());
    test.clock.advance(12 * MINUTE);
    let outcome = accepted.outcome().await.expect("known");
    assert_eq!(outcome.targets[0].state, TaskState::Delivered);
}

#[tokio::test]
async fn the_backlog_of_an_outage_is_drained_at_the_limit_without_flapping() {
    const TASKS: u64 = 300;
    let ten = NonZeroU32::new(10).expect("not zero");
    let rate_limit = vec![RateWindow { count: ten, per: Duration::from_secs(1), burst: ten }];
    let delivery = DeliveryConfig { rate_limit, max_attempts: 6, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    let advance = async |by: Duration| {
        test.clock.advance(by);
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        test.platform.count() as u64
    };
    test.platform.otherwise(SendError::unavailable("down"));
    test.hub.send_all((0..TASKS).map(|n| Notification::text(n.to_string()).to("test"))).await.expect("accepted");
    while lane(&test).await.breaker != BreakerState::Open {
        advance(Duration::from_secs(1)).await;
    }
    let before = test.platform.count() as u64;
    let mut after = before;
    for _ in 0..30 {
        after = advance(12 * MINUTE).await;
    }
    assert!(after - before <= 6 * 60, "{} probes in six hours", after - before);
    assert_eq!(test.hub.stats().tasks.dead, 0);
    let mut events = test.hub.subscribe();
    test.platform.otherwise(Reaction::accept());
    let mut sent = after;
    while test.hub.stats().tasks.delivered < TASKS {
        let now = advance(Duration::from_secs(1)).await;
        assert!(now - sent <= 20, "{} in a second, and what was caught up", now - sent);
        sent = now;
    }
    assert_eq!(breaker(&mut events).await.0, BreakerState::HalfOpen);
    assert_eq!(breaker(&mut events).await.0, BreakerState::Closed);
    test.hub.shutdown(MINUTE).await.expect("in time");
    let flaps = std::iter::from_fn(|| events.next().now_or_never().flatten());
    let flaps = flaps.filter(|event| event.as_ref().is_ok_and(|event| matches!(event.kind, EventKind::BreakerChanged { .. })));
    assert_eq!(flaps.count(), 0, "it stays closed");
}

#[tokio::test]
async fn recipients_that_are_refused_never_open_a_breaker() {
    let test = TestHub::start_with(|hub| hub.delivery(delivery())).await.expect("starts");
    test.platform.otherwise(SendError::invalid_recipient("blocked the bot").with_code("403"));
    for _ in 0..20 {
        test.hub.deliver(Notification::text("x").to("test")).await.expect("known");
    }
    test.platform.otherwise(SendError::unavailable("his mailbox is busy").with_scope(LimitScope::Target));
    let stuck = test.hub.send(Notification::text("y").to("test")).await.expect("accepted");
    for sent in 21..=40 {
        test.platform.wait_for(sent).await;
        test.clock.advance(Duration::from_millis(2));
    }
    assert_eq!(lane(&test).await.breaker, BreakerState::Closed);
    drop(stuck);
}

#[tokio::test]
async fn refused_credentials_hold_all_tasks_until_somebody_has_seen_to_it() {
    let test = TestHub::start_with(|hub| hub.delivery(delivery())).await.expect("starts");
    test.platform.otherwise(SendError::unauthorized("bad token").with_code("401"));
    let mut events = test.hub.subscribe();
    let batch = test.hub.send_all((0..50).map(|n| Notification::text(format!("{n}")).to("test"))).await.expect("accepted");
    let (state, why) = breaker(&mut events).await;
    assert_eq!((state, &*why), (BreakerState::Suspended, "unauthorized (401): bad token"));
    assert_eq!(test.platform.count(), 1);
    assert_eq!(lane(&test).await.parked.expect("parked").by, ParkedBy::Suspended);
    test.clock.advance(5 * MINUTE);
    assert_eq!(lane(&test).await.breaker, BreakerState::Suspended);
    assert_eq!(test.platform.count(), 1, "nothing is sent meanwhile");
    // One task now and then tries whether somebody has seen to it.
    test.clock.advance(7 * MINUTE);
    test.platform.wait_for(2).await;
    while breaker(&mut events).await.0 != BreakerState::Suspended {}
    test.platform.otherwise(Reaction::accept());
    test.hub.lanes().close_breaker(&name()).await.expect("closed");
    let outcomes = batch.outcomes(|_| ()).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    assert_eq!(test.platform.count(), 52);
}

#[tokio::test]
async fn a_platform_may_ask_for_death_where_its_credentials_are_refused() {
    let delivery = DeliveryConfig { on_unauthorized: OnUnauthorized::Dead, ..delivery() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    test.platform.otherwise(SendError::unauthorized("bad token"));
    let batch = test.hub.send_all((0..20).map(|n| Notification::text(format!("{n}")).to("test"))).await.expect("accepted");
    let outcomes = batch.outcomes(|_| ()).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.targets[0].state == TaskState::Dead), "none is held");
}

#[tokio::test]
async fn a_refusal_of_the_whole_account_suspends_all_its_lanes_and_one_of_a_part_only_that() {
    let platform = FakePlatform::new().with_lane(|recipient| recipient.map(str::to_owned));
    let test = TestHub::start_with(|hub| hub.platform("hosts", platform.clone())).await.expect("starts");
    for host in ["a", "b", "c"] {
        test.hub.deliver(Notification::text("x").to(format!("hosts:{host}"))).await.expect("delivered");
    }
    let suspended = async || {
        let lanes = test.hub.lanes().list().await.expect("listed");
        lanes.iter().filter(|lane| lane.breaker == BreakerState::Suspended).count()
    };
    let mut events = test.hub.subscribe();
    platform.push(SendError::unauthorized("not you here"));
    let _one = test.hub.send(Notification::text("x").to("hosts:a")).await.expect("accepted");
    breaker(&mut events).await;
    assert_eq!(suspended().await, 1);
    platform.push(SendError::unauthorized("not you at all").with_scope(LimitScope::Platform));
    let _all = test.hub.send(Notification::text("x").to("hosts:b")).await.expect("accepted");
    breaker(&mut events).await;
    breaker(&mut events).await;
    assert_eq!(suspended().await, 3);
}

#[tokio::test]
async fn a_paused_platform_is_sent_nothing_and_what_waits_for_it_expires_in_time() {
    let test = TestHub::start().await.expect("starts");
    test.hub.lanes().pause(&name()).await.expect("paused");
    let wall = {
        use notifyhub::clock::Clock;
        test.clock.wall()
    };
    let short = Notification::text("short").to("test").expires_at(wall + MINUTE);
    let short = test.hub.send(short).await.expect("accepted");
    let long = test.hub.send(Notification::text("long").to("test")).await.expect("accepted");
    while test.hub.stats().tasks.waiting < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(lane(&test).await.parked.expect("parked").by, ParkedBy::Paused);
    test.clock.advance(2 * MINUTE);
    assert_eq!(short.outcome().await.expect("known").targets[0].state, TaskState::Expired);
    assert_eq!(test.platform.count(), 0);
    test.hub.lanes().resume(&name()).await.expect("resumed");
    assert!(long.outcome().await.expect("known").all_delivered());
    let error = test.hub.lanes().pause(&"nosuch".parse().expect("a name")).await.expect_err("there is none");
    assert_eq!(error.to_string(), "no platform `nosuch`; there are: test");
}

#[tokio::test]
async fn a_breaker_that_is_opened_by_hand_opens_for_its_time() {
    let breaker = BreakerConfig { recovery_timeout: 10 * MINUTE, ..BreakerConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(DeliveryConfig { breaker, ..delivery() })).await.expect("starts");
    test.hub.deliver(Notification::text("x").to("test")).await.expect("delivered");
    test.hub.lanes().open_breaker(&name()).await.expect("opened");
    let accepted = test.hub.send(Notification::text("y").to("test")).await.expect("accepted");
    assert_eq!(lane(&test).await.breaker, BreakerState::Open);
    test.clock.advance(9 * MINUTE);
    assert_eq!(lane(&test).await.breaker, BreakerState::Open);
    test.clock.advance(3 * MINUTE);
    assert!(accepted.outcome().await.expect("known").all_delivered());
    assert_eq!(lane(&test).await.breaker, BreakerState::HalfOpen, "one answer does not close it");
}

#[tokio::test]
async fn retries_of_what_a_platform_fails_wait_for_its_budget_and_those_of_a_panic_do_not() {
    let mut delivery = delivery();
    delivery.breaker.failure_threshold = 0;
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    // A panic says nothing of the platform.
    (0..30).for_each(|_| test.platform.push(Reaction::Panic));
    let accepted = test.hub.send(Notification::text("x").to("test")).await.expect("accepted");
    for tries in 1..=30 {
        test.platform.wait_for(tries).await;
        test.clock.advance(Duration::from_millis(2));
    }
    assert!(accepted.outcome().await.expect("known").all_delivered(), "after 60 ms");
    // Ten come at once, and three a second from then on.
    (0..20).for_each(|_| test.platform.push(SendError::unavailable("down")));
    let accepted = test.hub.send(Notification::text("y").to("test")).await.expect("accepted");
    for tries in 1..=11 {
        test.platform.wait_for(31 + tries).await;
        test.clock.advance(Duration::from_millis(2));
    }
    for tries in 12..=21 {
        assert!(lane(&test).await.in_flight == 0 && test.platform.count() == 31 + tries - 1, "try {tries} waits");
        test.clock.advance(Duration::from_millis(340));
        test.platform.wait_for(31 + tries).await;
    }
    assert!(accepted.outcome().await.expect("known").all_delivered());
}
