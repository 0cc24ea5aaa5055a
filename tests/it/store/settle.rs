//! What a result changes, and that a late one changes nothing.

use std::sync::Arc;

use notifyhub::{
    TaskState,
    store::{Lease, Settled, Settlement},
    task::{DeadReason, Disposition},
};

use super::stand::{Limits, Stand, WHILE, assert_same, claimed_tasks, on_every_store};

#[tokio::test]
async fn every_disposition_leads_to_its_state_and_is_counted() {
    on_every_store(Limits::default(), async |stand| {
        let dead = DeadReason::OutOfAttempts;
        let due = stand.moment(WHILE);
        for (disposition, expected) in [
            (Disposition::Delivered, TaskState::Delivered),
            (Disposition::Dead(dead), TaskState::Dead),
            (Disposition::Cancelled, TaskState::Cancelled),
            (Disposition::Expired, TaskState::Expired),
            (Disposition::Retry { due, counts: true }, TaskState::Waiting),
        ] {
            let tasks = stand.put(&["a"]).await;
            let lease = stand.claim_all().await.remove(0);
            let settled = stand.settle(&lease, disposition).await;
            let outcome = stand.find(&tasks[0]).await.expect("it is kept");
            let target = &outcome.targets[0];
            assert_eq!((target.state, target.attempts.len()), (expected, 1));
            assert_eq!(target.dead, (expected == TaskState::Dead).then_some(dead));
            assert_eq!(settled, if expected.is_final() { Settled::Finished(outcome) } else { Settled::Applied });
        }
        let counts = stand.store.counts();
        assert_eq!((counts.delivered, counts.dead, counts.cancelled, counts.expired, counts.waiting), (1, 1, 1, 1, 1));
    })
    .await;
}

#[tokio::test]
async fn a_notification_is_finished_by_the_last_of_its_tasks() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a", "b", "c"]).await;
        let leases = stand.claim_all().await;
        assert_eq!(stand.settle(&leases[2], Disposition::Expired).await, Settled::Applied);
        assert_eq!(stand.settle(&leases[0], Disposition::Delivered).await, Settled::Applied);
        let Settled::Finished(outcome) = stand.settle(&leases[1], Disposition::Delivered).await else { panic!("it is finished") };
        assert!(outcome.is_final());
        assert_eq!(stand.find(&tasks[0]).await, Some(outcome));
    })
    .await;
}

#[tokio::test]
async fn a_stale_token_changes_nothing_and_is_counted() {
    on_every_store(Limits::default(), async |stand| {
        let task = stand.put(&["a"]).await[0].clone();
        let old = stand.claim_all().await.remove(0);
        stand.store.release(vec![(old.token, task.clone())]).await.expect("releases");
        assert_eq!(stand.settle(&old, Disposition::Delivered).await, Settled::Stale);
        let new = stand.claim_all().await.remove(0);
        assert_eq!(stand.settle(&old, Disposition::Dead(DeadReason::Ambiguous)).await, Settled::Stale);
        stand.store.release(vec![(old.token, task.clone())]).await.expect("changes nothing");
        assert_eq!((stand.state(&task).await, stand.store.counts().stale), (TaskState::Leased, 2));
        assert!(matches!(stand.settle(&new, Disposition::Delivered).await, Settled::Finished(_)));
        assert_eq!(stand.settle(&new, Disposition::Delivered).await, Settled::Stale);
        let outcome = stand.find(&task).await.expect("it is kept");
        assert_eq!((outcome.targets[0].attempts.len(), stand.store.counts().stale), (1, 3));
    })
    .await;
}

#[tokio::test]
async fn one_stale_settlement_does_not_keep_the_others_of_its_call_from_being_written() {
    on_every_store(Limits::default(), async |stand| {
        stand.put(&["a"]).await;
        stand.put(&["a"]).await;
        let leases = stand.claim_all().await;
        stand.settle(&leases[0], Disposition::Delivered).await;
        let call: Arc<[_]> = leases.iter().map(|lease| stand.settlement(lease, Disposition::Delivered)).collect();
        let settled = stand.store.settle(&call).await.expect("settles");
        assert!(matches!(&settled[..], [Settled::Stale, Settled::Finished(_)]), "{settled:?}");
    })
    .await;
}

#[tokio::test]
async fn a_released_task_takes_its_old_place_without_an_attempt() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a", "a", "a"]).await;
        let leases = stand.claim_all().await;
        for lease in [&leases[1], &leases[0]] {
            let released = stand.store.release(vec![(lease.token, lease.task.clone())]).await.expect("releases");
            assert!(released.cancelled.is_empty() && released.finished.is_empty());
        }
        let again = stand.claim_all().await;
        assert_same(&claimed_tasks(&again), &tasks[..2]);
        assert!(again.iter().all(|lease| (lease.counted, lease.tries) == (0, 0)));
        assert_ne!(again[0].token, leases[0].token);
    })
    .await;
}

#[tokio::test]
async fn a_retry_waits_for_its_time_and_then_takes_its_old_place() {
    on_every_store(Limits::default(), async |stand| {
        let first = stand.put(&["a"]).await;
        let lease = stand.claim_all().await.remove(0);
        stand.settle(&lease, Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
        let second = stand.put(&["a"]).await;
        stand.clock.advance(WHILE);
        assert_same(&claimed_tasks(&stand.claim_all().await), &[first[0].clone(), second[0].clone()]);
    })
    .await;
}

#[tokio::test]
async fn a_retry_that_does_not_count_is_a_try_all_the_same() {
    on_every_store(Limits::default(), async |stand| {
        stand.put(&["a"]).await;
        for (counts, expected) in [(true, (1, 1)), (false, (1, 2)), (true, (2, 3))] {
            let lease = stand.claim_all().await.remove(0);
            stand.settle(&lease, Disposition::Retry { due: stand.moment(WHILE), counts }).await;
            assert!(stand.claim_all().await.is_empty());
            stand.clock.advance(WHILE);
            let again = stand.claim_all().await.remove(0);
            assert_eq!((again.counted, again.tries), expected);
            stand.store.release(vec![(again.token, again.task)]).await.expect("releases");
        }
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_is_kept_after_an_attempt_is_the_same_claim_and_to_be_told_twice_changes_nothing_more() {
    on_every_store(Limits::default(), async |stand| {
        let task = stand.put(&["a"]).await[0].clone();
        let lease = stand.claim_all().await.remove(0);
        let kept = keeping(stand, &lease);
        let keep = || async { stand.store.settle(&kept).await.expect("settles").remove(0) };
        let settled = keep().await;
        assert_eq!(stand.find(&task).await.expect("known").targets[0].attempts.len(), 1);
        assert_eq!((settled, keep().await), (Settled::Kept, Settled::Kept));
        assert_eq!(stand.find(&task).await.expect("known").targets[0].attempts.len(), 1);
        stand.clock.advance(WHILE);
        assert!(stand.claim_all().await.is_empty(), "it is still claimed");
        stand.assert_counts_add_up();
        assert_eq!(stand.store.counts().leased, 1);
        let Settled::Finished(outcome) = stand.settle(&lease, Disposition::Delivered).await else {
            unreachable!("it is the last")
        };
        assert_eq!((outcome.targets[0].state, outcome.targets[0].attempts.len()), (TaskState::Delivered, 2));
    })
    .await;
}

#[tokio::test]
async fn a_claim_that_was_cancelled_meanwhile_is_not_kept() {
    on_every_store(Limits::default(), async |stand| {
        let task = stand.put(&["a"]).await[0].clone();
        let lease = stand.claim_all().await.remove(0);
        stand.store.cancel(task.head.id).await.expect("marked");
        let settled = stand.store.settle(&keeping(stand, &lease)).await.expect("settles");
        assert!(
            matches!(&settled[..], [Settled::Finished(outcome)] if outcome.targets[0].state == TaskState::Cancelled),
            "{settled:?}"
        );
    })
    .await;
}

/// An attempt that failed, after which the claim is to be kept.
pub fn keeping(stand: &Stand, lease: &Lease) -> Arc<[Settlement]> {
    let again = Disposition::Retry { due: stand.moment(WHILE), counts: true };
    let keeps = Lease { counted: lease.counted + 1, tries: lease.tries + 1, ..lease.clone() };
    Arc::new([Settlement { keeps: Some(keeps), ..stand.settlement(lease, again) }])
}
