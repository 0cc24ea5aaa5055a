//! Looking a file over, and copying it while it is in use.

use notifyhub::{
    store::{OpenError, backup, inspect},
    task::{DeadReason, Disposition},
    testing::MovedClock,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{
    super::stand::{WHILE, sqlite_stand},
    new_file,
};

#[tokio::test]
async fn nothing_is_wrong_with_a_file_in_use() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let path = folder.path().join("notifyhub.db");
    for disposition in [Disposition::Delivered, Disposition::Dead(DeadReason::Ambiguous), Disposition::Expired] {
        stand.put(&["a", "b"]).await;
        for lease in stand.claim_all().await {
            stand.settle(&lease, disposition).await;
        }
    }
    stand.put_due(&["a"], Some(stand.moment(WHILE))).await;
    stand.put(&["b"]).await;
    stand.claim_all().await;
    let found = inspect(&path).expect("it can be read");
    assert_eq!((found.tasks, found.open, found.problems), (8, 2, vec![]));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let path = folder.path().join("notifyhub.db");
    stand.put(&["a", "b"]).await;
    drop(stand);
    for (damage, repair, expected) in [
        ("UPDATE notification SET body = body || 'x'", "UPDATE notification SET body = 'disk full'", "check sum"),
        ("UPDATE task SET lane = 99 WHERE seq = 1", "UPDATE task SET lane = 1 WHERE seq = 1", "1 tasks lie on no lane"),
        ("UPDATE counts SET waiting = 7", "UPDATE counts SET waiting = 2", "2 tasks are not final, but 7 are counted"),
        ("UPDATE counts SET accepted = 1", "UPDATE counts SET accepted = 2", "do not add up"),
        ("UPDATE task SET state = 99", "UPDATE task SET state = 2", "in no known state"),
    ] {
        let change = |sql| Connection::open(&path).and_then(|db| db.execute_batch(sql)).expect("changed");
        change(damage);
        let problems = inspect(&path).expect("it can be read").problems;
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{damage}: {problems:?}");
        change(repair);
        assert_eq!(inspect(&path).expect("it can be read").problems, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_backup_of_a_file_in_use_is_a_whole_store() {
    let clock = MovedClock::new();
    let (folder, stand) = new_file(&clock);
    let tasks = stand.put(&["a", "b"]).await;
    stand.claim_all().await;
    let to = TempDir::new().expect("a folder");
    let copy = to.path().join("notifyhub.db");
    backup(&folder.path().join("notifyhub.db"), &copy).expect("copied");
    assert!(matches!(backup(&folder.path().join("notifyhub.db"), &copy), Err(OpenError::Io { .. })), "nothing is overwritten");
    assert_eq!(inspect(&copy).expect("it can be read").problems, Vec::<String>::new());
    let restored = sqlite_stand(to.path(), &clock);
    assert_eq!(restored.claim_all().await.len(), 2);
    assert!(restored.find(&tasks[0]).await.is_some());
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("notifyhub.db");
    assert!(matches!(inspect(&path), Err(OpenError::Io { .. })));
    assert!(matches!(backup(&path, &folder.path().join("copy")), Err(OpenError::Io { .. })));
    assert!(!path.exists());
}
