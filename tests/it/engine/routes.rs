//! Routes with several steps: the next when one failed for good, is left alone, or is late; one delivery ends it.

use std::time::Duration;

use notifyhub::{
    BreakerState, EventStream, HubError, Notification, Outcome, TaskState,
    config::{BreakerConfig, DeliveryConfig},
    event::EventKind,
    platforms::{contract::SendError, testkit::FakePlatform},
    task::{DeadReason, StepReason},
    testing::{Reaction, TestHub},
};

use super::soon;

const STEP: Duration = Duration::from_secs(120);

/// A hub with a route `critical` from `test` to `backup` to `last`.
async fn start(delivery: DeliveryConfig) -> (TestHub, FakePlatform, FakePlatform) {
    let (backup, last) = (FakePlatform::new(), FakePlatform::new());
    let (second, third) = (backup.clone(), last.clone());
    let told = |hub: notifyhub::HubBuilder| {
        let hub = hub.delivery(delivery).platform("backup", second).platform("last", third);
        hub.route("critical", ["test", "backup", "last"], STEP)
    };
    (TestHub::start_with(told).await.expect("starts"), backup, last)
}

fn name() -> notifyhub::PlatformName {
    "test".parse().expect("a name")
}

fn to(target: &str) -> Notification {
    Notification::text("disk full").to(target)
}

/// The steps an outcome's one target has left, and why.
fn left(outcome: &Outcome) -> Vec<(String, StepReason)> {
    assert_eq!(outcome.targets.len(), 1);
    outcome.targets[0].left.iter().map(|step| (step.target.to_string(), step.why)).collect()
}

async fn step_left(events: &mut EventStream) -> (String, StepReason) {
    loop {
        let event = soon(events.next()).await.expect("open").expect("in time");
        if let EventKind::StepLeft { to, why, .. } = &event.kind {
            return (to.to_string(), *why);
        }
    }
}

#[tokio::test]
async fn the_first_step_that_delivers_ends_it() {
    let (test, backup, last) = start(DeliveryConfig::default()).await;
    let outcome = soon(test.hub.deliver(to("@critical"))).await.expect("known");
    assert!(outcome.all_delivered());
    assert_eq!((left(&outcome), outcome.targets[0].target()), (vec![], "test".to_owned()));
    assert_eq!((test.platform.count(), backup.count(), last.count()), (1, 0, 0));
}

#[tokio::test]
async fn what_fails_for_good_goes_to_the_next_step_and_is_one_story() {
    let (test, backup, _) = start(DeliveryConfig::default()).await;
    let mut events = test.hub.subscribe();
    test.platform.otherwise(SendError::invalid_recipient("gone"));
    let accepted = test.hub.send(to("@critical")).await.expect("accepted");
    assert_eq!(accepted.tasks().map(|task| task.target).collect::<Vec<_>>(), ["@critical"]);
    let outcome = soon(accepted.outcome()).await.expect("known");
    assert!(outcome.all_delivered());
    let refused = StepReason::Failed(DeadReason::Refused(SendError::invalid_recipient("gone").kind()));
    assert_eq!(left(&outcome), [("test".to_owned(), refused)]);
    assert_eq!(step_left(&mut events).await, ("backup".to_owned(), refused));
    let target = &outcome.targets[0];
    assert_eq!((target.target(), target.attempts.len()), ("backup".to_owned(), 2));
    let sent = [&test.platform.sent()[0], &backup.sent()[0]].map(|envelope| (envelope.id, envelope.attempt));
    assert_eq!((sent[0].0, sent[0].1, sent[1].1), (sent[1].0, 1, 2), "the same id everywhere");
    let told = test.hub.explain(target.task).await.expect("readable").expect("known");
    assert_eq!(told, "@critical, not by test: invalid_recipient: gone, now by backup; tried 2 times, and delivered");
    assert_eq!(test.hub.stats().tasks.dead, 0, "a step that failed is no dead letter");
}

#[tokio::test]
async fn a_route_that_fails_to_its_end_is_dead_once() {
    let (test, backup, last) = start(DeliveryConfig::default()).await;
    for platform in [&test.platform, &backup, &last] {
        platform.otherwise(SendError::invalid_message("no"));
    }
    let outcome = soon(test.hub.deliver(to("@critical"))).await.expect("known");
    let target = &outcome.targets[0];
    assert_eq!((target.state, target.attempts.len(), target.left.len()), (TaskState::Dead, 3, 2));
    assert_eq!((test.hub.stats().tasks.dead, test.hub.stats().tasks.accepted), (1, 1));
}

#[tokio::test]
async fn a_step_that_is_late_is_left_for_the_next() {
    let (test, backup, _) = start(DeliveryConfig::default()).await;
    let mut events = test.hub.subscribe();
    test.hub.lanes().pause(&name()).await.expect("known");
    let accepted = test.hub.send(to("@critical")).await.expect("accepted");
    test.clock.advance(STEP - Duration::from_secs(2));
    assert_eq!(backup.count(), 0, "it has time");
    test.clock.advance(Duration::from_secs(3));
    assert_eq!(step_left(&mut events).await, ("backup".to_owned(), StepReason::Late));
    let outcome = soon(accepted.outcome()).await.expect("known");
    assert_eq!((left(&outcome), outcome.all_delivered()), (vec![("test".to_owned(), StepReason::Late)], true));
    assert_eq!(test.platform.count(), 0);
}

#[tokio::test]
async fn a_retry_that_would_come_too_late_is_not_waited_for() {
    let (test, _, _) = start(DeliveryConfig::default()).await;
    test.platform.otherwise(SendError::rate_limited("slow down").with_retry_after(Some(2 * STEP)));
    let outcome = soon(test.hub.deliver(to("@critical"))).await.expect("known");
    assert_eq!((left(&outcome), outcome.all_delivered()), (vec![("test".to_owned(), StepReason::Late)], true));
}

#[tokio::test]
async fn what_waits_for_a_platform_that_is_left_alone_and_what_comes_then_goes_to_the_next_step() {
    let breaker = BreakerConfig { failure_threshold: 1, ..BreakerConfig::default() };
    let (test, backup, _) = start(DeliveryConfig { breaker, max_in_flight: 1, ..DeliveryConfig::default() }).await;
    test.platform.push(Reaction::Hang);
    let first = test.hub.send(to("test")).await.expect("accepted");
    test.platform.wait_for(1).await;
    let waiting = test.hub.send_all((0..200).map(|_| to("@critical"))).await.expect("accepted");
    let plain = test.hub.send(to("test")).await.expect("accepted");
    test.hub.lanes().open_breaker(&name()).await.expect("known");
    let outcomes = soon(waiting.outcomes(|_| ())).await.expect("known");
    for outcome in outcomes {
        assert_eq!((left(&outcome), outcome.all_delivered()), (vec![("test".to_owned(), StepReason::Open)], true));
    }
    let outcome = soon(test.hub.deliver(to("@critical"))).await.expect("known");
    assert_eq!(left(&outcome), [("test".to_owned(), StepReason::Open)]);
    assert_eq!((test.platform.count(), backup.count()), (1, 201));
    let lanes = test.hub.lanes().list().await.expect("listed");
    let lane = lanes.iter().find(|lane| lane.platform.as_str() == "test").expect("it is there");
    assert_eq!(lane.breaker, BreakerState::Open);
    drop((first, plain));
}

#[tokio::test]
async fn a_route_and_an_order_key_do_not_go_together() {
    let (test, _, _) = start(DeliveryConfig::default()).await;
    let refused = test.hub.send(to("@critical").order_key("k")).await;
    let Err(HubError::Targets(mistakes)) = refused else { panic!("{refused:?}") };
    assert!(mistakes[0].to_string().starts_with("target `@critical`: a route may lead to other platforms"), "{mistakes:?}");
}

#[tokio::test]
async fn a_route_that_cannot_be_is_told_at_the_start() {
    for (chain, part) in [
        (vec!["test"], "it has 1 targets, expected 2 to 16"),
        (vec!["test", "test"], "`test` is there twice"),
        (vec!["test", "@all"], "`@all` is several targets"),
        (vec!["test", ""], "empty target"),
    ] {
        let started = TestHub::start_with(|hub| hub.group("all", ["test"]).route("r", chain.clone(), STEP)).await;
        let error = started.expect_err("refused").to_string();
        assert!(error.contains("route `r`: ") && error.contains(part), "{error}");
    }
    let started = TestHub::start_with(|hub| hub.group("r", ["test"]).route("r", ["test", "test:x"], STEP)).await;
    assert!(started.expect_err("refused").to_string().contains("`r` is a group and a route"));
}
