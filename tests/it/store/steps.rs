//! Tasks with several ways: each step has its time, and one after the other is claimable.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    TaskState,
    clock::Clock,
    store::{Credits, Enqueued, Lease, Settled, TaskFilter},
    task::{DeadReason, Disposition, Failover, Step, StepReason, Task},
};
use notifyhub_platforms::contract::ErrorKind;

use super::stand::{Limits, Stand, WHILE, credits, lane, on_every_store, sqlite_stand};

const STEP: Duration = Duration::from_secs(3600);
const REFUSED: StepReason = StepReason::Failed(DeadReason::Refused(ErrorKind::InvalidRecipient));

fn failover(lanes: &[&str]) -> Failover {
    let step = |name: &&str| Step { lane: lane(name), recipient: Some("ada".into()) };
    Failover { task: 0, route: "critical".into(), step_timeout: STEP, steps: lanes.iter().map(step).collect() }
}

/// Stores a notification with one task that has these ways.
async fn put(stand: &Stand, lanes: &[&str]) -> Arc<Task> {
    stand.put_with(&lanes[..1], |head| head.failovers = [failover(lanes)].into_iter().collect()).await[0].clone()
}

fn where_claimed(leases: &[Lease]) -> Vec<String> {
    leases.iter().map(|lease| lease.task.lane.to_string()).collect()
}

/// Whether so much is left of a step's time, but for what the test has taken.
fn ends_in(stand: &Stand, lease: &Lease, left: Duration) -> bool {
    lease.task.until.is_some_and(|until| until <= stand.moment(left) && until + WHILE > stand.moment(left))
}

async fn claim_one(stand: &Stand) -> Lease {
    let mut leases = stand.claim_all().await;
    assert_eq!(leases.len(), 1, "{leases:?}");
    leases.remove(0)
}

#[tokio::test]
async fn a_task_that_takes_its_next_step_is_claimed_there_with_its_story_and_new_attempts() {
    on_every_store(Limits::default(), async |stand| {
        let task = put(stand, &["a", "b", "c"]).await;
        let first = claim_one(stand).await;
        assert!(ends_in(stand, &first, STEP), "its time is known");
        let retry = Disposition::Retry { due: stand.moment(WHILE), counts: true };
        assert_eq!(stand.settle(&first, retry).await, Settled::Applied);
        stand.clock.advance(WHILE);
        let second = claim_one(stand).await;
        assert_eq!((second.counted, second.tries), (1, 1));
        assert_eq!(stand.settle(&second, Disposition::NextStep(REFUSED)).await, Settled::Applied);
        let third = claim_one(stand).await;
        assert_eq!((third.task.lane.clone(), third.counted, third.tries), (lane("b"), 0, 2));
        assert!(ends_in(stand, &third, STEP), "each step has its own time");
        assert!(matches!(stand.settle(&third, Disposition::Delivered).await, Settled::Finished(_)));
        let outcome = stand.find(&task).await.expect("known");
        let target = &outcome.targets[0];
        assert_eq!((target.target(), target.state, target.attempts.len()), ("b:ada".into(), TaskState::Delivered, 3));
        let left: Vec<_> = target.left.iter().map(|step| (&*step.route, &*step.target, step.attempts, step.why)).collect();
        assert_eq!(left, [("critical", "a:ada", 2, REFUSED)]);
        let listed = stand.store.list(&TaskFilter::default(), None, 10).await.expect("lists");
        assert_eq!(&listed.tasks[0].outcome, target);
    })
    .await;
}

#[tokio::test]
async fn what_may_wait_at_its_step_no_longer_is_claimed_without_credit() {
    on_every_store(Limits::default(), async |stand| {
        put(stand, &["a", "b"]).await;
        assert!(stand.claim(credits(10, &[("a", 0)], 10)).await.leases.is_empty());
        stand.clock.advance(STEP);
        let leases = stand.claim(credits(10, &[("a", 0)], 10)).await.leases;
        assert_eq!(where_claimed(&leases), ["a"]);
        assert_eq!(leases[0].task.ending(stand.clock.wall()), Some(Disposition::NextStep(StepReason::Late)));
        stand.settle(&leases[0], Disposition::NextStep(StepReason::Late)).await;
        let last = claim_one(stand).await;
        assert_eq!((last.task.lane.clone(), last.task.until), (lane("b"), None), "the last has all the time there is");
        let _ = stand.store.release(vec![(last.token, last.task)]).await.expect("released");
        stand.clock.advance(10 * STEP);
        assert_eq!(claim_one(stand).await.task.ending(stand.clock.wall()), None);
    })
    .await;
}

#[tokio::test]
async fn what_has_another_way_than_a_shut_lane_is_claimed_without_credit_and_nothing_else_is() {
    on_every_store(Limits::default(), async |stand| {
        stand.put(&["a"]).await;
        stand.put_with(&["a"], |head| head.expires_at = Some(stand.moment(STEP))).await;
        let task = put(stand, &["a", "b"]).await;
        put(stand, &["c", "b"]).await;
        let shut = Credits { shut: vec![lane("a")], ..credits(10, &[("a", 0), ("c", 0)], 0) };
        let claimed = stand.claim(shut.clone()).await;
        assert_eq!(claimed.leases.iter().map(|lease| lease.task.id).collect::<Vec<_>>(), [task.id]);
        assert!(stand.claim(shut).await.leases.is_empty(), "once");
    })
    .await;
}

#[tokio::test]
async fn a_step_that_begins_later_has_its_time_from_then_on() {
    on_every_store(Limits::default(), async |stand| {
        let begins = stand.moment(STEP);
        let mut submission = stand.submission_with(&["a"], |head| {
            (head.not_before, head.failovers) = (Some(begins), [failover(&["a", "b"])].into_iter().collect());
        });
        let task = Task { until: Some(begins + STEP), ..Task::clone(&submission.tasks[0]) };
        submission.tasks = Arc::new([Arc::new(task)]);
        assert_eq!(stand.enqueue(submission).await, Ok(Enqueued::Stored));
        stand.clock.advance(STEP);
        let lease = claim_one(stand).await;
        assert_eq!((lease.task.ending(stand.clock.wall()), lease.task.until), (None, Some(begins + STEP)));
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_task_takes_no_step() {
    on_every_store(Limits::default(), async |stand| {
        let task = put(stand, &["a", "b"]).await;
        let lease = claim_one(stand).await;
        stand.store.cancel(task.head.id).await.expect("cancels");
        assert!(matches!(stand.settle(&lease, Disposition::NextStep(REFUSED)).await, Settled::Finished(_)));
        assert_eq!(stand.state(&task).await, TaskState::Cancelled);
        assert_eq!(stand.settle(&lease, Disposition::NextStep(REFUSED)).await, Settled::Stale);
    })
    .await;
}

#[tokio::test]
async fn a_dead_task_that_is_requeued_is_tried_where_it_died_with_all_the_time_there_is() {
    on_every_store(Limits::default(), async |stand| {
        let task = put(stand, &["a", "b"]).await;
        let lease = claim_one(stand).await;
        stand.settle(&lease, Disposition::Dead(DeadReason::Ambiguous)).await;
        assert_eq!(stand.store.requeue(&TaskFilter::default(), 10).await, Ok(1));
        stand.clock.advance(2 * STEP);
        let again = claim_one(stand).await;
        assert_eq!((again.task.lane.clone(), again.task.until), (lane("a"), None));
        stand.settle(&again, Disposition::NextStep(REFUSED)).await;
        let last = claim_one(stand).await;
        stand.settle(&last, Disposition::Delivered).await;
        assert_eq!(stand.state(&task).await, TaskState::Delivered);
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_opened_again_knows_steps_and_their_time() {
    let (folder, clock) = (tempfile::TempDir::new().expect("a folder"), notifyhub::testing::MovedClock::new());
    let first = sqlite_stand(folder.path(), &clock);
    for ways in [["a", "b"], ["c", "d"]] {
        put(&first, &ways).await;
    }
    let leases = first.claim_all().await;
    assert_eq!(where_claimed(&leases), ["a", "c"]);
    first.settle(&leases[0], Disposition::NextStep(REFUSED)).await;
    drop(first);
    let again = sqlite_stand(folder.path(), &clock);
    clock.advance(STEP);
    let mut leases = again.claim_all().await;
    leases.sort_by_key(|lease| lease.task.lane.clone());
    let found: Vec<_> = leases.iter().map(|lease| (lease.task.lane.to_string(), lease.task.until.is_some())).collect();
    assert_eq!(found, [("b".to_owned(), false), ("c".to_owned(), true)]);
    assert_eq!(leases[1].task.ending(clock.wall()), Some(Disposition::NextStep(StepReason::Late)));
}
