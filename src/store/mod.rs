//! Where accepted work is kept: the seam between the engine and a database.
//!
//! Everything comes in batches, and every claimed task carries a [`LeaseToken`] that each later write must show: a late
//! result of an earlier claim changes nothing. A store knows no platform and no worker.
//!
//! | file | what it holds |
//! |---|---|
//! | `arrivals` | how a store tells the dispatcher that there is work, and hands fresh work straight over |
//! | `memory/` | the memory store |
//! | `sqlite/` | one file, owned by one process |
//! | `postgres/` | one database, shared by many processes |
//! | `error` | how a call can fail, and how opening can |
//! | `filter` | which tasks are meant, and a page of them |
//! | `rank` | the order of tasks within a lane |
//! | `codec` | how messages and attempts are written into a database |

mod arrivals;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod codec;
mod error;
mod filter;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod rank;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use notifyhub_platforms::contract::Secret;

pub use arrivals::{ArrivalReceiver, ArrivalSender, FreshReceiver, arrivals};
pub use error::{OpenError, StoreError};
pub use filter::{Cursor, ListedTask, Page, TaskFilter};
pub use memory::{MemoryLimits, MemoryStore};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{Inspection, SqliteOptions, SqliteStore, backup, inspect};
/// The client library whose transactions [`Hub::enqueue_in`](crate::Hub::enqueue_in) takes.
#[cfg(feature = "postgres")]
pub use tokio_postgres;

use crate::clock::Deadline;
use crate::task::{Attempt, Disposition, Head, LaneKey, NotificationId, Outcome, PlatformName, Task, TaskId};

/// How long an idempotency key is remembered.
const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Attempts of one task that are kept; the oldest are forgotten first.
const ATTEMPTS_MAX: usize = 50;

/// What an accepted notification survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// Nothing: it is gone with the process.
    Memory,
    /// A killed process.
    Process,
    /// A power cut.
    Disk,
}

/// A notification to be stored, with all its tasks: both or neither.
#[derive(Debug)]
pub struct Submission {
    /// What its tasks share.
    pub head: Arc<Head>,
    /// One per target, in the caller's order.
    pub tasks: Arc<[Arc<Task>]>,
    /// The caller's key and the hash of what he sent with it.
    pub idempotency: Option<(Arc<str>, u64)>,
    /// What else it asks of the store.
    pub keys: Keys,
    /// The URLs behind those of its platforms that are none of the configuration's; no others can be made again after a
    /// restart.
    pub urls: Vec<UrlPlatform>,
}

/// What a submission asks of the store besides being kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// Tasks of one platform and key are claimed one after the other.
    pub order: Option<Arc<str>>,
    /// What waits of the last one with this key is cancelled.
    pub replace: Option<Arc<str>>,
    /// Targets for which the same content, by its hash, was accepted within this time are cancelled.
    pub dedupe: Option<(u64, Duration)>,
}

/// A platform that came as a URL.
#[derive(Debug, Clone)]
pub struct UrlPlatform {
    /// The name it was given.
    pub name: PlatformName,
    /// The URL.
    pub url: Arc<Secret>,
    /// Whether it may lead into private networks: whoever named it may do anything here.
    pub trusted: bool,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Enqueued {
    /// It is stored.
    Stored,
    /// It is stored, and these were cancelled by that: what it replaces, and its own tasks that repeat others.
    StoredInstead(Arc<[Cancelled]>),
    /// The same key came with the same content before: this is the notification that was stored then.
    Known(NotificationId),
    /// The same key came with other content before. Nothing was stored.
    Conflict(NotificationId),
}

/// Proof of one claim of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub u64);

/// A claimed task.
#[derive(Debug, Clone)]
pub struct Lease {
    /// To be shown by every write.
    pub token: LeaseToken,
    /// What is to be done.
    pub task: Arc<Task>,
    /// Attempts so far that counted.
    pub counted: u32,
    /// All attempts so far.
    pub tries: u32,
}

/// How much the dispatcher wants of each lane.
#[derive(Debug, Clone, Default)]
pub struct Credits {
    /// Most tasks in all.
    pub total: usize,
    /// Lanes with a credit of their own; 0 claims nothing.
    pub lanes: Vec<(LaneKey, usize)>,
    /// The credit of every lane not named.
    pub others: usize,
}

impl Credits {
    /// The credit of one lane.
    pub fn of(&self, lane: &LaneKey) -> usize {
        self.lanes.iter().find(|(named, _)| named == lane).map_or(self.others, |(_, credit)| *credit)
    }
}

/// What was claimed.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The claimed tasks, oldest first within a lane.
    pub leases: Vec<Lease>,
    /// Lanes on which due tasks were left for want of credit.
    pub left: Vec<LaneKey>,
    /// When the next waiting task becomes due or expires, if one does.
    pub next_due: Option<SystemTime>,
    /// Platforms of these tasks that another process was given as URLs, and this one does not know yet.
    pub urls: Vec<UrlPlatform>,
}

/// What a process must know whose store is used by others too.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The name the others know this process by.
    pub node: Arc<str>,
    /// Until when what it has claimed may be sent: later others may have it.
    pub lease: Deadline,
}

/// What became of a claimed task.
#[derive(Debug)]
pub struct Settlement {
    /// The claim.
    pub token: LeaseToken,
    /// The task.
    pub task: Arc<Task>,
    /// The attempt, if one was made.
    pub attempt: Option<Attempt>,
    /// What becomes of it.
    pub disposition: Disposition,
}

/// What a settlement did.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It was written; other tasks of the notification are not final yet, or this one is not.
    Applied,
    /// It was written, and with it all tasks of the notification are final: this is what became of them.
    Finished(Arc<Outcome>),
    /// The token was stale: nothing was changed.
    Stale,
}

/// How many tasks are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// All that were ever accepted. Equals the sum of the others.
    pub accepted: u64,
    /// Waiting.
    pub waiting: u64,
    /// Claimed.
    pub leased: u64,
    /// Delivered.
    pub delivered: u64,
    /// Dead.
    pub dead: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Expired.
    pub expired: u64,
    /// Settlements refused for a stale token; not part of the sum.
    pub stale: u64,
}

/// Keeps accepted work. Sealed in spirit until 1.0: methods may be added.
///
/// # Cancellation
///
/// A dropped future leaves its call done or not done, never half.
#[async_trait]
pub trait Store: Send + Sync + fmt::Debug + 'static {
    /// What it survives.
    fn durability(&self) -> Durability;

    /// What follows from being shared by many processes, if it is.
    fn shared(&self) -> Option<Shared> {
        None
    }

    /// The platforms that came as URLs before this process. For the start.
    fn urls(&self) -> Vec<UrlPlatform> {
        Vec::new()
    }

    /// Says where to announce arrivals from now on. Called once, before anything is enqueued.
    fn announce_to(&self, arrivals: ArrivalSender);

    /// Stores submissions, each with all its tasks or not at all; answers in order.
    async fn enqueue(&self, submissions: Vec<Submission>) -> Result<Vec<Enqueued>, StoreError>;

    /// The same in a transaction of the caller's own: they are accepted when he commits.
    #[cfg(feature = "postgres")]
    async fn enqueue_in(
        &self,
        _transaction: &tokio_postgres::Transaction<'_>,
        _submissions: &[Submission],
    ) -> Result<Vec<Enqueued>, StoreError> {
        Err(StoreError::Unstorable("only a store in PostgreSQL can be written to in a transaction of its user's own".to_owned()))
    }

    /// Claims due tasks within `credits`, and whatever has expired besides: ending it needs no credit.
    async fn claim(&self, credits: &Credits) -> Result<Claimed, StoreError>;

    /// Writes what became of claimed tasks; answers in order.
    async fn settle(&self, settlements: &Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError>;

    /// Gives claimed tasks back unattempted: they wait again, in their old place; those that were cancelled meanwhile
    /// are final now, and returned. A stale token changes nothing.
    async fn release(&self, leases: Vec<(LeaseToken, Arc<Task>)>) -> Result<Released, StoreError>;

    /// Cancels the waiting tasks of a notification and marks its claimed ones, so that they are not tried again.
    /// Returns which were cancelled and which were marked.
    async fn cancel(&self, notification: NotificationId) -> Result<Cancelled, StoreError>;

    /// Everything known about a notification; `None` if there is none or it was forgotten.
    async fn find(&self, notification: NotificationId) -> Result<Option<Arc<Outcome>>, StoreError>;

    /// A page of at most `max` tasks that `filter` means, newest first, from `after` on.
    async fn list(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError>;

    /// Lets at most `max` of the dead tasks that `filter` means wait again, behind all others, with all their attempts
    /// before them. Returns how many; none when there are none left.
    async fn requeue(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError>;

    /// Forgets at most `max` of the dead tasks that `filter` means. Returns how many; none when there are none left.
    async fn drop_dead(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError>;

    /// Forgets a slice of what is finished and old, and of idempotency keys whose time is over; returns whether there may
    /// be more. To be called now and then.
    async fn prune(&self) -> Result<bool, StoreError>;

    /// Why it can promise nothing any more, if its disk failed.
    fn broken(&self) -> Option<StoreError> {
        None
    }

    /// How many tasks are in which state. Kept, not counted: cheap.
    fn counts(&self) -> Counts;
}

/// What became of released tasks that were cancelled while they were claimed; the others wait again.
#[derive(Debug, Clone, Default)]
pub struct Released {
    /// Tasks that are cancelled now.
    pub cancelled: Vec<Arc<Task>>,
    /// What became of the notifications all of whose tasks are final by that.
    pub finished: Vec<Arc<Outcome>>,
}

/// What a cancellation reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cancelled {
    /// Tasks that are cancelled now.
    pub cancelled: Vec<Arc<Task>>,
    /// Tasks being sent: they will not be tried again, but may be delivered.
    pub under_way: Vec<TaskId>,
    /// What became of the notification, if all its tasks are final by that.
    pub finished: Option<Arc<Outcome>>,
}
