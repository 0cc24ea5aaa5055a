//! Claiming: credits, order within a lane, and due times.

use std::{collections::HashSet, sync::Arc, time::SystemTime};

use notifyhub::{
    Message, Priority, TaskState,
    store::Claimed,
    task::{Head, Task},
};

use super::stand::{Limits, Stand, WHILE, assert_same, claimed_tasks, credits, lane, on_every_store};

#[tokio::test]
async fn a_claimed_task_is_leased_and_claimed_by_nobody_else() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put(&["a"]).await;
        let leases = stand.claim_all().await;
        assert_same(&claimed_tasks(&leases), &tasks);
        assert_eq!((leases[0].counted, leases[0].tries), (0, 0));
        assert_eq!(stand.state(&tasks[0]).await, TaskState::Leased);
        assert!(stand.claim_all().await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_lane_gets_its_own_credit_and_every_other_lane_the_common_one() {
    on_every_store(Limits::default(), async |stand| {
        for _ in 0..4 {
            stand.put(&["a", "b", "c", "d"]).await;
        }
        let claimed = stand.claim(credits(100, &[("a", 3), ("b", 0)], 2)).await;
        let of = |name: &str| claimed.leases.iter().filter(|lease| lease.task.lane == lane(name)).count();
        assert_eq!(["a", "b", "c", "d"].map(of), [3, 0, 2, 2]);
    })
    .await;
}

#[tokio::test]
async fn no_more_is_claimed_than_the_total() {
    on_every_store(Limits::default(), async |stand| {
        for _ in 0..3 {
            stand.put(&["a", "b"]).await;
        }
        for (total, expected) in [(0, 0), (4, 4), (100, 2)] {
            assert_eq!(stand.claim(credits(total, &[("a", 100)], 100)).await.leases.len(), expected);
        }
    })
    .await;
}

#[tokio::test]
async fn the_lanes_on_which_due_tasks_were_left_are_named() {
    on_every_store(Limits::default(), async |stand| {
        stand.put(&["a", "a", "b", "c"]).await;
        stand.put_due(&["later"], Some(stand.moment(WHILE))).await;
        let left = |claimed: Claimed| claimed.left.into_iter().collect::<HashSet<_>>();
        let first = stand.claim(credits(100, &[("a", 1), ("c", 0)], 5)).await;
        assert_eq!(left(first), HashSet::from([lane("a"), lane("c")]));
        assert_eq!(left(stand.claim(credits(0, &[], 5)).await), HashSet::from([lane("a"), lane("c")]));
        assert_eq!(left(stand.claim(credits(2, &[], 5)).await), HashSet::new());
    })
    .await;
}

#[tokio::test]
async fn tasks_of_one_lane_come_in_the_order_they_were_accepted() {
    on_every_store(Limits::default(), async |stand| {
        let mut expected = Vec::new();
        for _ in 0..5 {
            expected.extend(stand.put(&["a", "a"]).await.iter().cloned());
        }
        let mut claimed = Vec::new();
        for credit in [1, 3, 0, 2, 100] {
            claimed.extend(claimed_tasks(&stand.claim(credits(100, &[("a", credit)], 0)).await.leases));
        }
        assert_same(&claimed, &expected);
    })
    .await;
}

#[tokio::test]
async fn what_is_urgent_goes_first_and_what_has_waited_long_is_not_overtaken() {
    on_every_store(Limits::default(), async |stand| {
        let put = async |priority| {
            let say = |head: &mut Head| head.message = Arc::new(Message::text("disk full").priority(priority));
            stand.put_with(&["a"], say).await[0].clone()
        };
        let old = put(Priority::Normal).await;
        stand.clock.advance(90 * WHILE);
        let (low, normal, high) = (put(Priority::Low).await, put(Priority::Normal).await, put(Priority::High).await);
        let urgent = put(Priority::Urgent).await;
        assert_same(&claimed_tasks(&stand.claim_all().await), &[old, urgent, high, normal, low]);
    })
    .await;
}

#[tokio::test]
async fn where_the_newest_go_first_they_do_but_for_what_is_urgent() {
    on_every_store(Limits::default(), async |stand| {
        let put = async |priority| {
            let say = |head: &mut Head| head.message = Arc::new(Message::text("disk full").priority(priority));
            let mut submission = stand.submission_with(&["a", "b"], say);
            submission.keys.newest_first = vec![0];
            let task = submission.tasks[0].clone();
            stand.enqueue(submission).await.expect("stored");
            stand.clock.advance(WHILE);
            task
        };
        let old = [put(Priority::Normal).await, put(Priority::Normal).await];
        let urgent = put(Priority::Urgent).await;
        stand.clock.advance(30 * WHILE);
        let fresh = [put(Priority::Normal).await, put(Priority::Low).await, put(Priority::Normal).await];
        let claimed = claimed_tasks(&stand.claim_all().await);
        let of = |name: &str| claimed.iter().filter(|task| task.lane == lane(name)).cloned().collect::<Vec<_>>();
        let [first, low, last] = fresh;
        let [oldest, older] = old;
        assert_same(&of("a"), &[urgent, last, first, low, older, oldest]);
        let places: Vec<_> = of("b").iter().map(|task| task.head.accepted_at).collect();
        assert_eq!(places.len(), 6);
        assert!(places[0] > places[1], "urgent first, then the oldest");
    })
    .await;
}

#[tokio::test]
async fn a_task_waits_for_its_time_and_the_next_time_is_named() {
    on_every_store(Limits::default(), async |stand| {
        let (soon, later) = (stand.moment(2 * WHILE), stand.moment(4 * WHILE));
        let last = stand.put_due(&["a"], Some(later)).await;
        let first = stand.put_due(&["a"], Some(soon)).await;
        assert_due(stand, &[], Some(soon)).await;
        stand.clock.advance(2 * WHILE);
        assert_due(stand, &first, Some(later)).await;
        stand.clock.advance(2 * WHILE);
        assert_due(stand, &last, None).await;
    })
    .await;
}

async fn assert_due(stand: &Stand, expected: &[Arc<Task>], next: Option<SystemTime>) {
    let claimed = stand.claim(credits(100, &[], 100)).await;
    assert_same(&claimed_tasks(&claimed.leases), expected);
    assert_eq!(claimed.next_due, next);
}

#[tokio::test]
async fn a_task_whose_time_has_come_takes_the_place_it_was_accepted_at() {
    on_every_store(Limits::default(), async |stand| {
        let timed = stand.put_due(&["a"], Some(stand.moment(WHILE))).await;
        let plain = stand.put(&["a"]).await;
        stand.clock.advance(WHILE);
        assert_same(&claimed_tasks(&stand.claim_all().await), &[timed[0].clone(), plain[0].clone()]);
    })
    .await;
}

#[tokio::test]
async fn a_time_that_has_passed_is_no_reason_to_wait() {
    on_every_store(Limits::default(), async |stand| {
        let tasks = stand.put_due(&["a"], Some(SystemTime::UNIX_EPOCH)).await;
        assert_same(&claimed_tasks(&stand.claim_all().await), &tasks);
    })
    .await;
}
