//! What was accepted is there after the file was closed, or its process killed.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    TaskState,
    clock::Clock,
    store::{Durability, Enqueued, Limit, Owned, Settlement, Spends, Whose, arrivals},
    task::{DeadReason, Disposition},
    testing::MovedClock,
};

use super::{
    super::stand::{Stand, WHILE, assert_same, claimed_tasks, lane, sqlite_stand},
    after_a_kill, new_file,
};

#[tokio::test]
async fn everything_is_there_again_after_the_file_was_closed() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let done = stand.put(&["a"]).await;
    let lease = stand.claim_all().await.remove(0);
    stand.settle(&lease, Disposition::Delivered).await;
    let (plain, later) = (stand.put(&["a", "b"]).await, stand.put_due(&["c"], Some(stand.moment(WHILE))).await);
    let mut keyed = stand.submission(&["a"]);
    keyed.idempotency = Some(("k".into(), 1));
    let known = keyed.head.id;
    stand.enqueue(keyed).await.expect("stored");
    let (counts, outcome) = (stand.store.counts(), stand.find(&done[0]).await);
    drop(stand);

    let stand = sqlite_stand(folder.path(), &clock);
    assert_eq!((stand.store.counts(), stand.store.durability()), (counts, Durability::Disk));
    assert_eq!(stand.find(&done[0]).await, outcome);
    let mut again = stand.submission(&["a"]);
    again.idempotency = Some(("k".into(), 1));
    assert_eq!(stand.enqueue(again).await, Ok(Enqueued::Known(known)));
    let claimed = stand.claim_all().await;
    assert_eq!(claimed.len(), 3);
    assert!(plain.iter().all(|task| claimed.iter().any(|lease| lease.task.id == task.id)));
    assert_eq!(claimed[0].task.head.message, plain[0].head.message);
    clock.advance(WHILE);
    assert_same(&claimed_tasks(&stand.claim_all().await), &later);
}

#[tokio::test]
async fn what_a_killed_process_had_under_way_is_taken_up_again() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let claimed = stand.put(&["a", "b"]).await;
    assert_eq!(stand.claim_all().await.len(), 2);
    let (sender, receiver) = arrivals();
    stand.store.announce_to(sender);
    receiver.set_room(10);
    let handed = stand.put(&["c"]).await;
    assert_eq!((stand.state(&handed[0]).await, stand.store.counts().leased), (TaskState::Leased, 3));

    let (_copy, next) = after_a_kill(folder.path(), &clock);
    assert_eq!((next.store.counts().waiting, next.store.counts().leased), (3, 0));
    assert_eq!(next.state(&handed[0]).await, TaskState::Waiting);
    let expected: Vec<_> = claimed.iter().chain(&*handed).cloned().collect();
    let mut again = claimed_tasks(&next.claim_all().await);
    again.sort_unstable_by_key(|task| task.id);
    assert_same(&again, &expected);
}

#[tokio::test]
async fn a_lease_of_the_killed_process_is_stale_in_the_next() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let task = stand.put(&["a"]).await[0].clone();
    let old = stand.claim_all().await.remove(0);
    let (_copy, next) = after_a_kill(folder.path(), &clock);
    let new = next.claim_all().await.remove(0);
    assert_ne!(old.token, new.token);
    next.settle(&old, Disposition::Delivered).await;
    assert_eq!((next.state(&task).await, next.store.counts().stale), (TaskState::Leased, 1));
}

#[tokio::test]
async fn what_was_retried_keeps_its_attempts_over_a_kill() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let task = stand.put(&["a"]).await[0].clone();
    for _ in 0..2 {
        let lease = stand.claim_all().await.remove(0);
        stand.settle(&lease, Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
        clock.advance(WHILE);
    }
    let before = stand.find(&task).await.map(Arc::unwrap_or_clone);
    let (_copy, next) = after_a_kill(folder.path(), &clock);
    assert_eq!(next.find(&task).await.map(Arc::unwrap_or_clone), before);
    let lease = next.claim_all().await.remove(0);
    assert_eq!((lease.counted, lease.tries), (2, 2));
}

#[tokio::test]
async fn what_the_dispatcher_did_not_take_any_more_waits() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let (sender, receiver) = arrivals();
    stand.store.announce_to(sender);
    receiver.set_room(10);
    let tasks = stand.put(&["a"]).await;
    drop(receiver);
    let more = stand.put(&["a"]).await;
    drop(stand);
    let stand = sqlite_stand(folder.path(), &clock);
    let claimed = claimed_tasks(&stand.claim_all().await);
    assert_same(&claimed, &[tasks[0].clone(), more[0].clone()]);
}

#[tokio::test]
async fn an_order_is_kept_over_a_kill() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let mut tasks = Vec::new();
    for _ in 0..3 {
        let mut submission = stand.submission(&["a"]);
        submission.keys.order = Some("k".into());
        tasks.push(submission.tasks[0].clone());
        stand.enqueue(submission).await.expect("stored");
    }
    stand.claim_all().await;
    let (_copy, next) = after_a_kill(folder.path(), &clock);
    for task in &tasks {
        let lease = next.claim_all().await.remove(0);
        assert_eq!(lease.task.id, task.id);
        next.settle(&lease, Disposition::Delivered).await;
    }
}

#[tokio::test]
async fn what_had_begun_when_its_process_died_is_dead_where_it_must_not_be_sent_twice() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let mut ordered = Vec::new();
    for _ in 0..2 {
        let mut submission = stand.submission(&["a"]);
        submission.keys.order = Some("k".into());
        ordered.push(submission.tasks[0].clone());
        stand.enqueue(submission).await.expect("stored");
    }
    let (released, settled, waits) = (stand.put(&["b"]).await, stand.put(&["c"]).await, stand.put(&["d"]).await);
    let leases = stand.claim_all().await;
    let begun: Vec<_> = leases.iter().filter(|lease| lease.task.id != waits[0].id).collect();
    let claims: Vec<_> = begun.iter().map(|lease| (lease.token, lease.task.clone())).collect();
    assert_eq!(stand.store.begin(&claims).await, Ok(vec![true; 3]));
    let of = |id| leases.iter().find(|lease| lease.task.id == id).expect("claimed");
    stand.store.release(vec![(of(released[0].id).token, released[0].clone())]).await.expect("released");
    stand.settle(of(settled[0].id), Disposition::Retry { due: clock.wall() + WHILE, counts: true }).await;

    let (_copy, next) = after_a_kill(folder.path(), &clock);
    let outcome = next.find(&ordered[0]).await.expect("known");
    assert_eq!((outcome.targets[0].state, outcome.targets[0].dead), (TaskState::Dead, Some(DeadReason::Ambiguous)));
    next.assert_counts_add_up();
    assert_eq!(next.store.counts().dead, 1);
    clock.advance(WHILE);
    let mut again: Vec<_> = next.claim_all().await.iter().map(|lease| lease.task.id).collect();
    again.sort_unstable();
    assert_eq!(again, [ordered[1].id, released[0].id, settled[0].id, waits[0].id], "its successor goes on, and so do the others");
}

#[tokio::test]
async fn what_was_retried_before_its_process_died_keeps_its_time() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let tasks = stand.put(&["a", "b"]).await;
    let leases = stand.claim_all().await;
    // Both were claimed in one group, and one of them still is when the process dies.
    stand.settle(&leases[0], Disposition::Retry { due: stand.moment(WHILE), counts: true }).await;
    let (_copy, next) = after_a_kill(folder.path(), &clock);
    assert_same(&claimed_tasks(&next.claim_all().await), &tasks[1..]);
    clock.advance(WHILE);
    assert_same(&claimed_tasks(&next.claim_all().await), &tasks[..1]);
}

#[tokio::test]
async fn what_the_process_before_sent_counts_against_short_limits_until_they_look_back_to_it_no_more() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let short = Limit { name: "lane/a".into(), whose: Whose::Lane(lane("a")), short: 2 * WHILE, long: Duration::ZERO };
    let own = async |stand: &Stand| stand.store.own(std::slice::from_ref(&short)).await.expect("asked").remove(0);
    let free = Owned::Here(Vec::new());
    assert_eq!(own(&stand).await, free);
    stand.put(&["a", "b"]).await;
    drop(stand);
    clock.advance(WHILE);
    let stand = sqlite_stand(folder.path(), &clock);
    assert_eq!(own(&stand).await, free, "nothing was sent yet");
    let [first, second] = &stand.claim_all().await[..] else { unreachable!("two were put") };
    stand.settle(first, Disposition::Delivered).await;
    assert_eq!(own(&stand).await, free, "what this process sends it knows");
    clock.advance(WHILE);
    let (_copy, next) = after_a_kill(folder.path(), &clock);
    assert!(matches!(own(&next).await, Owned::Soon(wait) if wait > WHILE), "of what was under way nobody knows when it was sent");
    stand.store.release(vec![(second.token, second.task.clone())]).await.expect("releases");
    drop(stand);
    let next = sqlite_stand(folder.path(), &clock);
    assert!(matches!(own(&next).await, Owned::Soon(wait) if !wait.is_zero() && wait <= WHILE), "sent a while ago");
    clock.advance(WHILE);
    assert_eq!(own(&next).await, free);
}

#[tokio::test]
async fn what_was_sent_and_what_may_have_been_when_the_process_died_counts_against_long_limits() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    stand.put(&["a", "a", "a", "b"]).await;
    let hour = Duration::from_secs(3600);
    let leases = stand.claim_all().await;
    let sent = leases.iter().find(|lease| lease.task.lane == lane("a")).expect("three");
    let spends = Some(Spends { at: clock.wall(), weight: 5, recipient: true, counts_for: hour });
    let settlement = Settlement { spends, ..stand.settlement(sent, Disposition::Delivered) };
    stand.store.settle(&[settlement].into()).await.expect("settles");
    clock.advance(WHILE);
    let died_at = clock.wall();
    let (_copy, next) = after_a_kill(folder.path(), &clock);
    let long = Limit { name: "lane/a".into(), whose: Whose::Lane(lane("a")), short: Duration::ZERO, long: hour };
    let Owned::Here(mut spent) = next.store.own(std::slice::from_ref(&long)).await.expect("asked").remove(0) else {
        panic!("nothing is waited for that is written down");
    };
    spent.sort_by_key(|one| one.at);
    let told: Vec<_> = spent.iter().map(|one| (one.tasks, one.weight, one.recipient.as_deref())).collect();
    assert_eq!(told, [(1, 5, Some("ada")), (2, 2, Some("ada"))]);
    assert!(spent[1].at >= died_at, "as if sent at this moment");
}
