//! A row that cannot be read is dead; the others flow.

use notifyhub::{
    store::{OpenError, SqliteOptions, SqliteStore},
    testing::MovedClock,
};
use rusqlite::Connection;

use super::{
    super::stand::{assert_same, claimed_tasks, sqlite_stand},
    new_file,
};

#[tokio::test]
async fn a_damaged_task_is_dead_and_the_others_are_delivered() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let (first, _damaged, last) = (stand.put(&["a"]).await, stand.put(&["a"]).await, stand.put(&["a"]).await);
    drop(stand);
    let db = Connection::open(folder.path().join("notifyhub.db")).expect("it is there");
    let damage = "UPDATE notification SET body = 'disk fu11' WHERE first = 2";
    assert_eq!(db.execute(damage, []), Ok(1));
    drop(db);
    let stand = sqlite_stand(folder.path(), &clock);
    assert_same(&claimed_tasks(&stand.claim_all().await), &[first[0].clone(), last[0].clone()]);
    assert_eq!((stand.store.counts().dead, stand.store.counts().waiting), (1, 0));
    stand.assert_counts_add_up();
}

#[tokio::test]
async fn a_file_whose_tables_are_gone_is_refused() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    drop(stand);
    let path = folder.path().join("notifyhub.db");
    Connection::open(&path).and_then(|db| db.execute_batch("DROP TABLE task")).expect("changed");
    let opened = SqliteStore::open(SqliteOptions::new(&path), std::sync::Arc::new(clock));
    assert!(matches!(opened, Err(OpenError::Database { .. })), "{opened:?}");
}
