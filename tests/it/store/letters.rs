//! Lists, and dead letters: requeued or dropped, one or all that a filter means.

use std::sync::Arc;

use notifyhub::{
    TaskState,
    store::{Cursor, ListedTask, Settled, StoreError, TaskFilter},
    task::{DeadReason, Disposition, Task},
};

use super::stand::{Limits, Stand, WHILE, assert_same, claimed_tasks, credits, on_every_store};

/// A notification whose only task died.
async fn dead(stand: &Stand, lane: &str) -> Arc<Task> {
    let task = stand.put(&[lane]).await[0].clone();
    let lease = stand.claim_all().await.into_iter().find(|lease| lease.task.id == task.id).expect("it is due");
    stand.settle(&lease, Disposition::Dead(DeadReason::OutOfAttempts)).await;
    task
}

/// All that `filter` means, page by page.
async fn list(stand: &Stand, filter: &TaskFilter, page: usize) -> Vec<ListedTask> {
    let (mut all, mut after): (Vec<ListedTask>, Option<Cursor>) = (Vec::new(), None);
    loop {
        let found = stand.store.list(filter, after.as_ref(), page).await.expect("lists");
        assert!(found.tasks.len() <= page);
        all.extend(found.tasks);
        match found.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn ids(tasks: &[ListedTask]) -> Vec<notifyhub::TaskId> {
    tasks.iter().map(|task| task.outcome.task).collect()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_newest_first_and_misses_nothing() {
    on_every_store(Limits::default(), async |stand| {
        let mut expected = Vec::new();
        for _ in 0..7 {
            stand.clock.advance(WHILE);
            expected.extend(stand.put(&["a", "b"]).await.iter().map(|task| task.id));
        }
        expected.reverse();
        for page in [1, 3, 14, 100] {
            assert_eq!(ids(&list(stand, &TaskFilter::default(), page).await), expected);
        }
        assert_eq!(stand.store.list(&TaskFilter::default(), Some(&Cursor("x".into())), 1).await, Err(StoreError::Cursor));
    })
    .await;
}

#[tokio::test]
async fn what_goes_before_a_task_on_its_lane_is_counted_up_to_a_bound() {
    on_every_store(Limits::default(), async |stand| {
        let mut tasks = Vec::new();
        for _ in 0..6 {
            stand.clock.advance(WHILE);
            tasks.extend(stand.put(&["a", "b"]).await.iter().cloned());
        }
        let later = stand.put_due(&["a"], Some(stand.moment(WHILE))).await[0].id;
        let before = async |task, max| stand.store.waiting_before(task, max).await.expect("counts");
        let of =
            |lane: &str| tasks.iter().filter(|task| task.lane.platform.as_str() == lane).map(|task| task.id).collect::<Vec<_>>();
        let (a, b) = (of("a"), of("b"));
        for (index, id) in a.iter().enumerate() {
            assert_eq!(before(*id, 100).await, Some(index));
        }
        assert_eq!(before(a[5], 3).await, Some(3), "no further than that");
        assert_eq!(
            (before(later, 100).await, before(a[0].notification().task(7), 100).await),
            (None, None),
            "not due, and unknown"
        );
        let claimed = stand.claim(credits(100, &[("a", 2)], 0)).await.leases;
        assert_eq!(claimed.len(), 2);
        assert_eq!((before(a[1], 100).await, before(a[2], 100).await, before(a[5], 100).await), (None, Some(0), Some(3)));
        assert_eq!(before(b[5], 100).await, Some(5), "another lane's are its own");
    })
    .await;
}

#[tokio::test]
async fn a_filter_means_what_it_says() {
    on_every_store(Limits::default(), async |stand| {
        let gone = dead(stand, "a").await;
        stand.clock.advance(WHILE);
        let middle = stand.moment(WHILE / 2);
        stand.clock.advance(WHILE);
        let sent = stand.put(&["b"]).await[0].clone();
        let leased = stand.claim_all().await.remove(0);
        let waiting = stand.put(&["a"]).await[0].clone();
        let later = stand.put_due(&["b"], Some(stand.moment(WHILE))).await[0].clone();
        let all = TaskFilter::default;
        for (filter, expected) in [
            (TaskFilter::dead(), vec![&gone]),
            (all().in_state(TaskState::Leased), vec![&sent]),
            (all().in_state(TaskState::Waiting), vec![&later, &waiting]),
            (all().in_state(TaskState::Delivered), vec![]),
            (TaskFilter { platform: Some("b".parse().expect("a name")), ..all() }, vec![&later, &sent]),
            (TaskFilter { platform: Some("nobody".parse().expect("a name")), ..all() }, vec![]),
            (TaskFilter { reason: Some("out_of_attempts".into()), ..all() }, vec![&gone]),
            (TaskFilter { reason: Some("ambiguous".into()), ..all() }, vec![]),
            (TaskFilter { since: Some(middle), ..all() }, vec![&later, &waiting, &sent]),
            (TaskFilter { until: Some(middle), ..all() }, vec![&gone]),
            (TaskFilter { ids: vec![waiting.id, gone.id, waiting.head.id.task(7)], ..all() }, vec![&waiting, &gone]),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|task| task.id).collect();
            assert_eq!(ids(&list(stand, &filter, 10).await), expected, "{filter:?}");
        }
        let listed = list(stand, &TaskFilter { ids: vec![later.id], ..all() }, 1).await.remove(0);
        assert_eq!((listed.due, listed.outcome.state), (later.head.not_before, TaskState::Waiting));
        stand.settle(&leased, Disposition::Delivered).await;
    })
    .await;
}

#[tokio::test]
async fn a_requeued_task_is_tried_again_with_all_its_attempts_before_it() {
    on_every_store(Limits::default(), async |stand| {
        let task = dead(stand, "a").await;
        let first = stand.put(&["a"]).await[0].clone();
        assert_eq!(stand.store.requeue(&TaskFilter { ids: vec![task.id], ..TaskFilter::default() }, 10).await, Ok(1));
        assert_eq!(stand.state(&task).await, TaskState::Waiting);
        let claimed = stand.claim_all().await;
        assert_same(&claimed_tasks(&claimed), &[first, task.clone()]);
        assert_eq!((claimed[1].counted, claimed[1].tries), (0, 1));
        assert_eq!(claimed[1].task.head.message, task.head.message);
        let Settled::Finished(outcome) = stand.settle(&claimed[1], Disposition::Delivered).await else {
            panic!("it is finished")
        };
        assert!(outcome.all_delivered() && outcome.targets[0].attempts.len() == 2, "{outcome:?}");
        assert_eq!(stand.store.requeue(&TaskFilter::default(), 10).await, Ok(0), "nothing is dead any more");
    })
    .await;
}

#[tokio::test]
async fn a_requeued_sibling_finishes_the_notification_again() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a", "b", "c"]).await;
        for (lease, disposition) in stand.claim_all().await.iter().zip([
            Disposition::Dead(DeadReason::OutOfAttempts),
            Disposition::Delivered,
            Disposition::Dead(DeadReason::OutOfAttempts),
        ]) {
            stand.settle(lease, disposition).await;
        }
        assert_eq!(stand.store.requeue(&TaskFilter::dead(), 10).await, Ok(2));
        let leases = stand.claim_all().await;
        assert_eq!(stand.settle(&leases[0], Disposition::Delivered).await, Settled::Applied);
        let settled = stand.settle(&leases[1], Disposition::Delivered).await;
        assert!(matches!(&settled, Settled::Finished(outcome) if outcome.all_delivered()), "{settled:?}");
        assert!(stand.find(&tasks[0]).await.is_some_and(|outcome| outcome.all_delivered()));
    })
    .await;
}

#[tokio::test]
async fn no_more_are_requeued_in_one_call_than_are_asked_for() {
    on_every_store(Limits::default(), async |stand| {
        for lane in ["a", "b", "a", "a"] {
            dead(stand, lane).await;
        }
        let of_a = TaskFilter { platform: Some("a".parse().expect("a name")), ..TaskFilter::dead() };
        for expected in [2, 1, 0] {
            assert_eq!(stand.store.requeue(&of_a, 2).await, Ok(expected));
        }
        assert_eq!((stand.store.counts().dead, stand.store.counts().waiting), (1, 3));
    })
    .await;
}

#[tokio::test]
async fn a_dropped_dead_letter_is_gone_and_its_siblings_are_not() {
    on_every_store(Limits::default(), async |stand| {
        let alone = dead(stand, "a").await;
        let tasks = stand.put(&["a", "b"]).await;
        let leases = stand.claim_all().await;
        stand.settle(&leases[0], Disposition::Dead(DeadReason::OutOfAttempts)).await;
        assert_eq!(stand.store.drop_dead(&TaskFilter::default(), 10).await, Ok(2));
        assert_eq!((list(stand, &TaskFilter::dead(), 10).await, stand.find(&alone).await), (vec![], None));
        stand.settle(&leases[1], Disposition::Delivered).await;
        let rest = stand.find(&tasks[0]).await.expect("a sibling is left");
        assert_eq!(rest.targets.iter().map(|target| target.task).collect::<Vec<_>>(), [leases[1].task.id]);
    })
    .await;
}
