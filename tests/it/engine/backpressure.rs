//! What becomes of senders while the store is full: they wait in line, or are told when to come back.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use notifyhub::{
    HubError, Notification,
    clock::SystemClock,
    store::{MemoryLimits, MemoryStore, StoreError},
    testing::TestHub,
};

use super::soon;

/// A hub with room for ten that wait, whose platform is paused.
async fn paused() -> TestHub {
    let limits = MemoryLimits { waiting_max: 10, ..MemoryLimits::default() };
    let store = Arc::new(MemoryStore::new(limits, Arc::new(SystemClock)));
    let test = TestHub::start_with(|hub| hub.store(store)).await.expect("starts");
    test.hub.lanes().pause(&"test".parse().expect("a name")).await.expect("known");
    test
}

/// Sends until nothing more is taken. How many were.
async fn fill(test: &TestHub) -> usize {
    for accepted in 0..10_000 {
        match test.hub.try_send(Notification::text(accepted.to_string()).to("test")).await {
            Ok(_) => {}
            Err(HubError::Busy { waiting, max, retry_after }) => {
                assert_eq!((waiting, max), (10, 10));
                assert!((Duration::from_millis(100)..=Duration::from_secs(60)).contains(&retry_after), "{retry_after:?}");
                // What the lane holds may be on its way back to the store.
                if test.hub.stats().tasks.waiting == 10 {
                    return accepted;
                }
            }
            Err(error) => unreachable!("{error}"),
        }
        tokio::task::yield_now().await;
    }
    unreachable!("it is full by then")
}

#[tokio::test]
async fn whoever_does_not_wait_is_told_when_to_come_back_and_whoever_does_gets_room_in_turn() {
    let test = paused().await;
    fill(&test).await;
    let send = |body: &str| test.hub.send(Notification::text(body.to_owned()).to("test"));
    let (mut first, mut second) = (Box::pin(send("first")), Box::pin(send("second")));
    assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none(), "they wait");
    assert!(matches!(test.hub.try_send(Notification::text("x").to("test")).await, Err(HubError::Busy { .. })));
    test.hub.lanes().resume(&"test".parse().expect("a name")).await.expect("known");
    for waiting in [first, second] {
        let accepted = soon(waiting).await.expect("there is room");
        assert!(soon(accepted.outcome()).await.expect("known").all_delivered());
    }
    let place = |body: &str| test.sent().iter().position(|(_, sent)| sent == body);
    assert!(place("first") < place("second"), "in turn");
    soon(test.hub.try_send(Notification::text("x").to("test"))).await.expect("there is room");
}

#[tokio::test]
async fn many_at_once_wait_for_room_group_by_group() {
    let test = paused().await;
    test.hub.lanes().resume(&"test".parse().expect("a name")).await.expect("known");
    for _ in 0..3 {
        let batch =
            soon(test.hub.send_all((0..5).map(|n| Notification::text(n.to_string()).to("test")))).await.expect("accepted");
        soon(batch.outcomes(|_| ())).await.expect("known");
    }
    fill_and_resume(&test).await;
}

async fn fill_and_resume(test: &TestHub) {
    let name = "test".parse().expect("a name");
    test.hub.lanes().pause(&name).await.expect("known");
    fill(test).await;
    let mut batch = Box::pin(test.hub.send_all((0..8).map(|n| Notification::text(n.to_string()).to("test"))));
    assert!((&mut batch).now_or_never().is_none(), "it waits");
    test.hub.lanes().resume(&name).await.expect("known");
    let batch = soon(batch).await.expect("there is room");
    soon(batch.outcomes(|_| ())).await.expect("known");
}

#[tokio::test]
async fn what_can_never_fit_and_what_comes_when_the_hub_ends_is_refused() {
    let test = paused().await;
    fill(&test).await;
    let many = (0..11).fold(Notification::text("x"), |many, n| many.to(format!("test:{n}")));
    for refused in [test.hub.send(many.clone()).await, test.hub.try_send(many).await] {
        assert!(matches!(refused, Err(HubError::Store(StoreError::Full { .. }))), "{refused:?}");
    }
    let mut waiting = Box::pin(test.hub.send(Notification::text("x").to("test")));
    assert!((&mut waiting).now_or_never().is_none(), "it waits");
    let (waited, _) = tokio::join!(soon(waiting), test.hub.shutdown(Duration::from_secs(1)));
    assert!(matches!(waited, Err(HubError::ShuttingDown)), "{waited:?}");
}
