//! A task that kills its process time after time is tried alone, and ends.

use notifyhub::{
    TaskState,
    store::arrivals,
    task::{DeadReason, Disposition},
    testing::MovedClock,
};

use super::{
    super::stand::{Stand, WHILE, claimed_tasks, credits},
    after_a_kill, new_file,
};

/// Kills `times` processes, each of which had claimed all it could.
async fn kill(folder: tempfile::TempDir, stand: Stand, clock: &MovedClock, times: usize) -> (tempfile::TempDir, Stand) {
    let mut last = (folder, stand);
    for _ in 0..times {
        last.1.claim_all().await;
        last = after_a_kill(last.0.path(), clock);
    }
    last
}

#[tokio::test]
async fn after_three_killed_processes_tasks_run_one_at_a_time() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let tasks = stand.put(&["a", "a", "b"]).await;
    let (_folder, stand) = kill(folder, stand, &clock, 3).await;
    let other = stand.put(&["a"]).await;
    for task in &*tasks {
        let alone = stand.claim_all().await;
        assert!(alone.iter().filter(|lease| tasks.contains(&lease.task)).map(|lease| lease.task.id).eq([task.id]));
        let lease = alone.into_iter().find(|lease| lease.task.id == task.id).expect("just seen");
        stand.settle(&lease, Disposition::Delivered).await;
    }
    assert_eq!(stand.state(&other[0]).await, TaskState::Leased);
}

#[tokio::test]
async fn after_five_killed_processes_a_task_is_dead_and_its_neighbours_are_not() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let tasks = stand.put(&["a", "a"]).await;
    let (_folder, stand) = kill(folder, stand, &clock, 5).await;
    let outcome = stand.find(&tasks[0]).await.expect("it is known");
    assert_eq!((outcome.targets[0].state, outcome.targets[0].dead), (TaskState::Dead, Some(DeadReason::Poison)));
    assert_eq!(outcome.targets[1].state, TaskState::Waiting, "it was not under way when the last two were killed");
    assert_eq!((stand.store.counts().dead, stand.store.counts().waiting), (1, 1));
    stand.assert_counts_add_up();
}

#[tokio::test]
async fn a_task_that_was_tried_and_failed_kills_nobody() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    stand.put(&["a"]).await;
    let (folder, stand) = kill(folder, stand, &clock, 4).await;
    let lease = stand.claim_all().await.remove(0);
    stand.settle(&lease, Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
    clock.advance(WHILE);
    let (_folder, stand) = kill(folder, stand, &clock, 2).await;
    assert_eq!(claimed_tasks(&stand.claim_all().await).len(), 1);
}

#[tokio::test]
async fn one_in_quarantine_needs_credit_of_its_lane_as_any_other() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    stand.put(&["a", "b"]).await;
    let (_folder, stand) = kill(folder, stand, &clock, 3).await;
    assert!(stand.claim(credits(0, &[], 5)).await.leases.is_empty());
    let claimed = stand.claim(credits(5, &[("a", 0)], 5)).await.leases;
    assert_eq!(claimed.iter().map(|lease| lease.task.lane.to_string()).collect::<Vec<_>>(), ["b"]);
}

#[tokio::test]
async fn the_next_in_quarantine_is_announced_when_one_has_ended() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    stand.put(&["a", "a"]).await;
    let (_folder, stand) = kill(folder, stand, &clock, 3).await;
    let (sender, mut receiver) = arrivals();
    stand.store.announce_to(sender);
    let lease = stand.claim_all().await.remove(0);
    receiver.bell.mark_unchanged();
    stand.settle(&lease, Disposition::Delivered).await;
    assert!(receiver.bell.has_changed().expect("the store is there"));
    assert_eq!(stand.claim_all().await.len(), 1);
}

#[tokio::test]
async fn a_lane_without_credit_is_named_if_one_in_quarantine_waits_on_it() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    stand.put(&["a"]).await;
    let (_folder, stand) = kill(folder, stand, &clock, 3).await;
    let claimed = stand.claim(credits(5, &[("a", 0)], 5)).await;
    assert_eq!((claimed.leases.len(), claimed.left.len()), (0, 1));
    assert_eq!(stand.claim_all().await.len(), 1);
    assert!(stand.claim(credits(5, &[("a", 0)], 5)).await.left.is_empty(), "it is under way");
}
