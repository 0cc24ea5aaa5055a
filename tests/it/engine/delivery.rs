//! From a notification to its outcome.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    Hub, HubError, Notification, TaskState, UrlTargets,
    config::{Backoff, DeliveryConfig, OnAmbiguous},
    event::EventKind,
    platforms::contract::{ErrorKind, Receipt, SendError},
    store::{MemoryLimits, MemoryStore, Store},
    task::DeadReason,
    testing::{FakePlatform, MovedClock, Reaction, TestHub},
};

async fn hub() -> TestHub {
    TestHub::start().await.expect("starts")
}

#[tokio::test]
async fn a_notification_is_delivered_to_every_target_once() {
    let test = TestHub::start_with(|hub| hub.group("all", ["test:ada", "test:bob"])).await.expect("starts");
    let notification = Notification::text("hello").to("test:ada").to("@all").to("test").correlation_id("order-7");
    let accepted = test.hub.send(notification).await.expect("accepted");
    assert_eq!(accepted.tasks().map(|task| task.target).collect::<Vec<_>>(), ["test:ada", "test:bob", "test"]);
    let outcome = accepted.outcome().await.expect("known");
    assert!(outcome.all_delivered());
    assert_eq!(outcome.correlation_id.to_string(), "order-7");
    let mut sent = test.platform.sent();
    sent.sort_by_key(|envelope| envelope.recipient.clone());
    assert_eq!(sent.iter().map(|envelope| envelope.recipient.as_deref()).collect::<Vec<_>>(), [None, Some("ada"), Some("bob")]);
    assert!(sent.iter().all(|envelope| envelope.correlation_id.as_deref() == Some("order-7") && envelope.attempt == 1));
    let counts = test.hub.stats().tasks;
    assert_eq!((counts.accepted, counts.delivered, counts.waiting + counts.leased), (3, 3, 0));
}

#[tokio::test]
async fn every_attempt_is_in_the_outcome_and_carries_the_same_id() {
    let test = hub().await;
    test.platform.push(SendError::unavailable("down"));
    test.platform.push(SendError::ambiguous("reset"));
    test.platform.push(Reaction::Answer(Ok(Receipt::with_id("r-1"))));
    let accepted = test.hub.send(Notification::text("x").to("test")).await.expect("accepted");
    for attempts in 1..=2 {
        test.platform.wait_for(attempts).await;
        test.clock.advance(Duration::from_secs(60));
    }
    let outcome = accepted.outcome().await.expect("known");
    let target = &outcome.targets[0];
    let kinds: Vec<_> = target.attempts.iter().map(|attempt| attempt.result.as_ref().err().map(SendError::kind)).collect();
    assert_eq!(kinds, [Some(ErrorKind::Unavailable), Some(ErrorKind::Ambiguous), None]);
    assert_eq!(target.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(target.receipt().and_then(|receipt| receipt.id.as_deref()), Some("r-1"));
    let ids: std::collections::HashSet<_> = test.platform.sent().iter().map(|envelope| envelope.id).collect();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_refusal_is_dead_at_once_with_its_reason() {
    let test = hub().await;
    test.platform.push(SendError::invalid_recipient("no such channel").with_code("channel_not_found"));
    let outcome = test.hub.deliver(Notification::text("x").to("test:#gone")).await.expect("accepted");
    let target = &outcome.targets[0];
    assert_eq!((target.state, target.dead), (TaskState::Dead, Some(DeadReason::Refused(ErrorKind::InvalidRecipient))));
    assert_eq!(target.reason(), "invalid_recipient (channel_not_found): no such channel");
    assert_eq!(target.attempts.len(), 1);
}

#[tokio::test]
async fn a_task_out_of_attempts_is_dead() {
    let delivery = DeliveryConfig { max_attempts: 3, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    test.platform.otherwise(SendError::unavailable("down"));
    let accepted = test.hub.send(Notification::text("x").to("test")).await.expect("accepted");
    for attempt in 1..=3 {
        test.platform.wait_for(attempt).await;
        test.clock.advance(Duration::from_secs(3600));
    }
    let outcome = accepted.outcome().await.expect("known");
    assert_eq!(outcome.targets[0].dead, Some(DeadReason::OutOfAttempts));
    assert_eq!(test.platform.sent().len(), 3);
}

#[tokio::test]
async fn a_panicking_adapter_costs_that_task_one_attempt_and_nothing_else() {
    let test = hub().await;
    test.platform.push(Reaction::Panic);
    let unlucky = test.hub.send(Notification::text("first").to("test")).await.expect("accepted");
    test.platform.wait_for(1).await;
    let others: Vec<_> = (0..20).map(|n| Notification::text(format!("{n}")).to("test")).collect();
    let others = test.hub.send_all(others).await.expect("accepted").outcomes(|_| ()).await.expect("known");
    assert!(others.iter().all(|outcome| outcome.all_delivered() && outcome.targets[0].attempts.len() == 1));
    test.clock.advance(Duration::from_secs(60));
    let outcome = unlucky.outcome().await.expect("known");
    assert!(outcome.all_delivered());
    let error = outcome.targets[0].attempts[0].result.as_ref().expect_err("panicked");
    assert!(error.is_ambiguous() && error.reason().starts_with("the adapter panicked"), "{error}");
    let workers = test.hub.stats().workers;
    assert_eq!(workers.iter().map(|worker| (worker.worker, worker.epoch)).collect::<Vec<_>>(), [(0, 1), (1, 1)]);
}

#[tokio::test]
async fn a_send_past_its_deadline_is_given_up_and_tried_again() {
    let test = hub().await;
    test.platform.push(Reaction::Hang);
    let accepted = test.hub.send(Notification::text("x").to("test")).await.expect("accepted");
    test.platform.wait_for(1).await;
    test.clock.advance(Duration::from_secs(11));
    let mut events = test.hub.subscribe();
    while test.platform.sent().len() < 2 {
        tokio::select! {
            _ = events.next() => test.clock.advance(Duration::from_secs(60)),
            _ = test.platform.wait_for(2) => {}
        }
    }
    let outcome = accepted.outcome().await.expect("known");
    let first = outcome.targets[0].attempts[0].result.as_ref().expect_err("timed out");
    assert_eq!((first.kind(), first.reason()), (ErrorKind::Ambiguous, "no answer within the timeout"));
    assert!(outcome.all_delivered());
}

#[tokio::test]
async fn an_ambiguous_attempt_is_final_where_copies_are_worse_than_losses() {
    let delivery = DeliveryConfig { on_ambiguous: OnAmbiguous::Dead, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    test.platform.push(SendError::ambiguous("no answer"));
    let outcome = test.hub.deliver(Notification::text("x").to("test")).await.expect("accepted");
    assert_eq!(outcome.targets[0].dead, Some(DeadReason::Ambiguous));
    assert_eq!(test.platform.sent().len(), 1);
}

#[tokio::test]
async fn nothing_is_sent_before_its_time_or_after_its_expiry() {
    let test = hub().await;
    let wall = notifyhub::clock::Clock::wall(&test.clock);
    let later = Notification::text("later").to("test").not_before(wall + Duration::from_secs(3600));
    let later = test.hub.send(later).await.expect("accepted");
    let stale = Notification::text("stale").to("test").expires_at(wall);
    let stale = test.hub.deliver(stale).await.expect("accepted");
    assert_eq!((stale.targets[0].state, stale.targets[0].attempts.len()), (TaskState::Expired, 0));
    test.hub.deliver(Notification::text("now").to("test")).await.expect("accepted");
    assert_eq!(test.sent(), [(String::new(), "now".to_owned())]);
    test.clock.advance(Duration::from_secs(3601));
    assert!(later.outcome().await.expect("known").all_delivered());
}

#[tokio::test]
async fn the_same_key_is_the_same_notification() {
    let test = hub().await;
    let notification = || Notification::text("once").to("test").idempotency_key("k1");
    let first = test.hub.send(notification()).await.expect("accepted");
    let second = test.hub.send(notification()).await.expect("the same");
    assert_eq!(first.id, second.id);
    assert!(second.outcome().await.expect("known").all_delivered());
    let other = test.hub.send(Notification::text("other").to("test").idempotency_key("k1")).await;
    assert_eq!(other.expect_err("conflict"), HubError::Conflict { key: "k1".into(), first: first.id });
    assert_eq!(test.platform.sent().len(), 1);
}

#[tokio::test]
async fn every_mistake_in_the_targets_is_told_and_nothing_is_sent() {
    let test = hub().await;
    let notification = Notification::text("x").to("test").to("nosuch:#a").to("@none").to("two words").to("https://x");
    let HubError::Targets(mistakes) = test.hub.send(notification).await.expect_err("refused") else { panic!("targets") };
    let reasons: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    assert!(reasons.iter().any(|reason| reason.contains("unknown URL scheme `https://`")), "{reasons:?}");
    let notification = Notification::text("x").to("test").to("nosuch:#a").to("@none").to("two words");
    let HubError::Targets(mistakes) = test.hub.send(notification).await.expect_err("refused") else { panic!("targets") };
    let reasons: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(reasons[0], "target `nosuch:#a`: unknown platform `nosuch`, expected one of: test");
    assert_eq!(reasons[1], "target `@none`: unknown group `none`, and no group is configured");
    assert!(reasons[2].contains("invalid platform name `two words`"));
    assert_eq!(test.hub.stats().tasks.accepted, 0);
}

#[tokio::test]
async fn url_targets_can_be_forbidden() {
    let test = TestHub::start_with(|hub| hub.url_targets(UrlTargets::Off)).await.expect("starts");
    let error = test.hub.send(Notification::text("x").to("json://example.com/s3cret")).await.expect_err("refused").to_string();
    assert_eq!(error, "target `json://…`: URL targets are not allowed here; configure a platform and use its name");
}

#[tokio::test]
async fn a_batch_with_a_mistake_is_refused_as_a_whole() {
    let test = hub().await;
    let batch = [Notification::text("good").to("test"), Notification::text("bad").to("nosuch")];
    let error = test.hub.send_all(batch).await.expect_err("refused");
    assert!(matches!(error, HubError::InBatch { index: 1, .. }), "{error}");
    assert_eq!(test.hub.stats().tasks.accepted, 0);
}

#[tokio::test]
async fn ten_thousand_notifications_to_three_flaky_platforms_all_arrive() {
    let platforms = [FakePlatform::new(), FakePlatform::new(), FakePlatform::new()];
    let builder = |mut hub: notifyhub::HubBuilder| {
        for (name, platform) in ["a", "b", "c"].into_iter().zip(&platforms) {
            hub = hub.platform_with(
                name,
                Arc::new(platform.clone()),
                DeliveryConfig { backoff: quick(), ..DeliveryConfig::default() },
            );
        }
        hub
    };
    let test = TestHub::start_with(builder).await.expect("starts");
    for platform in &platforms {
        for _ in 0..200 {
            platform.push(SendError::unavailable("flaky"));
            platform.push(Reaction::accept());
        }
    }
    let notifications = (0..10_000).map(|n| Notification::text(format!("{n}")).to(["a", "b", "c"][n % 3]));
    let batch = test.hub.send_all(notifications).await.expect("accepted");
    let mut last = 0;
    let outcomes = batch.outcomes(|progress| last = progress.delivered).await.expect("known");
    assert_eq!((outcomes.len(), last), (10_000, 10_000));
    let bodies: std::collections::HashSet<_> =
        platforms.iter().flat_map(FakePlatform::sent).map(|envelope| envelope.message.body.clone()).collect();
    assert_eq!(bodies.len(), 10_000);
    let counts = test.hub.stats().tasks;
    assert_eq!((counts.accepted, counts.delivered, counts.dead), (10_000, 10_000, 0));
}

fn quick() -> notifyhub::config::Backoff {
    notifyhub::config::Backoff { initial: Duration::from_millis(1), max: Duration::from_millis(5), factor_permille: 2000 }
}

#[tokio::test]
async fn a_short_wait_between_attempts_is_spent_under_the_same_claim() {
    let backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(1), ..Backoff::default() };
    let test =
        TestHub::start_with(|hub| hub.delivery(DeliveryConfig { backoff, ..DeliveryConfig::default() })).await.expect("starts");
    test.platform.push(SendError::unavailable("down"));
    let mut events = test.hub.subscribe();
    let accepted = test.hub.send(Notification::text("x").to("test")).await.expect("accepted");
    while !matches!(events.next().await.expect("open").expect("in time").kind, EventKind::Retrying { .. }) {}
    let task = accepted.tasks().next().expect("one").id;
    let explained = super::soon(async {
        loop {
            let explained = test.hub.explain(task).await.expect("known").expect("a task");
            if explained.contains("the next one waits") {
                return explained;
            }
            tokio::task::yield_now().await;
        }
    });
    explained.await;
    let tasks = test.hub.stats().tasks;
    assert_eq!((tasks.waiting, tasks.leased), (0, 1));
    test.clock.advance(Duration::from_secs(1));
    let outcome = super::soon(accepted.outcome()).await.expect("known");
    assert_eq!((outcome.targets[0].state, outcome.targets[0].attempts.len()), (TaskState::Delivered, 2));
}

#[tokio::test]
async fn what_waits_shortly_for_its_next_attempt_goes_back_to_the_store_when_the_hub_ends() {
    let clock = MovedClock::new();
    let store = Arc::new(MemoryStore::new(MemoryLimits::default(), Arc::new(clock.clone())));
    let platform = FakePlatform::new();
    platform.push(SendError::unavailable("down"));
    let backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(1), ..Backoff::default() };
    let start = async || {
        let builder = Hub::builder().clock(Arc::new(clock.clone())).seed(1).store(store.clone());
        let delivery = DeliveryConfig { backoff: backoff.clone(), ..DeliveryConfig::default() };
        builder.delivery(delivery).platform("test", platform.clone()).start().await.expect("starts")
    };
    let hub = start().await;
    let id = hub.send(Notification::text("x").to("test")).await.expect("accepted").id;
    super::soon(platform.wait_for_finished(1)).await;
    hub.shutdown(Duration::from_secs(10)).await.expect("in time");
    assert_eq!((store.counts().waiting, store.counts().leased), (1, 0));
    let hub = start().await;
    clock.advance(Duration::from_secs(1));
    super::soon(platform.wait_for_finished(2)).await;
    hub.shutdown(Duration::from_secs(10)).await.expect("in time");
    let outcome = store.find(id).await.expect("read").expect("known");
    assert_eq!((outcome.targets[0].state, outcome.targets[0].attempts.len()), (TaskState::Delivered, 2));
}
