//! How long outcomes can be looked up.

use std::sync::Arc;

use notifyhub::{
    NotificationId,
    task::{Disposition, Task},
};

use super::stand::{Limits, Stand, WHILE, memory_stand, on_every_store};

/// A notification that was delivered.
async fn delivered(stand: &Stand) -> Arc<Task> {
    let task = stand.put(&["a"]).await[0].clone();
    let lease = stand.claim_all().await.remove(0);
    stand.settle(&lease, Disposition::Delivered).await;
    task
}

#[tokio::test]
async fn an_outcome_tells_every_attempt_of_every_target() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a", "b"]).await;
        for _ in 0..2 {
            for lease in stand.claim_all().await {
                let retry = Disposition::Retry { due: stand.moment(WHILE), counts: true };
                stand.settle(&lease, retry).await;
            }
            stand.clock.advance(WHILE);
        }
        for lease in stand.claim_all().await {
            stand.settle(&lease, Disposition::Delivered).await;
        }
        let outcome = stand.find(&tasks[0]).await.expect("it is kept");
        assert_eq!((outcome.id, outcome.all_delivered()), (tasks[0].head.id, true));
        for (target, task) in outcome.targets.iter().zip(&tasks[..]) {
            assert_eq!((target.task, &target.platform, &target.recipient), (task.id, task.platform(), &task.recipient));
            assert_eq!(target.attempts.iter().map(|attempt| attempt.number).collect::<Vec<_>>(), [1, 2, 3]);
        }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_notification_is_not_found() {
    on_every_store(Limits::default(), async |stand| {
        assert_eq!(stand.store.find(NotificationId::from_bits(7)).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn in_memory_the_newest_finished_notifications_are_kept_up_to_the_limit() {
    // The others keep all of them for their time: a disk is larger.
    let stand = memory_stand(Limits { finished_max: 2, ..Limits::default() });
    let tasks = [delivered(&stand).await, delivered(&stand).await, delivered(&stand).await];
    stand.put(&["a"]).await;
    let mut found = Vec::new();
    for task in &tasks {
        found.push(stand.find(task).await.is_some());
    }
    assert_eq!(found, [false, true, true]);
}

#[tokio::test]
async fn a_finished_notification_is_forgotten_after_its_retention() {
    on_every_store(Limits { retention: 3 * WHILE, ..Limits::default() }, async |stand| {
        let task = delivered(stand).await;
        for (passed, kept) in [(2 * WHILE, true), (WHILE, false)] {
            stand.clock.advance(passed);
            stand.prune().await;
            assert_eq!(stand.find(&task).await.is_some(), kept);
        }
        assert_eq!(stand.store.counts().delivered, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_not_finished_is_never_forgotten() {
    on_every_store(Limits { finished_max: 0, retention: WHILE, ..Limits::default() }, async |stand| {
        let tasks = stand.put(&["a", "b"]).await;
        let leases = stand.claim_all().await;
        stand.settle(&leases[0], Disposition::Delivered).await;
        stand.clock.advance(1000 * WHILE);
        stand.prune().await;
        assert!(stand.find(&tasks[0]).await.is_some_and(|outcome| !outcome.is_final()));
    })
    .await;
}
