//! Order keys, replace keys and content that repeats itself.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    TaskState,
    store::{Cancelled, Enqueued, Keys},
    task::{DeadReason, Disposition, Task},
};

use super::stand::{Limits, Stand, WHILE, assert_same, claimed_tasks, on_every_store};

async fn put(stand: &Stand, lanes: &[&str], keys: Keys) -> (Arc<[Arc<Task>]>, Enqueued) {
    let mut submission = stand.submission(lanes);
    submission.keys = keys;
    let tasks = submission.tasks.clone();
    (tasks, stand.enqueue(submission).await.expect("stored"))
}

fn ordered(key: &str) -> Keys {
    Keys { order: Some(key.into()), ..Keys::default() }
}

fn replacing(key: &str) -> Keys {
    Keys { replace: Some(key.into()), ..Keys::default() }
}

fn once(content: u64, window: Duration) -> Keys {
    Keys { dedupe: Some((content, window)), ..Keys::default() }
}

#[tokio::test]
async fn of_one_order_key_the_next_goes_when_the_one_before_is_final() {
    on_every_store(Limits::default(), async |stand| {
        let mut tasks = Vec::new();
        for _ in 0..4 {
            tasks.push(put(stand, &["a"], ordered("k")).await.0[0].clone());
        }
        for (task, disposition) in tasks.iter().zip([
            Disposition::Delivered,
            Disposition::Dead(DeadReason::OutOfAttempts),
            Disposition::Expired,
            Disposition::Delivered,
        ]) {
            let leases = stand.claim_all().await;
            assert_same(&claimed_tasks(&leases), std::slice::from_ref(task));
            stand.settle(&leases[0], disposition).await;
        }
        assert!(stand.claim_all().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_retry_keeps_its_successors_waiting() {
    on_every_store(Limits::default(), async |stand| {
        let first = put(stand, &["a"], ordered("k")).await.0;
        put(stand, &["a"], ordered("k")).await;
        let lease = stand.claim_all().await.remove(0);
        stand.settle(&lease, Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
        assert!(stand.claim_all().await.is_empty());
        stand.clock.advance(WHILE);
        assert_same(&claimed_tasks(&stand.claim_all().await), &first);
    })
    .await;
}

#[tokio::test]
async fn other_keys_other_platforms_and_no_key_wait_for_nobody() {
    on_every_store(Limits::default(), async |stand| {
        let first = put(stand, &["a", "b"], ordered("k")).await.0;
        put(stand, &["a"], ordered("k")).await;
        let other = put(stand, &["a"], ordered("other")).await.0;
        let plain = stand.put(&["a"]).await;
        let mut claimed: Vec<_> = claimed_tasks(&stand.claim_all().await).iter().map(|task| task.id).collect();
        claimed.sort_unstable();
        assert_eq!(claimed, [first[0].id, first[1].id, other[0].id, plain[0].id]);
    })
    .await;
}

#[tokio::test]
async fn what_is_cancelled_or_not_due_yet_keeps_its_place_in_the_order() {
    on_every_store(Limits::default(), async |stand| {
        let first = put(stand, &["a"], ordered("k")).await.0;
        let second = put(stand, &["a"], ordered("k")).await.0;
        let mut later = stand.submission_due(&["a"], Some(stand.moment(WHILE)));
        later.keys = ordered("k");
        let third = later.tasks.clone();
        stand.enqueue(later).await.expect("stored");
        let fourth = put(stand, &["a"], ordered("k")).await.0;
        let lease = stand.claim_all().await.remove(0);
        assert_eq!(lease.task.id, first[0].id);
        assert_eq!(stand.store.cancel(second[0].head.id).await.expect("cancels").cancelled, second.to_vec());
        stand.settle(&lease, Disposition::Delivered).await;
        assert!(stand.claim_all().await.is_empty(), "the third waits for its time, and the fourth for the third");
        stand.clock.advance(WHILE);
        let lease = stand.claim_all().await.remove(0);
        assert_eq!(lease.task.id, third[0].id);
        stand.settle(&lease, Disposition::Delivered).await;
        assert_same(&claimed_tasks(&stand.claim_all().await), &fourth);
    })
    .await;
}

#[tokio::test]
async fn a_newer_one_with_the_same_replace_key_cancels_what_waits_of_the_older() {
    on_every_store(Limits::default(), async |stand| {
        let (old, stored) = put(stand, &["a", "b"], replacing("k")).await;
        assert_eq!(stored, Enqueued::Stored);
        let (other, _) = put(stand, &["a"], replacing("other")).await;
        let (new, stored) = put(stand, &["a"], replacing("k")).await;
        let finished = stand.find(&old[0]).await;
        let expected = Cancelled { cancelled: old.to_vec(), under_way: vec![], finished };
        assert_eq!(stored, Enqueued::StoredInstead([expected].into()));
        let mut claimed = claimed_tasks(&stand.claim_all().await);
        claimed.sort_unstable_by_key(|task| task.id);
        assert_same(&claimed, &[other[0].clone(), new[0].clone()]);
    })
    .await;
}

#[tokio::test]
async fn what_is_being_sent_of_the_older_is_not_tried_again_and_what_is_finished_stays() {
    on_every_store(Limits::default(), async |stand| {
        let (old, _) = put(stand, &["a"], replacing("k")).await;
        let lease = stand.claim_all().await.remove(0);
        let (newer, stored) = put(stand, &["a"], replacing("k")).await;
        let reached = Cancelled { under_way: vec![old[0].id], ..Cancelled::default() };
        assert_eq!(stored, Enqueued::StoredInstead([reached].into()));
        stand.settle(&lease, Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
        assert_eq!(stand.state(&old[0]).await, TaskState::Cancelled);
        let lease = stand.claim_all().await.remove(0);
        stand.settle(&lease, Disposition::Delivered).await;
        assert_eq!(put(stand, &["a"], replacing("k")).await.1, Enqueued::Stored);
        assert_eq!(stand.state(&newer[0]).await, TaskState::Delivered);
    })
    .await;
}

#[tokio::test]
async fn the_same_content_to_the_same_target_is_accepted_once_within_the_window() {
    on_every_store(Limits::default(), async |stand| {
        let (first, stored) = put(stand, &["a"], once(1, 2 * WHILE)).await;
        assert_eq!(stored, Enqueued::Stored);
        let known = Enqueued::Known(first[0].head.id);
        assert_eq!(put(stand, &["a"], once(1, 2 * WHILE)).await.1, known);
        assert_eq!(put(stand, &["a"], once(2, 2 * WHILE)).await.1, Enqueued::Stored, "other content");
        assert_eq!(put(stand, &["b"], once(1, 2 * WHILE)).await.1, Enqueued::Stored, "another target");
        stand.clock.advance(WHILE);
        assert_eq!(put(stand, &["a"], once(1, 2 * WHILE)).await.1, known, "the window begins with what was accepted");
        stand.clock.advance(WHILE);
        assert_eq!(put(stand, &["a"], once(1, 2 * WHILE)).await.1, Enqueued::Stored);
        assert_eq!(stand.store.counts().accepted, 4);
    })
    .await;
}

#[tokio::test]
async fn targets_that_repeat_others_are_cancelled_and_the_new_ones_are_not() {
    on_every_store(Limits::default(), async |stand| {
        put(stand, &["a"], once(1, WHILE)).await;
        stand.claim_all().await;
        let (tasks, stored) = put(stand, &["a", "b"], once(1, WHILE)).await;
        let reached = Cancelled { cancelled: vec![tasks[0].clone()], ..Cancelled::default() };
        assert_eq!(stored, Enqueued::StoredInstead([reached].into()));
        assert_eq!(stand.state(&tasks[0]).await, TaskState::Cancelled);
        let lease = stand.claim_all().await.remove(0);
        assert_eq!(lease.task.id, tasks[1].id);
        stand.settle(&lease, Disposition::Delivered).await;
        assert!(stand.find(&tasks[0]).await.is_some_and(|outcome| outcome.is_final()));
    })
    .await;
}
