//! The PostgreSQL store: one database that any number of processes share.
//!
//! ```text
//! enqueue  --channel-->  intake: one statement per group, then the answers
//! claim, settle, …       one statement or transaction each, on a connection of the pool
//! life                   a sign of life, lost nodes' tasks, and what others left, every half second
//! ```
//!
//! A process is a node: a row with a deadline by the database's clock. What it has claimed carries its number and a token, and
//! is its own as long as the node's row is there; every write shows the token. Rows are claimed with `SKIP LOCKED`, so nodes
//! do not wait for each other. No call needs a session: a pooler that shares connections by transaction may stand between, so
//! statements have no names. Whatever is done can be done twice: a call whose answer was lost is made again.
//!
//! | file | what it holds |
//! |---|---|
//! | `connect` | what the URL says, TLS, and connections |
//! | `open` | whether the server can be used, and its schema |
//! | `core`, `book` | what calls share; what is known without asking |
//! | `intake`, `enqueue` | groups of what is accepted, and how they are stored |
//! | `keys` | once per key, order, replacing an older one, not repeating |
//! | `claim`, `settle`, `find`, `list`, `letters`, `prune` | the calls |
//! | `life`, `listen` | being a node among others |
//! | `rows`, `schema.sql` | the tables, and how their rows are read |
//! | `failure` | what the server says, what is tried again, and what callers are told |

mod book;
mod claim;
mod connect;
mod core;
mod enqueue;
mod failure;
mod find;
mod intake;
mod keys;
mod letters;
mod life;
mod list;
mod listen;
mod open;
mod prune;
mod rows;
mod settle;

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use notifyhub_platforms::contract::Secret;
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::AbortHandle,
};
use tokio_postgres::Row;

use self::{
    connect::Way,
    core::{Core, retrying},
    failure::Failure,
    intake::{Call, settle_in},
};
use super::{
    ArrivalSender, Cancelled, Claimed, Counts, Credits, Cursor, Durability, Enqueued, LeaseToken, OpenError, Page, Released,
    Settled, Settlement, Shared, Store, StoreError, Submission, TaskFilter, UrlPlatform,
};
use crate::{
    clock::Clock,
    failpoint::failpoint,
    task::{NotificationId, Outcome, PlatformName, Task},
};

/// Calls that may wait to be stored; whoever calls beyond them waits for a place.
const CALLS_MAX: usize = 4096;

/// How a database is used.
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// `postgres://USER:PASSWORD@HOST:PORT/DATABASE`; see [`StoreConfig::url`](crate::config::StoreConfig::url).
    pub url: Secret,
    /// [`Disk`](Durability::Disk) refuses a server that answers before what it keeps is on disk;
    /// [`Process`](Durability::Process) takes any.
    pub durability: Durability,
    /// How long finished notifications are kept.
    pub retention: Duration,
    /// How long what a node has claimed stays its own after it was last heard of.
    pub lease: Duration,
    /// Waiting tasks at most, as far as one node can tell. Default: as many as the disk holds.
    pub waiting_max: u64,
}

impl PostgresOptions {
    /// A database that survives a power cut and keeps finished notifications for 7 days; leases last 45 s.
    pub fn new(url: impl Into<Box<str>>) -> Self {
        let retention = Duration::from_secs(7 * 24 * 60 * 60);
        let lease = Duration::from_secs(45);
        Self { url: Secret::new(url), durability: Durability::Disk, retention, lease, waiting_max: u64::MAX }
    }
}

/// Keeps everything in a PostgreSQL database, which other processes may use at the same time. Dropped, its node is given up
/// when its lease is over.
pub struct PostgresStore {
    core: Arc<Core>,
    urls: Vec<UrlPlatform>,
    intake: mpsc::Sender<Call>,
    tasks: Vec<AbortHandle>,
}

impl PostgresStore {
    /// Connects, brings the schema to this program's version, and becomes a node. Its own tasks run on `runtime`; `name` is
    /// what others know this process by.
    ///
    /// # Errors
    ///
    /// [`OpenError`] names the server, what is wrong with it, and the way out.
    pub async fn open(options: PostgresOptions, name: &str, runtime: &Handle, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let way = Way::parse(options.url.expose())?;
        let server = way.server.clone();
        let refused = |failure: Failure| OpenError::Server { server: server.clone(), reason: failure.to_string() };
        // Its own connection: a pool does not say why a server cannot be used.
        let connecting = tokio::time::timeout(core::CALL_TIMEOUT, way.config.connect(way.tls.clone())).await;
        let connecting = connecting.map_err(|_| refused(Failure::Slow))?;
        let (mut client, connection) = connecting.map_err(|error| refused(error.into()))?;
        let connection = runtime.spawn(connection);
        open::check(&client, &server, options.durability).await?;
        open::migrate(&mut client, &server).await?;
        let (give_back, refused_leases) = mpsc::unbounded_channel();
        let pool = way.pool(options.durability)?;
        let core = Arc::new(Core::new(options, pool, clock, (name.into(), server.clone()), give_back));
        life::register(&core, &client).await.map_err(refused)?;
        let sql = "SELECT platform, url, trusted FROM notifyhub.url";
        let urls = client.query_typed(sql, &[]).await.map_err(|error| refused(error.into()))?;
        let urls: Vec<UrlPlatform> = urls.iter().map(url_platform).collect::<Result<_, _>>().map_err(refused)?;
        core.book().urls.extend(urls.iter().map(|url| url.name.clone()));
        drop(client);
        connection.abort();
        let (intake, calls) = mpsc::channel(CALLS_MAX);
        let tasks = vec![
            runtime.spawn(intake::run(core.clone(), calls)).abort_handle(),
            runtime.spawn(life::live(core.clone())).abort_handle(),
            runtime.spawn(life::tell(core.clone())).abort_handle(),
            runtime.spawn(life::give_back(core.clone(), refused_leases)).abort_handle(),
            runtime.spawn(listen::listen(core.clone(), way)).abort_handle(),
        ];
        Ok(Self { core, urls, intake, tasks })
    }
}

/// A platform that came as a URL, of a row `platform, url, trusted`.
fn url_platform(row: &Row) -> Result<UrlPlatform, Failure> {
    let url = Arc::new(Secret::new(row.try_get::<_, String>(1)?));
    Ok(UrlPlatform { name: PlatformName::internal(row.try_get::<_, String>(0)?), url, trusted: row.try_get(2)? })
}

/// Gives claimed tasks back.
async fn release(core: &Core, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Released, Failure> {
    let back = retrying!(core, |client| {
        let transaction = client.transaction().await?;
        settle::lock_claimed(core, transaction.client(), leases.iter().map(|(token, _)| *token)).await?;
        let back = settle::release(core, transaction.client(), leases).await?;
        transaction.commit().await?;
        Ok(back)
    })?;
    core.committed();
    let client = core.client().await?;
    settle::released(core, &client, leases, back).await
}

impl Drop for PostgresStore {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore")
            .field("server", &self.core.server)
            .field("node", &self.core.name)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for PostgresStore {
    fn durability(&self) -> Durability {
        self.core.options.durability
    }

    fn shared(&self) -> Option<Shared> {
        Some(Shared { node: self.core.name.clone(), lease: self.core.lease.clone() })
    }

    fn urls(&self) -> Vec<UrlPlatform> {
        self.urls.clone()
    }

    fn announce_to(&self, arrivals: ArrivalSender) {
        *self.core.arrivals() = Some(arrivals);
    }

    async fn enqueue(&self, submissions: Vec<Submission>) -> Result<Vec<Enqueued>, StoreError> {
        let core = &*self.core;
        if !submissions.iter().any(keys::is_keyed) {
            let (reply, answered) = oneshot::channel();
            self.intake.send(Call { submissions, reply }).await.map_err(|_| StoreError::Closed)?;
            return answered.await.map_err(|_| StoreError::Closed)?;
        }
        let added: usize = submissions.iter().map(|submission| submission.tasks.len()).sum();
        let (waiting, max) = (core.book().counts().waiting, core.options.waiting_max);
        let stored: Result<keys::Stored, Failure> = retrying!(core, |client| {
            let transaction = client.transaction().await?;
            let stored = keys::enqueue(core, transaction.client(), &submissions, core.node()).await?;
            if stored.added > 0 && waiting.saturating_add(added as u64) > max {
                return Err(StoreError::Full { waiting, max }.into());
            }
            transaction.commit().await?;
            Ok(stored)
        });
        let keys::Stored { answers, placed, added, alive } = stored.map_err(Failure::told)?;
        core.committed();
        {
            let mut book = core.book();
            let reached = answers.iter().filter_map(|answer| match answer {
                Enqueued::StoredInstead(cancelled) => Some(cancelled),
                _ => None,
            });
            book.own.cancelled += reached.flat_map(|all| all.iter()).map(|one| one.cancelled.len() as i64).sum::<i64>();
        }
        settle_in(core, placed, Ok(alive), added).map_err(Failure::told)?;
        failpoint!("accept.synced");
        Ok(answers)
    }

    async fn enqueue_in(
        &self,
        transaction: &tokio_postgres::Transaction<'_>,
        submissions: &[Submission],
    ) -> Result<Vec<Enqueued>, StoreError> {
        // Counted under no node: nobody else waits for the caller to commit.
        let stored = keys::enqueue(&self.core, transaction.client(), submissions, 0).await;
        Ok(stored.map_err(Failure::told)?.answers)
    }

    async fn claim(&self, credits: &Credits) -> Result<Claimed, StoreError> {
        let core = &*self.core;
        let _alone = core.claiming.lock().await;
        let claimed: Result<Claimed, Failure> = retrying!(core, |client| claim::claim(core, client, credits).await);
        core.committed();
        failpoint!("claim.committed");
        claimed.map_err(Failure::told)
    }

    async fn settle(&self, settlements: &Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError> {
        let core = &*self.core;
        let tokens = || settlements.iter().map(|settlement| settlement.token);
        let settled: Result<Vec<Settled>, Failure> = retrying!(core, |client| {
            let retries = settlements.iter().any(|one| matches!(one.disposition, crate::task::Disposition::Retry { .. }));
            let done = if retries || settle::any_chained(core, tokens()) {
                let transaction = client.transaction().await?;
                settle::lock_claimed(core, transaction.client(), tokens()).await?;
                let done = settle::settle(core, transaction.client(), settlements).await?;
                transaction.commit().await?;
                done
            } else {
                settle::settle(core, client, settlements).await?
            };
            failpoint!("complete.committed");
            settle::answers(core, client, settlements, done).await
        });
        core.committed();
        settled.map_err(Failure::told)
    }

    async fn release(&self, leases: Vec<(LeaseToken, Arc<Task>)>) -> Result<Released, StoreError> {
        release(&self.core, &leases).await.map_err(Failure::told)
    }

    async fn cancel(&self, notification: NotificationId) -> Result<Cancelled, StoreError> {
        let core = &*self.core;
        let cancelled: Result<Cancelled, Failure> = retrying!(core, |client| {
            let transaction = client.transaction().await?;
            let reached = find::cancel_those(core, transaction.client(), notification, None).await?;
            transaction.commit().await?;
            Ok(reached)
        });
        let cancelled = cancelled.map_err(Failure::told)?;
        core.committed();
        core.book().own.cancelled += cancelled.cancelled.len() as i64;
        Ok(cancelled)
    }

    async fn find(&self, notification: NotificationId) -> Result<Option<Arc<Outcome>>, StoreError> {
        let found: Result<_, Failure> = retrying!(&self.core, |client| find::find(client, notification).await);
        Ok(found.map_err(Failure::told)?.map(Arc::new))
    }

    async fn list(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError> {
        let page: Result<Page, Failure> = retrying!(&self.core, |client| list::page(client, filter, after, max).await);
        page.map_err(Failure::told)
    }

    async fn requeue(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        let core = &*self.core;
        let lanes: Result<Vec<String>, Failure> = retrying!(core, |client| {
            let transaction = client.transaction().await?;
            let lanes = letters::requeue(core, transaction.client(), filter, max).await?;
            transaction.commit().await?;
            Ok(lanes)
        });
        let lanes = lanes.map_err(Failure::told)?;
        let count = lanes.len();
        if count > 0 {
            let mut book = core.book();
            book.own.dead -= count as i64;
            book.ready.extend(lanes);
            book.next_wake = 0;
            drop(book);
            core.tell_all();
        }
        Ok(count)
    }

    async fn drop_dead(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        let dropped: Result<usize, Failure> = retrying!(&self.core, |client| {
            let transaction = client.transaction().await?;
            let dropped = letters::drop_dead(transaction.client(), filter, max).await?;
            transaction.commit().await?;
            Ok(dropped)
        });
        dropped.map_err(Failure::told)
    }

    async fn prune(&self) -> Result<bool, StoreError> {
        let (core, retention) = (&*self.core, self.core.options.retention);
        let pruned: Result<_, Failure> = retrying!(core, |client| {
            let transaction = client.transaction().await?;
            let pruned = prune::prune(core, transaction.client(), retention).await?;
            transaction.commit().await?;
            Ok(pruned)
        });
        let (more, next) = pruned.map_err(Failure::told)?;
        core.book().pruned_to = next;
        Ok(more)
    }

    fn counts(&self) -> Counts {
        self.core.book().counts()
    }
}
