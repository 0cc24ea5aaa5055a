//! Endpoints of many: one that is gone, or fails for days, is sent to no more, and no other feels it.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    Hub, Notification, TaskState,
    clock::Clock,
    config::{BreakerConfig, DeliveryConfig},
    event::EventKind,
    platforms::{
        contract::{ErrorKind, SendError},
        testkit::FakePlatform,
    },
    store::{Endpoint, MemoryLimits, MemoryStore},
    task::DeadReason,
    testing::{MovedClock, TestHub},
};

use super::soon;

const HOUR: Duration = Duration::from_secs(3600);

/// A platform whose recipients each have a lane, and a hub with it that tries each task once and opens no breaker.
async fn hooks() -> (TestHub, FakePlatform) {
    let hooks = FakePlatform::new().with_lane(|recipient| recipient.map(str::to_owned));
    let breaker = BreakerConfig { failure_threshold: 0, ..BreakerConfig::default() };
    let delivery = DeliveryConfig { breaker, max_attempts: 1, ..DeliveryConfig::default() };
    let tell = |hub: notifyhub::HubBuilder| hub.delivery(delivery).platform("hooks", hooks.clone());
    (TestHub::start_with(tell).await.expect("starts"), hooks)
}

fn endpoint(recipient: &str) -> Endpoint {
    Endpoint { platform: "hooks".parse().expect("a name"), recipient: Some(recipient.into()) }
}

/// Why a notification to a target is dead; `None` if it was delivered.
async fn dead(hub: &Hub, to: &str) -> Option<DeadReason> {
    let outcome = soon(hub.deliver(Notification::text("x").to(to))).await.expect("known");
    assert!(outcome.is_final());
    outcome.targets[0].dead
}

#[tokio::test]
async fn an_endpoint_that_says_it_is_gone_is_sent_to_no_more_until_a_person_enables_it() {
    let (test, hooks) = hooks().await;
    let mut events = test.hub.subscribe();
    hooks.push(SendError::new(ErrorKind::Gone, "answered 410 Gone").with_code("410"));
    assert_eq!(dead(&test.hub, "hooks:one").await, Some(DeadReason::Refused(ErrorKind::Gone)));
    let why = loop {
        if let EventKind::EndpointDisabled { platform, recipient, why } =
            &events.next().await.expect("open").expect("in time").kind
        {
            assert_eq!((platform.as_str(), recipient.as_deref()), ("hooks", Some("one")));
            break why.clone();
        }
    };
    assert_eq!(&*why, "gone (410): answered 410 Gone");
    assert_eq!(dead(&test.hub, "hooks:one").await, Some(DeadReason::Disabled));
    assert_eq!(dead(&test.hub, "hooks:two").await, None, "others are sent to");
    assert_eq!(hooks.count(), 2);

    let failing = test.hub.endpoints().failing().await.expect("known");
    assert_eq!(failing.len(), 1);
    assert_eq!(
        (&failing[0].endpoint, failing[0].disabled.as_ref().map(|disabled| disabled.why.clone())),
        (&endpoint("one"), Some(why))
    );
    assert!(test.hub.endpoints().enable(&endpoint("one")).await.expect("written"));
    assert_eq!(dead(&test.hub, "hooks:one").await, None);
    assert!(!test.hub.endpoints().enable(&endpoint("one")).await.expect("written"), "nothing is known of it any more");
    while !matches!(events.next().await.expect("open").expect("in time").kind, EventKind::EndpointEnabled { .. }) {}
}

#[tokio::test]
async fn nothing_but_errors_for_days_disables_one_of_many_endpoints_and_one_success_is_enough_not_to() {
    let (test, hooks) = hooks().await;
    for day in 0..12 {
        for _ in 0..4 {
            let down = || SendError::unavailable("down");
            // `flaky` works on the fourth day.
            for (to, fails) in [("one", true), ("flaky", day != 4)] {
                if fails {
                    hooks.push(down());
                }
                let reason = dead(&test.hub, &format!("hooks:{to}")).await;
                let expected = match (to, fails) {
                    ("one", _) if day >= 6 => break,
                    ("one", _) if day == 5 && reason == Some(DeadReason::Disabled) => reason,
                    (_, true) => Some(DeadReason::OutOfAttempts),
                    (_, false) => None,
                };
                assert_eq!(reason, expected, "{to} on day {day}");
            }
            test.clock.advance(6 * HOUR);
        }
    }
    let failing = test.hub.endpoints().failing().await.expect("known");
    let disabled: Vec<_> = failing.iter().filter(|failing| failing.disabled.is_some()).map(|failing| &failing.endpoint).collect();
    assert_eq!(disabled, [&endpoint("one")]);
}

#[tokio::test]
async fn the_one_road_of_a_platform_is_never_closed_by_errors() {
    let breaker = BreakerConfig { failure_threshold: 0, ..BreakerConfig::default() };
    let delivery = DeliveryConfig { breaker, max_attempts: 1, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    for _ in 0..40 {
        test.platform.push(SendError::unavailable("down"));
        assert_eq!(dead(&test.hub, "test:ada").await, Some(DeadReason::OutOfAttempts));
        test.clock.advance(6 * HOUR);
    }
    assert_eq!(dead(&test.hub, "test:ada").await, None);
}

#[tokio::test]
async fn a_task_that_has_another_way_than_a_disabled_endpoint_takes_it() {
    let hooks = FakePlatform::new().with_lane(|recipient| recipient.map(str::to_owned));
    let chain = ["hooks:one", "test:ada"];
    let test =
        TestHub::start_with(|hub| hub.platform("hooks", hooks.clone()).route("critical", chain, HOUR)).await.expect("starts");
    hooks.push(SendError::new(ErrorKind::Gone, "answered 410 Gone"));
    for _ in 0..2 {
        let outcome = soon(test.hub.deliver(Notification::text("x").to("@critical"))).await.expect("known");
        assert_eq!(outcome.targets[0].state, TaskState::Delivered);
        assert_eq!(outcome.targets[0].platform.as_str(), "test");
    }
    assert_eq!(hooks.count(), 1);
}

#[tokio::test]
async fn what_is_known_of_an_endpoint_outlives_the_hub() {
    let clock = MovedClock::new();
    let store = Arc::new(MemoryStore::new(MemoryLimits::default(), Arc::new(clock.clone())));
    let hooks = FakePlatform::new().with_lane(|recipient| recipient.map(str::to_owned));
    hooks.push(SendError::new(ErrorKind::Gone, "answered 410 Gone"));
    let expected = [DeadReason::Refused(ErrorKind::Gone), DeadReason::Disabled];
    for reason in expected {
        let builder = Hub::builder().clock(Arc::new(clock.clone())).seed(1).store(store.clone()).platform("hooks", hooks.clone());
        let hub = builder.start().await.expect("starts");
        assert_eq!(dead(&hub, "hooks:one").await, Some(reason));
        hub.shutdown(HOUR).await.expect("in time");
    }
    assert!(clock.wall() > std::time::SystemTime::UNIX_EPOCH && hooks.count() == 1);
}
