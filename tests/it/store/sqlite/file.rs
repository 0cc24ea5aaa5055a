//! Whose file it is, and which files are refused: a file that is not ours is left as it is.

use std::{fs, path::Path, sync::Arc};

use notifyhub::{
    clock::SystemClock,
    store::{OpenError, SqliteOptions, SqliteStore},
    testing::MovedClock,
};
use rusqlite::Connection;
use tempfile::TempDir;

use super::{super::stand::sqlite_stand, new_file};

fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(SqliteOptions::new(path), Arc::new(SystemClock))
}

#[tokio::test]
async fn a_second_owner_is_refused_and_told_who_the_first_is() {
    let (folder, stand) = new_file(&MovedClock::new());
    let path = folder.path().join("notifyhub.db");
    let error = open(&path).expect_err("it is owned");
    assert_eq!(error, OpenError::Owned { path: path.clone(), pid: Some(std::process::id()) });
    drop(stand);
    open(&path).expect("nobody owns it any more");
}

#[tokio::test]
async fn folder_and_file_are_made_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("state/notifyhub/notifyhub.db");
    drop(open(&path).expect("a new file"));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().expect("a folder"))), (0o600, 0o700));
}

#[tokio::test]
async fn a_file_that_is_no_database_of_ours_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("notifyhub.db");
    for (content, message) in [(&b""[..], "is empty"), (&[b'x'; 4096][..], "not a database")] {
        fs::write(&path, content).expect("written");
        let error = open(&path).expect_err("refused").to_string();
        assert!(error.contains(message) && error.contains("notifyhub.db"), "{error}");
        assert_eq!(fs::read(&path).expect("it is there"), content);
    }
    fs::remove_file(&path).expect("removed");
    Connection::open(&path).and_then(|db| db.execute_batch("CREATE TABLE other (x)")).expect("another database");
    let error = open(&path).expect_err("refused");
    assert_eq!(error, OpenError::Foreign(path));
}

#[tokio::test]
async fn a_file_of_a_newer_program_is_refused_and_left_as_it_is() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("notifyhub.db");
    drop(open(&path).expect("a new file"));
    Connection::open(&path).and_then(|db| db.pragma_update(None, "user_version", 99)).expect("changed");
    let error = open(&path).expect_err("refused").to_string();
    assert!(error.contains("schema version 99") && error.contains("use the newer program"), "{error}");
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("written");
    let error = open(&folder.path().join("file/notifyhub.db")).expect_err("refused").to_string();
    assert!(error.contains("file"), "{error}");
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing_and_costs_no_sync() {
    let (folder, stand) = new_file(&MovedClock::new());
    let task = stand.put(&["a"]).await[0].clone();
    stand.claim_all().await;
    let written = || fs::read(folder.path().join("notifyhub.db-wal")).expect("it is there");
    let before = written();
    for _ in 0..10 {
        assert!(stand.find(&task).await.is_some());
        assert!(stand.claim_all().await.is_empty());
        stand.store.list(&Default::default(), None, 10).await.expect("lists");
        stand.prune().await;
    }
    assert!(written() == before, "asking writes nothing");
    stand.put(&["a"]).await;
    assert!(written() != before);
}

#[tokio::test]
async fn a_file_of_the_first_version_keeps_what_it_holds() {
    let (folder, clock) = (TempDir::new().expect("a folder"), MovedClock::new());
    let stand = sqlite_stand(folder.path(), &clock);
    let tasks = stand.put(&["ops"]).await;
    drop(stand);
    let first_version =
        "DROP TABLE step; DROP TABLE endpoint; DROP TABLE spent; ALTER TABLE counts DROP COLUMN sent; PRAGMA user_version = 1";
    Connection::open(folder.path().join("notifyhub.db")).and_then(|db| db.execute_batch(first_version)).expect("changed");
    let stand = sqlite_stand(folder.path(), &clock);
    assert_eq!(stand.claim_all().await[0].task.id, tasks[0].id);
}
