//! The SQLite store: one file, owned by one process, that survives a power cut.
//!
//! ```text
//! enqueue, claim, settle, …  --channel-->  writer thread: one transaction per group, one sync, then the answers
//! ```
//!
//! A claim is a matter of memory; what makes it last over a crash is one row per group in the claim journal. Fresh work for
//! which the dispatcher has room is written as handed over, so that most tasks are written twice: accepted and ended.
//!
//! | file | what it holds |
//! |---|---|
//! | `open`, `recover` | whose file it is, its version; what a dead process left |
//! | `answer` | answers that come in groups |
//! | `writer` | the thread: groups, and what a failure means for each call |
//! | `session` | one transaction after another, and its statements |
//! | `book`, `lanes` | what is known without asking: claims, counts, lanes |
//! | `calls` | the calls of the store |
//! | `enqueue`, `claim`, `settle`, `find` | what they do |
//! | `inspect` | looking a file over, and copying it |
//! | `keys` | order, replacing an older one, not repeating |
//! | `list` | pages of tasks, read on a connection of their own |
//! | `letters` | dead letters: requeued, or forgotten |
//! | `limits` | what was sent within long limits |
//! | `prune` | forgetting what is finished and old |
//! | `space` | how much room the disk has |
//! | `rows`, `schema.sql` | the tables, and how their rows are read |
//! | `failure` | what the database says, and what callers are told |

mod answer;
mod book;
mod calls;
mod claim;
mod endpoints;
mod enqueue;
mod failure;
mod find;
mod inspect;
mod keys;
mod lanes;
mod letters;
mod limits;
mod list;
mod open;
mod prune;
mod recover;
mod rows;
mod session;
mod settle;
mod space;
mod steps;
mod writer;

use std::{
    collections::HashSet,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;
use tokio::sync::mpsc;

pub use self::inspect::{Inspection, backup, inspect};
use self::{
    answer::answer,
    book::Book,
    failure::Failure,
    open::Owner,
    session::Session,
    space::Space,
    writer::{Call, Returning, Shared},
};
use super::{Durability, LIMITS_LOOK_BACK, OpenError, Store, StoreError, UrlPlatform, codec};
use crate::clock::Clock;

/// Calls that may wait for the writer; whoever calls beyond them waits for a place.
const CALLS_MAX: usize = 4096;

/// How a file is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqliteOptions {
    /// The file; made, with its folder, where there is none. Its lock lies beside it.
    pub path: PathBuf,
    /// [`Disk`](Durability::Disk) syncs every group to disk; [`Process`](Durability::Process) leaves that to the operating
    /// system, and a power cut may take the last seconds.
    pub durability: Durability,
    /// How long finished notifications are kept.
    pub retention: Duration,
    /// Waiting tasks at most. Default: as many as the disk holds.
    pub waiting_max: u64,
    /// How far rate limits look back at most. What a process was at when it died may have been sent, and counts for so long.
    /// Default: 1 day.
    pub limits_look_back: Duration,
}

impl SqliteOptions {
    /// A file that survives a power cut, and keeps finished notifications for 7 days.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let retention = Duration::from_secs(7 * 24 * 60 * 60);
        Self {
            path: path.into(),
            durability: Durability::Disk,
            retention,
            waiting_max: u64::MAX,
            limits_look_back: LIMITS_LOOK_BACK,
        }
    }
}

/// Keeps everything in one SQLite file. Dropped, it writes what was asked, and gives the file free.
pub struct SqliteStore {
    options: SqliteOptions,
    urls: Vec<UrlPlatform>,
    /// `None` once it is being dropped.
    calls: Option<mpsc::Sender<Box<dyn Call>>>,
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the file, or makes it, and takes up again what a process that died had under way. Blocks for as long as that
    /// takes.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the file, what is wrong with it, and the way out; the file is left as it is.
    pub fn open(options: SqliteOptions, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let (mut store, opened, calls) = Self::prepare(options, &clock)?;
        let (shared, path) = (store.shared.clone(), store.options.path.clone());
        let work = move || {
            // Given free last, when the file is closed.
            let Opened { _owner, db, book } = opened;
            match Session::new(&db, book, Space::of(&path)) {
                Ok(mut session) => writer::run(&db, &mut session, calls, &shared, &clock),
                Err(error) => tracing::error!(%error, path = %path.display(), "cannot prepare the store's statements"),
            }
        };
        let spawned = Builder::new().name("notifyhub-store".to_owned()).spawn(work);
        let writer = spawned.map_err(|error| OpenError::Io { path: store.options.path.clone(), reason: error.to_string() })?;
        store.writer = Mutex::new(Some(writer));
        Ok(store)
    }

    /// The same without a thread: the future that is returned is the writer, and works where it is polled. Each group of
    /// calls takes as long as `takes` says.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    #[cfg(any(test, feature = "testing"))]
    #[doc(hidden)]
    pub fn open_inline(
        options: SqliteOptions,
        clock: Arc<dyn Clock>,
        takes: impl Fn() -> Duration + 'static,
    ) -> Result<(Self, impl Future<Output = ()> + 'static), OpenError> {
        let (store, opened, calls) = Self::prepare(options, &clock)?;
        let (shared, path) = (store.shared.clone(), store.options.path.clone());
        let writer = async move {
            let Opened { _owner, db, book } = opened;
            match Session::new(&db, book, Space::of(&path)) {
                Ok(mut session) => writer::run_inline(&db, &mut session, calls, &shared, &clock, takes).await,
                Err(error) => tracing::error!(%error, path = %path.display(), "cannot prepare the store's statements"),
            }
        };
        Ok((store, writer))
    }

    /// A store whose writer does not work yet, and what that needs.
    fn prepare(options: SqliteOptions, clock: &Arc<dyn Clock>) -> Result<(Self, Opened, Calls), OpenError> {
        let path = options.path.clone();
        let cannot = |error: Failure| match error {
            Failure::Database(error) => open::refused(&path, &error),
            other => OpenError::Database { path: path.clone(), reason: other.to_string() },
        };
        let owner = Owner::take(&options.path)?;
        let mut db = open::connect(&options.path, options.durability)?;
        let book = recover::recover(&mut db, codec::nanos(clock.wall()), options.limits_look_back).map_err(cannot)?;
        let urls = recover::urls(&db).map_err(|error| cannot(error.into()))?;
        let shared = Arc::new(Shared { counts: Mutex::new(book.counts), ..Shared::default() });
        let (calls, receiver) = mpsc::channel(CALLS_MAX);
        let store = Self { options, urls, calls: Some(calls), shared, writer: Mutex::new(None) };
        Ok((store, Opened { _owner: owner, db, book }, receiver))
    }

    /// Lets the writer do `work` in its next transaction, and waits until that is on disk.
    async fn call<T: Send + 'static>(
        &self,
        work: impl FnMut(&mut Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call_with(false, work).await
    }

    /// The same; `together` says whether the caller may be woken by others that are answered with him.
    async fn call_with<T: Send + 'static>(
        &self,
        together: bool,
        work: impl FnMut(&mut Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answered) = answer();
        let calls = self.calls.as_ref().ok_or(StoreError::Closed)?;
        let call = Box::new(Returning { work, value: None, reply, together });
        calls.send(call).await.map_err(|_| StoreError::Closed)?;
        answered.await.ok_or(StoreError::Closed)?
    }

    /// Reads the file beside the writer, told which tasks are claimed at this moment.
    async fn read_apart<T: Send + 'static>(
        &self,
        read: impl FnOnce(&HashSet<i64>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let claimed: HashSet<i64> = self.call(|session| Ok(session.book.claimed().map(|leased| leased.seq).collect())).await?;
        let read = tokio::task::spawn_blocking(move || read(&claimed)).await;
        read.map_err(|error| StoreError::Unavailable(error.to_string()))?.map_err(Failure::told)
    }
}

/// What the writer is asked.
type Calls = mpsc::Receiver<Box<dyn Call>>;

/// An open file, as its writer needs it. What is given free last stands last.
struct Opened {
    db: Connection,
    book: Book,
    _owner: Owner,
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        drop(self.calls.take());
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take()
            && writer.join().is_err()
        {
            tracing::error!("the store's thread panicked");
        }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("options", &self.options).field("counts", &self.counts()).finish_non_exhaustive()
    }
}
