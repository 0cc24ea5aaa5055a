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
//! | `open` | whose file it is, its version, what a dead process left |
//! | `answer` | answers that come in groups |
//! | `writer` | the thread: groups, and what a failure means for each call |
//! | `session` | one transaction after another, and its statements |
//! | `book`, `lanes` | what is known without asking: claims, counts, lanes |
//! | `enqueue`, `claim`, `settle`, `find` | the calls |
//! | `inspect` | looking a file over, and copying it |
//! | `keys` | order, replacing an older one, not repeating |
//! | `list` | pages of tasks, read on a connection of their own |
//! | `letters` | dead letters: requeued, or forgotten |
//! | `prune` | forgetting what is finished and old |
//! | `space` | how much room the disk has |
//! | `rows`, `schema.sql` | the tables, and how their rows are read |
//! | `failure` | what the database says, and what callers are told |

mod answer;
mod book;
mod claim;
mod enqueue;
mod failure;
mod find;
mod inspect;
mod keys;
mod lanes;
mod letters;
mod list;
mod open;
mod prune;
mod rows;
mod session;
mod settle;
mod space;
mod writer;

use std::{
    collections::HashSet,
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::mpsc;

pub use self::inspect::{Inspection, backup, inspect};
use self::{
    answer::answer,
    failure::Failure,
    list::List,
    open::Owner,
    session::Session,
    space::Space,
    writer::{Call, Returning, Shared},
};
use super::{
    ArrivalSender, Cancelled, Claimed, Counts, Credits, Cursor, Durability, Enqueued, LeaseToken, OpenError, Page, Released,
    Settled, Settlement, Store, StoreError, Submission, TaskFilter, UrlPlatform, codec,
};
use crate::{
    clock::Clock,
    failpoint::failpoint,
    task::{NotificationId, Outcome, Task},
};

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
}

impl SqliteOptions {
    /// A file that survives a power cut, and keeps finished notifications for 7 days.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let retention = Duration::from_secs(7 * 24 * 60 * 60);
        Self { path: path.into(), durability: Durability::Disk, retention, waiting_max: u64::MAX }
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
        let path = options.path.clone();
        let cannot = |error: Failure| match error {
            Failure::Database(error) => open::refused(&path, &error),
            other => OpenError::Database { path: path.clone(), reason: other.to_string() },
        };
        let owner = Owner::take(&options.path)?;
        let mut db = open::connect(&options.path, options.durability)?;
        let book = open::recover(&mut db, codec::nanos(clock.wall())).map_err(cannot)?;
        let urls = open::urls(&db).map_err(|error| cannot(error.into()))?;
        let shared = Arc::new(Shared { counts: Mutex::new(book.counts), ..Shared::default() });
        let (calls, receiver) = mpsc::channel(CALLS_MAX);
        let (for_writer, path) = (shared.clone(), options.path.clone());
        let work = move || {
            // Given free last, when the file is closed.
            let _owner = owner;
            let session = Session::new(&db, book, Space::of(&path));
            match session {
                Ok(mut session) => writer::run(&db, &mut session, receiver, &for_writer, &clock),
                Err(error) => tracing::error!(%error, path = %path.display(), "cannot prepare the store's statements"),
            }
        };
        let spawned = Builder::new().name("notifyhub-store".to_owned()).spawn(work);
        let writer = spawned.map_err(|error| OpenError::Io { path: options.path.clone(), reason: error.to_string() })?;
        Ok(Self { options, urls, calls: Some(calls), shared, writer: Mutex::new(Some(writer)) })
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

#[async_trait]
impl Store for SqliteStore {
    fn durability(&self) -> Durability {
        self.options.durability
    }

    fn urls(&self) -> Vec<UrlPlatform> {
        self.urls.clone()
    }

    fn announce_to(&self, arrivals: ArrivalSender) {
        *self.shared.arrivals.lock().unwrap_or_else(PoisonError::into_inner) = Some(arrivals);
    }

    async fn enqueue(&self, submissions: Vec<Submission>) -> Result<Vec<Enqueued>, StoreError> {
        let waiting_max = self.options.waiting_max;
        let stored = self.call_with(true, move |session| session.enqueue(&submissions, waiting_max)).await;
        failpoint!("accept.synced");
        stored
    }

    async fn claim(&self, credits: &Credits) -> Result<Claimed, StoreError> {
        let credits = credits.clone();
        let claimed = self.call(move |session| session.claim(&credits)).await;
        failpoint!("claim.committed");
        claimed
    }

    async fn begin(&self, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Vec<bool>, StoreError> {
        let tokens: Vec<LeaseToken> = leases.iter().map(|(token, _)| *token).collect();
        let begun = self.call(move |session| tokens.iter().map(|token| session.begin_sending(*token)).collect()).await;
        failpoint!("begin.committed");
        begun
    }

    async fn settle(&self, settlements: &Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError> {
        let settlements = settlements.clone();
        let settled = self.call(move |session| settlements.iter().map(|settlement| session.settle(settlement)).collect()).await;
        failpoint!("complete.committed");
        settled
    }

    async fn release(&self, leases: Vec<(LeaseToken, Arc<Task>)>) -> Result<Released, StoreError> {
        self.call(move |session| session.release(&leases)).await
    }

    async fn cancel(&self, notification: NotificationId) -> Result<Cancelled, StoreError> {
        self.call(move |session| session.cancel(notification)).await
    }

    async fn find(&self, notification: NotificationId) -> Result<Option<Arc<Outcome>>, StoreError> {
        self.call(move |session| Ok(session.find(notification)?.map(Arc::new))).await
    }

    async fn list(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError> {
        let after = after.map(|cursor| cursor.0.parse::<i64>()).transpose();
        let after = after.map_err(|_| StoreError::Cursor)?;
        let claimed: HashSet<i64> = self.call(|session| Ok(session.book.claimed().map(|leased| leased.seq).collect())).await?;
        let (filter, path) = (filter.clone(), self.options.path.clone());
        let read = move || list::page(&path, &List { filter: &filter, after, max, claimed: &claimed });
        let read = tokio::task::spawn_blocking(read).await.map_err(|error| StoreError::Unavailable(error.to_string()))?;
        read.map_err(Failure::told)
    }

    async fn requeue(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        let filter = filter.clone();
        self.call(move |session| session.requeue(&filter, max)).await
    }

    async fn drop_dead(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        let filter = filter.clone();
        self.call(move |session| session.drop_dead(&filter, max)).await
    }

    async fn prune(&self) -> Result<bool, StoreError> {
        let retention = self.options.retention;
        self.call(move |session| session.prune(retention)).await
    }

    fn broken(&self) -> Option<StoreError> {
        self.shared.broken()
    }

    fn counts(&self) -> Counts {
        *self.shared.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
