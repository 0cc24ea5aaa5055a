//! Two nodes on one database.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    TaskState,
    store::{Keys, PostgresOptions, PostgresStore, Settled, Store, arrivals},
    task::{DeadReason, Disposition},
    testing::MovedClock,
};
use tokio::runtime::Handle;

use super::{
    super::stand::{Limits, Stand, WHILE, assert_same, claimed_tasks, credits, postgres},
    server::Database,
};

/// Long enough for a node that lives, even on a busy machine.
const LEASE: Duration = Duration::from_secs(3);

const GONE: &str = "NOTIFYHUB_TEST_POSTGRES is set: run ./test";

async fn node(database: &Database, name: &str) -> Stand {
    let clock = MovedClock::new();
    let options = PostgresOptions { lease: LEASE, ..PostgresOptions::new(database.url.clone()) };
    let store = PostgresStore::open(options, name, &Handle::current(), Arc::new(clock.clone())).await;
    Stand::of(store.expect("the database can be used"), clock)
}

/// Two nodes of a new database.
async fn nodes() -> (Database, Stand, Stand) {
    let database = Database::new().await.expect(GONE);
    let (one, other) = (node(&database, "one").await, node(&database, "other").await);
    (database, one, other)
}

/// Claims everything until something comes.
async fn claimed_in_time(stand: &Stand) -> Vec<notifyhub::store::Lease> {
    loop {
        let leases = stand.claim_all().await;
        if !leases.is_empty() {
            return leases;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn no_task_is_claimed_twice_however_many_claim_at_once() {
    let (_database, one, other) = nodes().await;
    for _ in 0..20 {
        one.put(&["a", "b", "c", "a", "b"]).await;
    }
    let mut all = Vec::new();
    while all.len() < 100 {
        let few = credits(7, &[], 7);
        let (left, right) = tokio::join!(one.claim(few.clone()), other.claim(few));
        all.extend(left.leases.into_iter().chain(right.leases).map(|lease| lease.task.id));
    }
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((count, all.len()), (100, 100));
    assert!(one.claim_all().await.is_empty() && other.claim_all().await.is_empty());
}

#[tokio::test]
async fn what_one_node_accepts_rings_at_the_other_and_counts_at_both() {
    let (_database, one, other) = nodes().await;
    let (sender, mut receiver) = arrivals();
    other.store.announce_to(sender);
    // Listening begins a moment after a node does; until then it looks twice a second.
    one.put(&["a"]).await;
    receiver.bell.changed().await.expect("it rings");
    let lease = claimed_in_time(&other).await.remove(0);
    assert!(matches!(other.settle(&lease, Disposition::Delivered).await, Settled::Finished(_)));
    assert_eq!(one.state(&lease.task).await, TaskState::Delivered);
    loop {
        let counts = (one.store.counts(), other.store.counts());
        if counts.0.delivered == 1 && counts.1.accepted == 1 {
            assert_eq!(counts.0, counts.1);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_other_node_takes_up_what_a_lost_one_had_and_its_late_results_change_nothing() {
    let (database, one, other) = nodes().await;
    let tasks = one.put(&["a", "b"]).await;
    let held = one.claim_all().await;
    assert!(other.claim_all().await.is_empty());
    database.lose("one").await;
    let again = claimed_in_time(&other).await;
    assert_same(&claimed_tasks(&again), &tasks);
    assert!(held.iter().zip(&again).all(|(first, second)| first.token != second.token));
    let late = one.settle(&held[0], Disposition::Delivered).await;
    assert_eq!((late, other.state(&tasks[0]).await), (Settled::Stale, TaskState::Leased));
    assert!(one.store.release(vec![(held[1].token, held[1].task.clone())]).await.expect("no error").cancelled.is_empty());
    assert_eq!(other.state(&tasks[1]).await, TaskState::Leased);
    for lease in &again {
        assert_ne!(other.settle(lease, Disposition::Delivered).await, Settled::Stale);
    }
    // The lost node has noticed, and goes on under another number.
    let next = one.put(&["a"]).await;
    assert_same(&claimed_tasks(&claimed_in_time(&one).await), &next);
}

#[tokio::test]
async fn a_node_that_was_late_but_not_given_up_keeps_what_it_has() {
    let database = Database::new().await.expect(GONE);
    let one = node(&database, "one").await;
    one.put(&["a"]).await;
    let held = one.claim_all().await;
    let client = database.client().await;
    // Its lease is over, and nobody is there to give it up but itself; it must not rescue its own tasks.
    client.batch_execute("UPDATE notifyhub.node SET until = now() - interval '1 hour'").await.expect("written");
    let sql = "SELECT count(*) FROM notifyhub.node WHERE until > now()";
    while client.query_one(sql, &[]).await.expect("counts").get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_ne!(one.settle(&held[0], Disposition::Delivered).await, Settled::Stale);
}

#[tokio::test]
async fn the_successor_of_an_order_goes_on_at_either_node() {
    let (_database, one, other) = nodes().await;
    let mut ordered = Vec::new();
    for stand in [&one, &other, &one] {
        let mut submission = stand.submission(&["a"]);
        submission.keys = Keys { order: Some("customer-7".into()), ..Keys::default() };
        ordered.push(submission.tasks[0].clone());
        stand.enqueue(submission).await.expect("stored");
    }
    for (task, at) in ordered.iter().zip([&other, &one, &other]) {
        let leases = claimed_in_time(at).await;
        assert_same(&claimed_tasks(&leases), std::slice::from_ref(task));
        assert!(one.claim_all().await.is_empty() && other.claim_all().await.is_empty(), "one at a time");
        at.settle(&leases[0], Disposition::Delivered).await;
    }
}

#[tokio::test]
async fn orders_are_kept_while_both_nodes_accept_and_settle() {
    let (_database, one, other) = nodes().await;
    let accept = async |stand: &Stand| {
        for _ in 0..30 {
            let mut submission = stand.submission(&["a"]);
            submission.keys = Keys { order: Some("k".into()), ..Keys::default() };
            stand.enqueue(submission).await.expect("stored");
        }
    };
    let deliver = async |stand: &Stand| {
        let mut delivered = 0;
        while stand.store.counts().delivered < 60 {
            let leases = stand.claim_all().await;
            assert!(leases.len() <= 1, "one at a time");
            for lease in leases {
                stand.settle(&lease, Disposition::Delivered).await;
                delivered += 1;
            }
        }
        delivered
    };
    let ((), (), left, right) = tokio::join!(accept(&one), accept(&other), deliver(&one), deliver(&other));
    assert_eq!(left + right, 60);
}

#[tokio::test]
async fn a_task_with_which_five_nodes_are_lost_is_dead_and_its_neighbour_is_not() {
    let database = Database::new().await.expect(GONE);
    let keeper = node(&database, "keeper").await;
    let tasks = keeper.put(&["a", "a"]).await;
    let (poison, innocent) = (&tasks[0], &tasks[1]);
    for life in 1.. {
        let victim = node(&database, "victim").await;
        let leases = claimed_in_time(&victim).await;
        if life > 3 {
            assert_eq!(leases.len(), 1, "it runs alone after three");
        }
        if leases.iter().all(|lease| lease.task.id == innocent.id) {
            victim.settle(&leases[0], Disposition::Delivered).await;
        }
        drop(victim);
        database.lose("victim").await;
        if keeper.state(poison).await == TaskState::Dead && keeper.state(innocent).await == TaskState::Delivered {
            break;
        }
        assert!(life < 9, "it ends");
    }
    let outcome = keeper.find(poison).await.expect("known");
    assert_eq!(outcome.targets[0].dead, Some(DeadReason::Poison));
}

#[tokio::test]
async fn a_cancelled_task_that_another_node_has_is_not_tried_again() {
    let (_database, one, other) = nodes().await;
    let tasks = one.put(&["a"]).await;
    let lease = claimed_in_time(&other).await.remove(0);
    let reached = one.store.cancel(tasks[0].head.id).await.expect("cancels");
    assert_eq!(reached.under_way, [tasks[0].id]);
    other.settle(&lease, Disposition::Retry { due: other.moment(WHILE), counts: true }).await;
    assert_eq!(one.state(&tasks[0]).await, TaskState::Cancelled);
}

#[tokio::test]
async fn processes_that_start_together_make_one_schema() {
    let database = Database::new().await.expect(GONE);
    let clock = MovedClock::new();
    let open = |name: &'static str| postgres(&database.url, Limits::default(), &clock, name);
    let nodes = tokio::join!(open("a"), open("b"), open("c"), open("d"));
    assert_eq!(nodes.0.counts(), nodes.3.counts());
}

#[tokio::test]
async fn what_a_lost_node_had_begun_is_dead_where_it_must_not_be_sent_twice() {
    let (database, one, other) = nodes().await;
    let tasks = one.put(&["a", "b"]).await;
    let held = one.claim_all().await;
    let begun = vec![(held[0].token, held[0].task.clone())];
    assert_eq!(one.store.begin(&begun).await, Ok(vec![true]));
    database.lose("one").await;
    assert_eq!(claimed_in_time(&other).await[0].task.id, tasks[1].id);
    let outcome = other.find(&tasks[0]).await.expect("known");
    assert_eq!((outcome.targets[0].state, outcome.targets[0].dead), (TaskState::Dead, Some(DeadReason::Ambiguous)));
    assert_eq!(one.store.begin(&begun).await, Ok(vec![false]), "the late one may not begin again");
}

#[test]
fn a_runtime_that_is_blocked_holds_up_no_call_of_another() {
    let single = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (ours, theirs) = (single(), single());
    let (blocks, blocked) = std::sync::mpsc::channel::<()>();
    let (store, _database) = ours.block_on(async {
        let database = Database::new().await.expect(GONE);
        (Arc::new(postgres(&database.url, Default::default(), &MovedClock::new(), "one").await), database)
    });
    // Whoever delivers asks first, on a runtime of his own, and then calls what blocks his thread.
    let (asked, has_asked) = std::sync::mpsc::channel();
    let delivers = store.clone();
    let thread = std::thread::spawn(move || {
        theirs.block_on(async {
            let all = (0..4).map(|_| delivers.endpoints());
            assert!(futures_util::future::join_all(all).await.iter().all(Result::is_ok));
            asked.send(()).expect("waited for");
            // Until the other end is dropped.
            assert!(blocked.recv().is_err());
        });
    });
    ours.block_on(async {
        // The store's own tasks live here, and the connections of all.
        while has_asked.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let all = (0..8).map(|_| store.endpoints());
        let answered = tokio::time::timeout(Duration::from_secs(5), futures_util::future::join_all(all)).await;
        assert!(answered.expect("nobody waits for the blocked thread").iter().all(Result::is_ok));
    });
    drop(blocks);
    thread.join().expect("it ended");
}
