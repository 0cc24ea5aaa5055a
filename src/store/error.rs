//! How a store can fail: at a call, and when it is opened.

use std::path::PathBuf;

/// Why a store could not do what it was asked to. Nothing is ever half done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// It holds as many waiting tasks as it may. Nothing of the call was stored.
    #[error("the store is full: {waiting} tasks are waiting, at most {max} may; try again later")]
    Full {
        /// How many wait.
        waiting: u64,
        /// How many may.
        max: u64,
    },
    /// No space is left on its disk. Nothing of the call was stored.
    #[error("the store's disk is full; free some space, nothing of this call was stored")]
    DiskFull,
    /// The database cannot keep what it was given. Nothing of the call was stored.
    #[error("cannot be stored: {0}")]
    Unstorable(String),
    /// It cannot be reached or used now. Nothing of the call was stored; of a server whose answer was lost, that is not
    /// certain: an idempotency key makes it safe to repeat.
    #[error("the store cannot be used now: {0}")]
    Unavailable(String),
    /// Its disk failed: whether the last writes were kept is not known, and nothing is promised any more. Restart the
    /// process once the disk works.
    #[error("the store's disk failed: {0}; nothing more is accepted until a restart")]
    Broken(String),
    /// The list does not go on there.
    #[error("the cursor is none that this store gave; begin the list anew")]
    Cursor,
    /// The store has ended with the process that owned it.
    #[error("the store is closed")]
    Closed,
}

/// Why a store could not be opened. It was left as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process owns it.
    #[error("{} belongs to another notifyhub{}; stop it, or use a file of its own", .path.display(), with_pid(.pid))]
    Owned {
        /// The file.
        path: PathBuf,
        /// The other process.
        pid: Option<u32>,
    },
    /// It is empty, which a database never is: it was truncated, or made by something else.
    #[error("{} is empty, which no database of notifyhub is; restore it from a backup, or remove it to begin anew", .0.display())]
    Empty(PathBuf),
    /// It is a database, but none of ours.
    #[error("{} is not a database of notifyhub; give another path", .0.display())]
    Foreign(PathBuf),
    /// A newer program wrote it.
    #[error("{} has schema version {version}, and this program knows {known} at most; use the newer program", .path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: i64,
        /// Ours.
        known: i64,
    },
    /// The database library says no.
    #[error("cannot open the database {}: {reason}", .path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// Its disk fails.
    #[error("the disk of the database {} fails: {reason}", .path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the library says.
        reason: String,
    },
    /// The operating system says no.
    #[error("cannot open {}: {reason}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it says.
        reason: String,
    },
    /// The server cannot be used.
    #[error("cannot use the database at {server}: {reason}")]
    Server {
        /// Where it is, without credentials.
        server: String,
        /// Why.
        reason: String,
    },
    /// The server answers before what it keeps is on disk.
    #[error(
        "the database at {server} runs with {setting}: a power cut would take what it has answered; turn that on, or set \
         `store.durability = \"process\"`"
    )]
    Unsafe {
        /// Where it is.
        server: String,
        /// Which setting.
        setting: String,
    },
    /// A newer program has used the database.
    #[error(
        "the database at {server} has schema version {version}, and this program knows {known} at most; use the newer program"
    )]
    NewerSchema {
        /// Where it is.
        server: String,
        /// Its version.
        version: i32,
        /// Ours.
        known: i32,
    },
    /// The URL of the server is none.
    #[error("`store.url`: {0}")]
    Url(String),
    /// The database library this program was built with can damage files.
    #[error("this program was built with SQLite {0}, which can damage a file under load; build it with 3.51.3 or later")]
    Library(String),
}

fn with_pid(pid: &Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
