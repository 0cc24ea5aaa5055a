//! SQLite without a store around it: what is possible, and what is usual.

use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tempfile::TempDir;

use super::{AnyError, Measured};

const SPAN: Duration = Duration::from_secs(2);

fn database() -> Result<(Connection, TempDir), AnyError> {
    let folder = TempDir::new_in(std::env::current_exe()?.parent().ok_or("no folder")?)?;
    let db = Connection::open(folder.path().join("bare.db"))?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; \
         CREATE TABLE job (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, lane INTEGER NOT NULL, body TEXT NOT NULL); \
         CREATE INDEX job_ready ON job (lane, id) WHERE state = 0;",
    )?;
    Ok((db, folder))
}

/// Inserts of one row each, `group` to a transaction.
pub fn inserts(group: usize) -> Result<Measured, AnyError> {
    let (db, _folder) = database()?;
    let (began, mut done, body) = (Instant::now(), 0, "x".repeat(305));
    let mut insert = db.prepare("INSERT INTO job (state, lane, body) VALUES (0, 1, ?1)")?;
    while began.elapsed() < SPAN {
        db.execute_batch("BEGIN IMMEDIATE")?;
        for _ in 0..group {
            insert.execute([&body])?;
        }
        db.execute_batch("COMMIT")?;
        done += group;
    }
    Ok(vec![("per_second".to_owned(), done as f64 / began.elapsed().as_secs_f64())])
}

/// A queue as most are: each job inserted, claimed and completed in a transaction of its own.
pub fn row_by_row() -> Result<Measured, AnyError> {
    let (db, _folder) = database()?;
    let (began, mut done, body) = (Instant::now(), 0, "x".repeat(305));
    let mut insert = db.prepare("INSERT INTO job (state, lane, body) VALUES (0, 1, ?1)")?;
    let claim =
        "UPDATE job SET state = 1 WHERE id = (SELECT id FROM job WHERE state = 0 AND lane = 1 ORDER BY id LIMIT 1) RETURNING id";
    let mut claim = db.prepare(claim)?;
    let mut complete = db.prepare("UPDATE job SET state = 2 WHERE id = ?1 AND state = 1")?;
    while began.elapsed() < SPAN {
        insert.execute([&body])?;
        let id: i64 = claim.query_row([], |row| row.get(0))?;
        complete.execute(params![id])?;
        done += 1;
    }
    Ok(vec![("per_second".to_owned(), done as f64 / began.elapsed().as_secs_f64())])
}
