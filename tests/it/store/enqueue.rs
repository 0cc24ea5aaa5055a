//! Storing: all or nothing, a bound, and each idempotency key once.

use std::time::Duration;

use notifyhub::{
    TaskState,
    store::{Enqueued, StoreError, Submission},
};

use super::stand::{Limits, Stand, WHILE, on_every_store};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn keyed(stand: &Stand, key: &str, content: u64) -> Submission {
    Submission { idempotency: Some((key.into(), content)), ..stand.submission(&["a"]) }
}

#[tokio::test]
async fn a_stored_notification_has_all_its_tasks_waiting() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a", "b", "a"]).await;
        let outcome = stand.find(&tasks[0]).await.expect("it is stored");
        let found: Vec<_> = outcome.targets.iter().map(|target| (target.task, target.state)).collect();
        let expected: Vec<_> = tasks.iter().map(|task| (task.id, TaskState::Waiting)).collect();
        assert_eq!(found, expected);
        assert_eq!((stand.store.counts().accepted, stand.store.counts().waiting), (3, 3));
    })
    .await;
}

#[tokio::test]
async fn a_call_the_store_has_no_room_for_is_refused_whole() {
    on_every_store(Limits { waiting_max: 3, ..Limits::default() }, async |stand| {
        stand.put(&["a", "a"]).await;
        let (fits, too_much) = (stand.submission(&["a"]), stand.submission(&["b"]));
        let ids = [fits.head.id, too_much.head.id];
        let refused = stand.store.enqueue(vec![fits, too_much]).await;
        assert_eq!(refused, Err(StoreError::Full { waiting: 2, max: 3 }));
        for id in ids {
            assert_eq!(stand.store.find(id).await, Ok(None));
        }
        assert_eq!((stand.store.counts().accepted, stand.claim_all().await.len()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_store_that_was_full_takes_more_once_something_was_claimed() {
    on_every_store(Limits { waiting_max: 1, ..Limits::default() }, async |stand| {
        stand.put(&["a"]).await;
        assert!(stand.enqueue(stand.submission(&["a"])).await.is_err());
        stand.claim_all().await;
        stand.put(&["a"]).await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_call_leaves_no_idempotency_key_behind() {
    on_every_store(Limits { waiting_max: 1, ..Limits::default() }, async |stand| {
        stand.put(&["a"]).await;
        assert!(stand.enqueue(keyed(stand, "k", 1)).await.is_err());
        stand.claim_all().await;
        assert_eq!(stand.enqueue(keyed(stand, "k", 2)).await, Ok(Enqueued::Stored));
    })
    .await;
}

#[tokio::test]
async fn the_same_key_with_the_same_content_is_known_and_with_other_content_a_conflict() {
    on_every_store(Limits::default(), async |stand| {
        let first = keyed(stand, "k", 1);
        let id = first.head.id;
        let calls = vec![first, keyed(stand, "k", 1), keyed(stand, "k", 2), keyed(stand, "other", 1)];
        let answers = [Enqueued::Stored, Enqueued::Known(id), Enqueued::Conflict(id), Enqueued::Stored];
        assert_eq!(stand.store.enqueue(calls).await.as_deref(), Ok(&answers[..]));
        assert_eq!(stand.enqueue(keyed(stand, "k", 2)).await, Ok(Enqueued::Conflict(id)));
        assert_eq!((stand.store.counts().accepted, stand.claim_all().await.len()), (2, 2));
    })
    .await;
}

#[tokio::test]
async fn a_full_store_still_answers_for_what_it_has() {
    on_every_store(Limits { waiting_max: 1, ..Limits::default() }, async |stand| {
        let first = keyed(stand, "k", 1);
        let id = first.head.id;
        assert_eq!(stand.enqueue(first).await, Ok(Enqueued::Stored));
        assert_eq!(stand.enqueue(keyed(stand, "k", 1)).await, Ok(Enqueued::Known(id)));
    })
    .await;
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    on_every_store(Limits::default(), async |stand| {
        let first = keyed(stand, "k", 1);
        let id = first.head.id;
        assert_eq!(stand.enqueue(first).await, Ok(Enqueued::Stored));
        stand.clock.advance(DAY - WHILE);
        assert_eq!(stand.enqueue(keyed(stand, "k", 2)).await, Ok(Enqueued::Conflict(id)));
        stand.clock.advance(WHILE);
        assert_eq!(stand.enqueue(keyed(stand, "k", 2)).await, Ok(Enqueued::Stored));
    })
    .await;
}
