//! Another program holds the file: callers are told, nothing is lost, and work goes on when it lets go.

use std::{path::Path, sync::Arc, time::Duration};

use futures_util::future::join_all;
use notifyhub::{
    HubError, Notification, TaskState,
    clock::SystemClock,
    platforms::contract::Receipt,
    store::{SqliteOptions, SqliteStore, StoreError},
    testing::{FakePlatform, MovedClock, Reaction, TestHub},
};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::time::timeout;

use super::{super::stand::sqlite_stand, new_file};

/// Longer than a lock is waited for, and shorter than two calls would wait one after the other.
const ONCE: Duration = Duration::from_secs(9);

/// Another program that writes into the file, and does not end.
fn other_program(file: &Path) -> Connection {
    let other = Connection::open(file).expect("it opens");
    other.execute_batch("PRAGMA busy_timeout = 10000; BEGIN EXCLUSIVE").expect("it locks");
    other
}

fn is_told(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(text) if text.contains("another program holds a lock on the database file"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_calls_meanwhile_is_told_together_and_nothing_is_lost() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let before = stand.put(&["a"]).await;
    let other = other_program(&folder.path().join("notifyhub.db"));
    let first = stand.enqueue(stand.submission(&["a"]));
    let refused: Vec<_> = (0..20).map(|_| stand.submission(&["a"])).collect();
    let ids: Vec<_> = refused.iter().map(|submission| submission.head.id).collect();
    let group = async {
        // The writer waits for the lock with the first; these gather behind it.
        tokio::time::sleep(Duration::from_millis(500)).await;
        join_all(refused.into_iter().map(|submission| stand.enqueue(submission))).await
    };
    let (first, group) = timeout(2 * ONCE, async { tokio::join!(first, group) }).await.expect("not one after the other");
    assert!([first].iter().chain(&group).all(|answer| answer.as_ref().is_err_and(is_told)), "{group:?}");
    other.execute_batch("COMMIT").expect("it lets go");
    let after = stand.put(&["a"]).await;
    assert_eq!(stand.store.counts().waiting, 2);
    drop(stand);
    let stand = sqlite_stand(folder.path(), &clock);
    for id in ids {
        assert_eq!(stand.store.find(id).await, Ok(None), "who was refused was not kept");
    }
    assert_eq!((stand.state(&before[0]).await, stand.state(&after[0]).await), (TaskState::Waiting, TaskState::Waiting));
    stand.assert_counts_add_up();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_lets_go_in_time_is_noticed_by_nobody() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let other = other_program(&folder.path().join("notifyhub.db"));
    let letting_go = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(300));
        other.execute_batch("COMMIT").expect("it lets go");
    });
    let tasks = timeout(ONCE, stand.put(&["a"])).await.expect("in time");
    letting_go.await.expect("it let go");
    assert_eq!(stand.state(&tasks[0]).await, TaskState::Waiting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_goes_on_where_it_was_and_sends_nothing_twice() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("hub.db");
    let store = Arc::new(SqliteStore::open(SqliteOptions::new(&file), Arc::new(SystemClock)).expect("a new file"));
    let answers = MovedClock::new();
    let slow = FakePlatform::new().with_clock(Arc::new(answers.clone()));
    slow.push(Reaction::Delay(Duration::from_secs(1), Ok(Receipt::accepted())));
    let test = TestHub::start_with(|hub| hub.store(store.clone()).platform("slow", slow.clone())).await.expect("starts");
    let accepted = test.hub.send(Notification::text("under way").to("slow")).await.expect("accepted");
    slow.wait_for(1).await;
    let other = other_program(&file);
    answers.advance(Duration::from_secs(1));
    slow.wait_for_finished(1).await;
    let error = timeout(2 * ONCE, test.hub.send(Notification::text("new").to("test"))).await.expect("in time");
    let Err(HubError::Store(error)) = error else { panic!("it is refused") };
    assert!(is_told(&error), "{error}");
    other.execute_batch("COMMIT").expect("it lets go");
    let outcome = timeout(4 * ONCE, accepted.outcome()).await.expect("in time").expect("known");
    assert!(outcome.all_delivered() && outcome.targets[0].attempts.len() == 1);
    assert!(test.hub.deliver(Notification::text("again").to("test")).await.expect("delivered").all_delivered());
    assert_eq!((slow.count(), test.sent()), (1, vec![(String::new(), "again".to_owned())]));
}
