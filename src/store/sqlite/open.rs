//! Opening the file: whose it is, and what it is.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{
    failpoint::failpoint,
    store::{Durability, OpenError},
};

/// Marks the file as ours: the letters `nhub`.
pub const APPLICATION_ID: i32 = 0x6e68_7562;

/// What each version of the schema adds to the one before.
const MIGRATIONS: [&str; 5] = [
    include_str!("schema.sql"),
    include_str!("steps.sql"),
    include_str!("endpoints.sql"),
    include_str!("sent.sql"),
    include_str!("spent.sql"),
];

/// Versions of SQLite before this one can damage a write-ahead log that two connections use
/// (<https://sqlite.org/wal.html>, "The WAL-reset bug").
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// Pages of write-ahead log before they are folded into the file (4 KiB each).
const CHECKPOINT_PAGES: u32 = 4000;

/// Memory for pages, in KiB.
const CACHE_KIB: u32 = 16 * 1024;

/// How long a lock that another program holds is waited for, in milliseconds.
const BUSY_TIMEOUT_MS: u32 = 5000;

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
