//! Cancelling what waits, what is claimed, and what nobody knows.

use notifyhub::{
    NotificationId, TaskState,
    store::{Cancelled, Settled},
    task::Disposition,
};

use super::stand::{Limits, Stand, WHILE, on_every_store};

async fn cancel(stand: &Stand, id: NotificationId) -> Cancelled {
    stand.store.cancel(id).await.expect("cancels")
}

#[tokio::test]
async fn a_cancelled_notification_that_waits_is_never_claimed() {
    on_every_store(Limits::default(), async |stand| {
        for due in [None, Some(stand.moment(WHILE))] {
            let tasks = stand.put_due(&["a", "b"], due).await;
            let reached = cancel(stand, tasks[0].head.id).await;
            assert_eq!((reached.cancelled, reached.under_way), (tasks.to_vec(), vec![]));
            assert_eq!(reached.finished, stand.find(&tasks[0]).await);
            assert_eq!(stand.state(&tasks[1]).await, TaskState::Cancelled);
            stand.clock.advance(WHILE);
            assert!(stand.claim_all().await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_retry_is_never_claimed() {
    on_every_store(Limits::default(), async |stand| {
        for look in [false, true] {
            let tasks = stand.put(&["a"]).await;
            let lease = stand.claim_all().await.remove(0);
            stand.settle(&lease, Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
            stand.clock.advance(WHILE);
            if look {
                // Now it is no longer on the calendar but on its lane.
                stand.claim(super::stand::credits(0, &[], 0)).await;
            }
            assert!(cancel(stand, tasks[0].head.id).await.finished.is_some());
            assert!(stand.claim_all().await.is_empty());
        }
    })
    .await;
}

#[tokio::test]
async fn a_claimed_task_is_marked_and_its_siblings_that_wait_are_cancelled() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a", "b"]).await;
        let claimed = stand.claim(super::stand::credits(1, &[("a", 1)], 0)).await.leases.remove(0);
        let reached = cancel(stand, tasks[0].head.id).await;
        assert_eq!(reached.cancelled, [tasks[1].clone()]);
        assert_eq!((reached.under_way, reached.finished), (vec![claimed.task.id], None));
        assert_eq!(stand.state(&tasks[0]).await, TaskState::Leased);
        assert_eq!(stand.state(&tasks[1]).await, TaskState::Cancelled);
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_task_that_was_claimed_is_not_tried_again() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a"]).await;
        let lease = stand.claim_all().await.remove(0);
        cancel(stand, tasks[0].head.id).await;
        let settled = stand.settle(&lease, Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
        assert!(matches!(settled, Settled::Finished(_)));
        assert_eq!(stand.state(&tasks[0]).await, TaskState::Cancelled);
        stand.clock.advance(WHILE);
        assert!(stand.claim_all().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_task_that_is_released_is_cancelled() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a", "b"]).await;
        let leases = stand.claim_all().await;
        cancel(stand, tasks[0].head.id).await;
        for (lease, finished) in leases.into_iter().zip([0, 1]) {
            let id = lease.task.id;
            let released = stand.store.release(vec![(lease.token, lease.task)]).await.expect("releases");
            assert_eq!(released.cancelled.iter().map(|task| task.id).collect::<Vec<_>>(), [id]);
            assert_eq!(released.finished.len(), finished);
        }
        assert_eq!(stand.store.counts().cancelled, 2);
        assert!(stand.claim_all().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_task_whose_attempt_succeeds_is_delivered() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a"]).await;
        let lease = stand.claim_all().await.remove(0);
        cancel(stand, tasks[0].head.id).await;
        assert!(matches!(stand.settle(&lease, Disposition::Delivered).await, Settled::Finished(_)));
        assert_eq!(stand.state(&tasks[0]).await, TaskState::Delivered);
    })
    .await;
}

#[tokio::test]
async fn cancelling_what_is_unknown_or_finished_changes_nothing() {
    on_every_store(Limits::default(), async |stand| {
        assert_eq!(cancel(stand, NotificationId::from_bits(7)).await, Cancelled::default());
        let tasks = stand.put(&["a"]).await;
        let lease = stand.claim_all().await.remove(0);
        stand.settle(&lease, Disposition::Delivered).await;
        assert_eq!(cancel(stand, tasks[0].head.id).await, Cancelled::default());
        assert_eq!(stand.state(&tasks[0]).await, TaskState::Delivered);
    })
    .await;
}
