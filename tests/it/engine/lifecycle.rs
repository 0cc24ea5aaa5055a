//! Cancelling, shutting down, and what listeners see.

use std::time::Duration;

use notifyhub::{
    Hub, HubError, Notification, ShutdownForced, TaskState, UrlTargets,
    event::EventKind,
    platforms::contract::SendError,
    task::DeadReason,
    testing::{FakePlatform, Reaction, TestHub},
};

use super::soon;

const GRACE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn what_was_not_sent_can_be_cancelled() {
    let test = TestHub::start().await.expect("starts");
    let later = notifyhub::clock::Clock::wall(&test.clock) + Duration::from_secs(60);
    let accepted = test.hub.send(Notification::text("x").to("test").not_before(later)).await.expect("accepted");
    let cancelled = test.hub.cancel(accepted.id).await.expect("cancelled");
    assert_eq!((cancelled.cancelled, cancelled.under_way), (1, 0));
    let outcome = accepted.outcome().await.expect("known");
    assert_eq!((outcome.targets[0].state, outcome.targets[0].reason()), (TaskState::Cancelled, "cancelled".to_owned()));
    test.clock.advance(Duration::from_secs(120));
    test.hub.deliver(Notification::text("y").to("test")).await.expect("delivered");
    assert_eq!(test.sent(), [(String::new(), "y".to_owned())]);
}

#[tokio::test]
async fn what_is_under_way_when_it_is_cancelled_is_not_tried_again() {
    let test = TestHub::start().await.expect("starts");
    test.platform.push(Reaction::Delay(Duration::from_secs(5), Err(SendError::unavailable("down"))));
    let accepted = test.hub.send(Notification::text("x").to("test")).await.expect("accepted");
    test.platform.wait_for(1).await;
    let cancelled = test.hub.cancel(accepted.id).await.expect("cancelled");
    assert_eq!((cancelled.cancelled, cancelled.under_way), (0, 1));
    test.clock.advance(Duration::from_secs(11));
    let outcome = accepted.outcome().await.expect("known");
    assert_eq!((outcome.targets[0].state, outcome.targets[0].attempts.len()), (TaskState::Cancelled, 1));
}

#[tokio::test]
async fn a_shutdown_waits_for_what_is_under_way_and_releases_the_rest() {
    let test = TestHub::start().await.expect("starts");
    test.platform.otherwise(Reaction::Delay(Duration::from_millis(50), Ok(Default::default())));
    let batch = test.hub.send_all((0..500).map(|n| Notification::text(format!("{n}")).to("test"))).await.expect("accepted");
    test.platform.wait_for(1).await;
    test.hub.shutdown(GRACE).await.expect("in time");
    let outcomes = batch.outcomes(|_| ()).await.expect("every outcome resolves");
    let delivered = outcomes.iter().filter(|outcome| outcome.all_delivered()).count();
    let waiting = outcomes.iter().filter(|outcome| outcome.targets[0].state == TaskState::Waiting).count();
    assert_eq!((delivered, delivered + waiting), (test.platform.sent().len(), 500));
    assert!(
        outcomes.iter().all(|outcome| outcome.targets[0].state != TaskState::Waiting || outcome.targets[0].attempts.is_empty())
    );
    let refused = test.hub.send(Notification::text("late").to("test")).await.expect_err("refused");
    assert_eq!(refused, HubError::ShuttingDown);
}

#[tokio::test]
async fn a_shutdown_stops_by_force_what_does_not_end_in_its_grace() {
    let test = TestHub::start().await.expect("starts");
    test.platform.push(Reaction::Hang);
    let accepted = test.hub.send(Notification::text("x").to("test")).await.expect("accepted");
    test.platform.wait_for(1).await;
    let (outcome, ended) = tokio::join!(accepted.outcome(), test.hub.shutdown(Duration::from_millis(20)));
    assert_eq!(ended, Err(ShutdownForced { abandoned: Vec::new() }));
    let outcome = outcome.expect("resolves");
    assert_eq!((outcome.targets[0].state, outcome.targets[0].reason()), (TaskState::Leased, "not finished".to_owned()));
}

#[tokio::test]
async fn tasks_of_a_removed_platform_are_dead_and_say_so() {
    let gone = FakePlatform::new();
    gone.otherwise(Reaction::Hang);
    let test = TestHub::start_with(|hub| hub.platform("gone", gone.clone())).await.expect("starts");
    let batch = test.hub.send_all((0..1_000).map(|n| Notification::text(format!("{n}")).to("gone"))).await.expect("accepted");
    gone.wait_for(1).await;
    assert!(test.hub.remove_platform(&"gone".parse().expect("a name")).await);
    let unknown = test.hub.send(Notification::text("x").to("gone")).await.expect_err("unknown").to_string();
    assert_eq!(unknown, "target `gone`: unknown platform `gone`, expected one of: test");
    let started = gone.sent().len();
    for accepted in &batch.accepted[500..] {
        let outcome = accepted.outcome().await.expect("resolves");
        assert_eq!(outcome.targets[0].dead, Some(DeadReason::PlatformGone));
    }
    assert_eq!(gone.sent().len(), started, "nothing more goes out");
}

#[tokio::test]
async fn a_dropped_hub_stops_and_outcomes_still_resolve() {
    let platform = FakePlatform::new();
    platform.otherwise(Reaction::Hang);
    let hub = Hub::builder().platform("test", platform.clone()).start().await.expect("starts");
    let accepted = hub.send(Notification::text("x").to("test")).await.expect("accepted");
    platform.wait_for(1).await;
    drop(hub);
    assert!(!accepted.outcome().await.expect("resolves").is_final());
}

#[tokio::test]
async fn several_hubs_live_in_one_process_without_knowing_of_each_other() {
    let (one, two) = (TestHub::start().await.expect("starts"), TestHub::start().await.expect("starts"));
    one.hub.deliver(Notification::text("one").to("test")).await.expect("delivered");
    one.hub.shutdown(GRACE).await.expect("in time");
    two.hub.deliver(Notification::text("two").to("test")).await.expect("delivered");
    assert_eq!((one.sent().len(), two.sent().len()), (1, 1));
}

#[tokio::test]
async fn listeners_see_the_whole_story_with_the_correlation_id() {
    let test = TestHub::start().await.expect("starts");
    let mut events = test.hub.subscribe();
    test.platform.push(SendError::unavailable("down"));
    let notification = Notification::text("x").to("test").correlation_id("c-1");
    let accepted = test.hub.send(notification).await.expect("accepted");
    let mut story = Vec::new();
    while story.last() != Some(&"delivered") {
        let event = events.next().await.expect("open").expect("in time");
        let Some(correlation) = &event.correlation_id else { continue };
        assert_eq!(correlation.to_string(), "c-1");
        story.push(match &event.kind {
            EventKind::Accepted { notification, tasks: 1 } if *notification == accepted.id => "accepted",
            EventKind::Retrying { attempt: 1, .. } => {
                test.clock.advance(Duration::from_secs(60));
                "retrying"
            }
            EventKind::Delivered { attempt: 2, .. } => "delivered",
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(story, ["accepted", "retrying", "delivered"]);
}

#[tokio::test]
async fn a_dropped_send_leaves_the_notification_stored_or_not_never_half() {
    let test = TestHub::start_with(|hub| hub.group("all", (0..20).map(|n| format!("test:{n}")))).await.expect("starts");
    for _ in 0..50 {
        let sending = test.hub.send(Notification::text("x").to("@all"));
        tokio::select! { biased; () = std::future::ready(()) => {}, _ = sending => {} }
        let sending = test.hub.send(Notification::text("x").to("@all"));
        let _ = futures_util::FutureExt::now_or_never(sending);
    }
    test.hub.shutdown(GRACE).await.expect("in time");
    let counts = test.hub.stats().tasks;
    assert_eq!(counts.accepted % 20, 0);
    assert_eq!(counts.accepted, counts.waiting + counts.leased + counts.delivered);
    assert_eq!(counts.leased, 0);
}

#[tokio::test]
async fn a_cancellation_is_told_with_the_correlation_id() {
    let test = TestHub::start().await.expect("starts");
    let mut events = test.hub.subscribe();
    let later = notifyhub::clock::Clock::wall(&test.clock) + Duration::from_secs(60);
    let notification = Notification::text("x").to("test").not_before(later).correlation_id("c-1");
    let accepted = test.hub.send(notification).await.expect("accepted");
    test.hub.cancel(accepted.id).await.expect("cancelled");
    loop {
        let event = soon(events.next()).await.expect("open").expect("in time");
        if let EventKind::Cancelled { .. } = event.kind {
            assert_eq!(event.correlation_id.as_ref().map(ToString::to_string), Some("c-1".to_owned()));
            return;
        }
    }
}

#[tokio::test]
async fn the_name_of_a_removed_url_is_not_given_to_another() {
    let test = TestHub::start_with(|hub| hub.url_targets(UrlTargets::Trusted)).await.expect("starts");
    let mut names = Vec::new();
    for path in ["a?k=1", "b?k=2"] {
        test.hub.send(Notification::text("x").to(format!("json://127.0.0.1:1/{path}"))).await.expect("accepted");
        let name = test.hub.platforms().into_iter().find(|name| name.as_str() != "test").expect("there");
        assert!(test.hub.remove_platform(&name).await);
        names.push(name.to_string());
    }
    assert_eq!(names[1], format!("{}#2", names[0]), "what waits for the first must not go to the second");
}
