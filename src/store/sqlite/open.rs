//! Opening the file: whose it is, what it is, and what a process that died left behind.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use notifyhub_platforms::contract::Secret;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::{book::Book, failure::Failure, lanes::Lanes, rows::state};
use crate::{
    failpoint::failpoint,
    store::{Counts, Durability, OpenError, UrlPlatform, codec, rank::Ranks},
    task::{DeadReason, LaneKey, PlatformName},
};

/// Marks the file as ours: the letters `nhub`.
pub const APPLICATION_ID: i32 = 0x6e68_7562;

/// What each version of the schema adds to the one before.
const MIGRATIONS: [&str; 1] = [include_str!("schema.sql")];

/// Versions of SQLite before this one can damage a write-ahead log that two connections use
/// (<https://sqlite.org/wal.html>, "The WAL-reset bug").
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Pages of write-ahead log before they are folded into the file (4 KiB each).
const CHECKPOINT_PAGES: u32 = 4000;

/// Memory for pages, in KiB.
const CACHE_KIB: u32 = 16 * 1024;

/// How long a lock that another program holds is waited for, in milliseconds.
const BUSY_TIMEOUT_MS: u32 = 5000;

/// Processes that may die with a task before it runs alone.
pub const QUARANTINE_AFTER: i64 = 3;

/// Processes that may die with a task before it is dead.
pub const DEAD_AFTER: i64 = 5;

/// The file is this process's as long as this lives.
#[derive(Debug)]
pub struct Owner {
    lock: File,
}

impl Owner {
    /// Takes the file, or says who has it.
    pub fn take(path: &Path) -> Result<Self, OpenError> {
        let lock_path = beside(path, ".lock");
        let cannot = |error: io::Error| OpenError::Io { path: lock_path.clone(), reason: error.to_string() };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
            make_folder(folder).map_err(|error| OpenError::Io { path: folder.to_owned(), reason: error.to_string() })?;
        }
        let mut lock = private().create(true).read(true).write(true).truncate(false).open(&lock_path).map_err(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // Without its number the message is only less helpful.
                let _ = lock.read_to_string(&mut pid);
                return Err(OpenError::Owned { path: path.to_owned(), pid: pid.trim().parse().ok() });
            }
            Err(fs::TryLockError::Error(error)) => return Err(cannot(error)),
        }
        lock.set_len(0).and_then(|()| lock.rewind()).map_err(cannot)?;
        lock.write_all(std::process::id().to_string().as_bytes()).map_err(cannot)?;
        Ok(Self { lock })
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Nobody is told of an owner that has gone.
        let _ = self.lock.set_len(0);
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Opens the file for writing; makes it where there is none.
pub fn connect(path: &Path, durability: Durability) -> Result<Connection, OpenError> {
    let io = |error: io::Error| OpenError::Io { path: path.to_owned(), reason: error.to_string() };
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(OpenError::Library(rusqlite::version().to_owned()));
    }
    match fs::metadata(path) {
        Ok(found) if found.len() == 0 => return Err(OpenError::Empty(path.to_owned())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path)?,
        Err(error) => return Err(io(error)),
    }
    let mut db = plain(path)?;
    let cannot = |error: rusqlite::Error| refused(path, &error);
    let (application, version) = identity(&db).map_err(cannot)?;
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign(path.to_owned()));
    }
    let known = MIGRATIONS.len() as i64;
    if version > known {
        return Err(OpenError::Newer { path: path.to_owned(), version, known });
    }
    let synchronous = if durability == Durability::Disk { "FULL" } else { "NORMAL" };
    let settings = format!(
        "PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; \
         PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA journal_size_limit = 67108864; \
         PRAGMA cache_size = -{CACHE_KIB}; PRAGMA temp_store = MEMORY; PRAGMA foreign_keys = OFF; PRAGMA mmap_size = 0;"
    );
    db.execute_batch(&settings).map_err(cannot)?;
    db.set_prepared_statement_cache_capacity(64);
    migrate(&mut db, version).map_err(cannot)?;
    Ok(db)
}

fn plain(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(|error| refused(path, &error))
}

/// What it means that the library does not open a file.
pub fn refused(path: &Path, error: &rusqlite::Error) -> OpenError {
    let (path, reason) = (path.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::SystemIoFailure) => OpenError::Disk { path, reason },
        _ => OpenError::Database { path, reason },
    }
}

/// Makes a new file under another name and gives it its own when it is whole: whoever dies here leaves none.
fn make(path: &Path) -> Result<(), OpenError> {
    let io = |error: io::Error| OpenError::Io { path: path.to_owned(), reason: error.to_string() };
    let half = beside(path, ".new");
    for left in [half.clone(), beside(&half, "-journal")] {
        match fs::remove_file(left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
    }
    drop(private().create_new(true).write(true).open(&half).map_err(io)?);
    let mut db = plain(&half)?;
    let made = db.execute_batch("PRAGMA auto_vacuum = INCREMENTAL").and_then(|()| migrate(&mut db, 0));
    made.map_err(|error| refused(path, &error))?;
    drop(db);
    fs::rename(&half, path).map_err(io)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A name is on disk when its folder is; where folders cannot be synced, names need not be.
    if let Ok(folder) = File::open(folder) {
        folder.sync_all().map_err(io)?;
    }
    Ok(())
}

/// Takes the file from this version of the schema to ours, each step whole or not at all.
fn migrate(db: &mut Connection, version: i64) -> rusqlite::Result<()> {
    for (step, sql) in (1..).zip(MIGRATIONS).filter(|(step, _)| *step > version) {
        let transaction = db.transaction()?;
        transaction.execute_batch(sql)?;
        failpoint!("migrate.step");
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", step)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The application's number and the version of the schema that the file names.
pub fn identity(db: &Connection) -> rusqlite::Result<(i32, i64)> {
    let application = db.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    Ok((application, db.query_row("PRAGMA user_version", [], |row| row.get(0))?))
}

/// Takes back what a process that died had claimed, in one transaction, and reads what is kept in memory.
pub fn recover(db: &mut Connection, now: i64) -> Result<Book, Failure> {
    let transaction = db.transaction()?;
    let claimed: Vec<Vec<u8>> =
        transaction.prepare("SELECT tasks FROM claim")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let ambiguous = transaction.execute(
        "UPDATE task SET state = ?1, wake = 0, dead = ?2, ended = ?3 WHERE seq IN (SELECT seq FROM begun) AND state < 10",
        params![state::DEAD, DeadReason::Ambiguous.as_str(), now],
    )?;
    transaction.execute("DELETE FROM begun", [])?;
    let mut recovered = 0;
    {
        let mut update = transaction.prepare(
            "UPDATE task SET crashes = crashes + 1, due = 0, state = CASE WHEN crashes + 1 >= ?2 THEN ?3 ELSE ?4 END, \
             wake = coalesce((SELECT expires FROM notification WHERE id = task.notification), 0) WHERE seq = ?1 AND state < 10",
        )?;
        let seqs = claimed.iter().flat_map(|packed| packed.chunks_exact(8));
        for seq in seqs.map(|bytes| i64::from_le_bytes(bytes.try_into().expect("eight bytes"))) {
            recovered += update.execute(params![seq, QUARANTINE_AFTER, state::QUARANTINED, state::WAITING])?;
        }
    }
    let poisoned = transaction.execute(
        "UPDATE task SET state = ?1, wake = 0, dead = ?2, ended = ?3 WHERE state = 4 AND crashes >= ?4",
        params![state::DEAD, DeadReason::Poison.as_str(), now, DEAD_AFTER],
    )?;
    let dead = (poisoned + ambiguous) as i64;
    transaction.execute("UPDATE counts SET waiting = waiting - ?1, dead = dead + ?1, epoch = epoch + 1", [dead])?;
    // What waited for a task that is dead now waits no more.
    transaction.execute_batch(
        "DELETE FROM chain WHERE seq IN (SELECT chain.seq FROM chain JOIN task ON task.seq = chain.seq WHERE task.state >= 10); \
         UPDATE task SET state = 5, wake = 1, due = max(1, coalesce((SELECT not_before FROM notification WHERE id = task.notification), 1)) \
         WHERE state = 6 AND seq IN (SELECT min(seq) FROM chain GROUP BY key);",
    )?;
    transaction.execute("DELETE FROM claim", [])?;
    failpoint!("rescue.in_tx");
    transaction.commit()?;
    if recovered > 0 {
        tracing::warn!(
            tasks = recovered,
            poisoned,
            "the last process ended with {recovered} tasks under way; they are taken up again"
        );
    }
    if ambiguous > 0 {
        tracing::warn!(tasks = ambiguous, "the last process ended while it sent {ambiguous} tasks that must not be sent twice");
    }
    read_book(db)
}

fn read_book(db: &Connection) -> Result<Book, Failure> {
    let mut lanes = read_lanes(db)?;
    lanes.set_all_ready();
    let number = |row: &rusqlite::Row<'_>, index| row.get::<_, i64>(index).map(|count| u64::try_from(count).unwrap_or_default());
    let columns = "epoch, accepted, waiting, delivered, dead, cancelled, expired, stale";
    let (epoch, counts) = db.query_row(&format!("SELECT {columns} FROM counts"), [], |row| {
        let counts = Counts {
            accepted: number(row, 1)?,
            waiting: number(row, 2)?,
            leased: 0,
            delivered: number(row, 3)?,
            dead: number(row, 4)?,
            cancelled: number(row, 5)?,
            expired: number(row, 6)?,
            stale: number(row, 7)?,
        };
        Ok((number(row, 0)?, counts))
    })?;
    let last_seq: Option<i64> = db.query_row("SELECT max(seq) FROM task", [], |row| row.get(0))?;
    let last =
        db.query_row("SELECT max(accepted) FROM (SELECT accepted FROM notification ORDER BY id DESC LIMIT 1)", [], |row| {
            row.get::<_, Option<i64>>(0)
        })?;
    let mut book = Book::new(counts, lanes, last_seq.unwrap_or_default(), epoch);
    book.has_chains = db.query_row("SELECT EXISTS (SELECT 1 FROM chain)", [], |row| row.get(0))?;
    book.ranks = Ranks::behind(last.unwrap_or_default());
    Ok(book)
}

/// The platforms that came as URLs.
pub fn urls(db: &Connection) -> rusqlite::Result<Vec<UrlPlatform>> {
    let mut select = db.prepare("SELECT platform, url, trusted FROM url")?;
    let read = |row: &rusqlite::Row<'_>| {
        let name = PlatformName::internal(row.get::<_, String>(0)?);
        Ok(UrlPlatform { name, url: Arc::new(Secret::new(row.get::<_, String>(1)?)), trusted: row.get(2)? })
    };
    select.query_map([], read)?.collect()
}

/// All lanes of the file.
pub fn read_lanes(db: &Connection) -> rusqlite::Result<Lanes> {
    let mut lanes = Lanes::default();
    let mut select = db.prepare("SELECT id, platform, part FROM lane")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let platform = PlatformName::internal(row.get::<_, String>(1)?);
        lanes.insert(row.get(0)?, LaneKey { platform, part: codec::shared(row.get(2)?) });
    }
    Ok(lanes)
}
