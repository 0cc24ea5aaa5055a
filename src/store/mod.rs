//! Where accepted work is kept: the seam between the engine and a database.
//!
//! Everything comes in batches, and every claimed task carries a [`LeaseToken`] that each later write must show: a late
//! result of an earlier claim changes nothing. A store knows no platform and no worker.
//!
//! | file | what it holds |
//! |---|---|
//! | `work` | what goes into a store and comes out of it |
//! | `arrivals` | how a store tells the dispatcher that there is work, and hands fresh work straight over |
//! | `memory/` | the memory store |
//! | `sqlite/` | one file, owned by one process |
//! | `postgres/` | one database, shared by many processes |
//! | `endpoint` | endpoints that fail |
//! | `limits` | rate limits that outlast a process |
//! | `error` | how a call can fail, and how opening can |
//! | `filter` | which tasks are meant, and a page of them |
//! | `rank` | the order of tasks within a lane |
//! | `codec`, `history` | how messages, and what was tried, are written into a database |

mod arrivals;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod codec;
mod endpoint;
mod error;
mod filter;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod history;
mod limits;
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
mod rank;
#[cfg(feature = "sqlite")]
mod sqlite;
mod work;

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use async_trait::async_trait;

pub use arrivals::{ArrivalReceiver, ArrivalSender, FreshReceiver, arrivals};
pub use endpoint::{Disabled, Endpoint, Failing};
pub use error::{OpenError, StoreError};
pub use filter::{Cursor, ListedTask, Page, TaskFilter};
pub use limits::{Accounting, Limit, Owned, Spends, Spent, Whose};
pub use memory::{MemoryLimits, MemoryStore};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
#[cfg(feature = "sqlite")]
pub use sqlite::{Inspection, SqliteOptions, SqliteStore, backup, inspect};
/// The client library whose transactions [`Hub::enqueue_in`](crate::Hub::enqueue_in) takes.
#[cfg(feature = "postgres")]
pub use tokio_postgres;

pub use rank::freshness;
pub use work::{
    Cancelled, Claimed, Counts, Credits, Enqueued, Keys, Lease, LeaseToken, Released, Settled, Settlement, Submission,
    UrlPlatform,
};

use crate::{
    clock::Deadline,
    task::{NotificationId, Outcome, Task, TaskId},
};

/// How long an idempotency key is remembered.
const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// How far rate limits look back where nothing else is said.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub const LIMITS_LOOK_BACK: Duration = Duration::from_secs(24 * 60 * 60);

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

/// What a process must know whose store is used by others too.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The name the others know this process by.
    pub node: Arc<str>,
    /// Until when what it has claimed may be sent: later others may have it.
    pub lease: Deadline,
    /// Counts how often that was over before it was moved ahead: what the process owned before may be another's.
    pub epoch: Arc<AtomicU64>,
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

    /// Writes down that sending these claimed tasks is about to begin: if the process dies before they are settled or
    /// released, they are not tried again but [dead](crate::task::DeadReason::Ambiguous). Answers in order which of them may
    /// be sent: not those whose claim is stale, and not those that were cancelled meanwhile.
    async fn begin(&self, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Vec<bool>, StoreError>;

    /// How many calls of [`settle`](Self::settle) are worth having under way at once. A store that puts calls of all kinds
    /// into groups of its own takes the next one while it writes one; any other has more of each call if they come one by one.
    fn settles_at_once(&self) -> usize {
        1
    }

    /// Writes what became of claimed tasks; answers in order. Whether a claim that is to be [kept](Settlement::keeps) is, the store
    /// decides; one that was cancelled meanwhile is not. To be told the same twice changes nothing more.
    async fn settle(&self, settlements: &Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError>;

    /// Gives claimed tasks back unattempted: they wait again, in their old place; those that were cancelled meanwhile
    /// are final now, and returned. A stale token changes nothing.
    async fn release(&self, leases: Vec<(LeaseToken, Arc<Task>)>) -> Result<Released, StoreError>;

    /// Asks which process sends within these limits, and what was sent within them before; what nobody owns is this one's own
    /// from now on. Answers in order.
    async fn own(&self, limits: &[Limit]) -> Result<Vec<Owned>, StoreError>;

    /// Owns these limits no more.
    async fn disown(&self, _limits: &[Limit]) -> Result<(), StoreError> {
        Ok(())
    }

    /// The endpoints that were [kept](Self::keep_endpoint).
    async fn endpoints(&self) -> Result<Vec<Failing>, StoreError>;

    /// Keeps how an endpoint fails, in place of what was kept of it before.
    async fn keep_endpoint(&self, failing: &Failing) -> Result<(), StoreError>;

    /// Forgets an endpoint: it fails no more, or may be sent to again. Whether anything was kept of it.
    async fn forget_endpoint(&self, endpoint: &Endpoint) -> Result<bool, StoreError>;

    /// Cancels the waiting tasks of a notification and marks its claimed ones, so that they are not tried again.
    /// Returns which were cancelled and which were marked.
    async fn cancel(&self, notification: NotificationId) -> Result<Cancelled, StoreError>;

    /// Everything known about a notification; `None` if there is none or it was forgotten.
    async fn find(&self, notification: NotificationId) -> Result<Option<Arc<Outcome>>, StoreError>;

    /// A page of at most `max` tasks that `filter` means, newest first, from `after` on.
    async fn list(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError>;

    /// How many tasks that nobody has claimed go before this one on its lane, counted up to `max`; `None` if it does not wait there:
    /// claimed, not due, held back by another, ended or unknown.
    async fn waiting_before(&self, task: TaskId, max: usize) -> Result<Option<usize>, StoreError>;

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
