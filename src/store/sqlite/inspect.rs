//! Looking a file over, and copying it while it is in use. Both read only.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row};

use super::{
    failure::Failure,
    open::identity,
    rows::{HEAD_COLUMNS, HeadRow},
};
use crate::store::OpenError;

/// Problems that are listed; more are only counted.
const LISTED_MAX: usize = 20;

/// What a look over a file found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Tasks in the file.
    pub tasks: u64,
    /// Tasks that are not final.
    pub open: u64,
    /// What is wrong, in plain words; at most 20.
    pub problems: Vec<String>,
}

impl Inspection {
    fn problem(&mut self, text: String) {
        if self.problems.len() < LISTED_MAX {
            self.problems.push(text);
        }
    }
}

/// Looks a file over: whether the database is whole, every message is as it was accepted, every task has its
/// notification and its lane, and the counts are right. Another process may own the file; what it writes meanwhile is not
/// looked at.
///
/// # Errors
///
/// When the file cannot be read at all.
pub fn inspect(path: &Path) -> Result<Inspection, OpenError> {
    let cannot = |error: Failure| OpenError::Database { path: path.to_owned(), reason: error.to_string() };
    let db = read_only(path)?;
    look(&db).map_err(cannot)
}

/// Copies the file as it is at one moment to `to`, which must not be there yet. Another process may own the file.
///
/// # Errors
///
/// When the file cannot be read, or the copy cannot be written.
pub fn backup(path: &Path, to: &Path) -> Result<(), OpenError> {
    if to.exists() {
        return Err(OpenError::Io { path: to.to_owned(), reason: "it is there already; give another name".to_owned() });
    }
    let cannot = |error: rusqlite::Error| OpenError::Database { path: path.to_owned(), reason: error.to_string() };
    let db = read_only(path)?;
    db.execute("VACUUM INTO ?1", [to.to_str().unwrap_or_default()]).map_err(cannot)?;
    let fine: String = read_only(to)?.query_row("PRAGMA quick_check", [], |row| row.get(0)).map_err(cannot)?;
    if fine == "ok" { Ok(()) } else { Err(OpenError::Database { path: to.to_owned(), reason: fine }) }
}

fn read_only(path: &Path) -> Result<Connection, OpenError> {
    let cannot = |error: rusqlite::Error| OpenError::Database { path: path.to_owned(), reason: error.to_string() };
    if !path.exists() {
        return Err(OpenError::Io { path: path.to_owned(), reason: "it is not there".to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(cannot)?;
    db.execute_batch("PRAGMA busy_timeout = 5000").map_err(cannot)?;
    match identity(&db) {
        Ok((application, _)) if application == super::open::APPLICATION_ID => Ok(db),
        Ok(_) => Err(OpenError::Foreign(path.to_owned())),
        Err(error) => Err(cannot(error)),
    }
}

fn look(db: &Connection) -> Result<Inspection, Failure> {
    let mut found = Inspection::default();
    // One moment for all that follows.
    db.execute_batch("BEGIN")?;
    let mut select = db.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        if text != "ok" {
            found.problem(format!("the database is damaged: {text}"));
        }
    }
    let mut select = db.prepare(&format!("SELECT {HEAD_COLUMNS} FROM notification"))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        if let Err(failure) = HeadRow::read(row) {
            found.problem(failure.to_string());
        }
    }
    let count = |sql: &str| db.query_row(sql, [], |row: &Row<'_>| row.get::<_, i64>(0));
    for (what, sql) in [
        ("tasks belong to no notification", "SELECT count(*) FROM task WHERE notification NOT IN (SELECT id FROM notification)"),
        ("tasks lie on no lane", "SELECT count(*) FROM task WHERE lane NOT IN (SELECT id FROM lane)"),
        ("tasks are in no known state", "SELECT count(*) FROM task WHERE state NOT IN (2, 3, 4, 5, 6, 10, 11, 12, 13)"),
        ("tasks are dead without a reason", "SELECT count(*) FROM task WHERE (state = 11) <> (dead IS NOT NULL)"),
    ] {
        let wrong = count(sql)?;
        if wrong > 0 {
            found.problem(format!("{wrong} {what}"));
        }
    }
    let (tasks, open) = (count("SELECT count(*) FROM task")?, count("SELECT count(*) FROM task WHERE state < 10")?);
    let counted = count("SELECT waiting FROM counts")?;
    if counted != open {
        found.problem(format!("{open} tasks are not final, but {counted} are counted"));
    }
    let sum = count("SELECT accepted - waiting - delivered - dead - cancelled - expired FROM counts")?;
    if sum != 0 {
        found.problem(format!("the counts do not add up: {sum} tasks have no state"));
    }
    (found.tasks, found.open) = (tasks.unsigned_abs(), open.unsigned_abs());
    Ok(found)
}
