//! Fresh work goes straight to the dispatcher, already claimed, while there is room and nothing older waits.

use std::sync::Arc;

use notifyhub::{
    TaskState,
    store::{ArrivalReceiver, Lease, arrivals},
    task::{Disposition, Task},
};

use super::stand::{Limits, Stand, WHILE, assert_same, claimed_tasks, credits, on_every_store};

/// A dispatcher with room for so many tasks.
fn dispatcher(stand: &Stand, room: usize) -> ArrivalReceiver {
    let (sender, receiver) = arrivals();
    stand.store.announce_to(sender);
    receiver.set_room(room);
    receiver
}

/// What was handed over and not looked at yet.
fn handed_over(receiver: &mut ArrivalReceiver) -> Vec<Lease> {
    let mut leases = Vec::new();
    while let Some(fresh) = receiver.fresh.try_receive() {
        leases.extend(fresh);
    }
    leases
}

fn has_rung(receiver: &mut ArrivalReceiver) -> bool {
    let rung = receiver.bell.has_changed().expect("the store lives");
    receiver.bell.mark_unchanged();
    rung
}

fn assert_handed_over(receiver: &mut ArrivalReceiver, expected: &[Arc<Task>]) {
    assert_same(&claimed_tasks(&handed_over(receiver)), expected);
}

#[tokio::test]
async fn fresh_work_is_handed_over_leased_and_is_settled_as_any_other() {
    on_every_store(Limits::default(), async |stand| {
        let mut receiver = dispatcher(stand, 10);
        let tasks = stand.put(&["a", "b"]).await;
        let leases = handed_over(&mut receiver);
        assert_same(&claimed_tasks(&leases), &tasks);
        assert_eq!((stand.state(&tasks[0]).await, stand.store.counts().leased), (TaskState::Leased, 2));
        assert!(stand.claim_all().await.is_empty());
        stand.settle(&leases[0], Disposition::Delivered).await;
        assert_eq!(stand.state(&tasks[0]).await, TaskState::Delivered);
    })
    .await;
}

#[tokio::test]
async fn no_more_is_handed_over_than_there_is_room_for() {
    on_every_store(Limits::default(), async |stand| {
        let mut receiver = dispatcher(stand, 3);
        let first = stand.put(&["a", "a"]).await;
        assert!(!has_rung(&mut receiver));
        let whole = stand.put(&["b", "b"]).await;
        assert!(has_rung(&mut receiver));
        assert_handed_over(&mut receiver, &first);
        assert_same(&claimed_tasks(&stand.claim_all().await), &whole);
    })
    .await;
}

#[tokio::test]
async fn nothing_overtakes_what_waits_on_its_lane() {
    on_every_store(Limits::default(), async |stand| {
        let mut receiver = dispatcher(stand, 0);
        let older = stand.put(&["a"]).await;
        receiver.set_room(10);
        let younger = stand.put(&["a"]).await;
        let elsewhere = stand.put(&["b"]).await;
        assert_handed_over(&mut receiver, &elsewhere);
        let claimed = stand.claim(credits(10, &[], 10)).await.leases;
        assert_same(&claimed_tasks(&claimed), &[older[0].clone(), younger[0].clone()]);
        let next = stand.put(&["a"]).await;
        assert_handed_over(&mut receiver, &next);
    })
    .await;
}

#[tokio::test]
async fn nothing_overtakes_what_has_just_become_due_on_its_lane() {
    on_every_store(Limits::default(), async |stand| {
        let mut receiver = dispatcher(stand, 10);
        let timed = stand.put_due(&["a"], Some(stand.moment(WHILE))).await;
        let before = stand.put(&["a"]).await;
        assert_handed_over(&mut receiver, &before);
        stand.clock.advance(WHILE);
        let after = stand.put(&["a"]).await;
        assert_handed_over(&mut receiver, &[]);
        assert_same(&claimed_tasks(&stand.claim_all().await), &[timed[0].clone(), after[0].clone()]);
    })
    .await;
}

#[tokio::test]
async fn work_for_later_is_not_handed_over_but_announced() {
    on_every_store(Limits::default(), async |stand| {
        let mut receiver = dispatcher(stand, 10);
        let tasks = stand.put_due(&["a"], Some(stand.moment(WHILE))).await;
        assert_handed_over(&mut receiver, &[]);
        assert!(has_rung(&mut receiver));
        assert_eq!(stand.state(&tasks[0]).await, TaskState::Waiting);
    })
    .await;
}

#[tokio::test]
async fn work_that_waits_again_is_announced() {
    on_every_store(Limits::default(), async |stand| {
        let mut receiver = dispatcher(stand, 10);
        stand.put(&["a", "b"]).await;
        let leases = handed_over(&mut receiver);
        stand.settle(&leases[0], Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
        assert!(has_rung(&mut receiver));
        stand.store.release(vec![(leases[1].token, leases[1].task.clone())]).await.expect("releases");
        assert!(has_rung(&mut receiver));
    })
    .await;
}

#[tokio::test]
async fn without_a_dispatcher_everything_waits() {
    on_every_store(Limits::default(), async |stand| {
        drop(dispatcher(stand, 10));
        let tasks = stand.put(&["a"]).await;
        assert_same(&claimed_tasks(&stand.claim_all().await), &tasks);
    })
    .await;
}
