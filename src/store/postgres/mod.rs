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
//! statements have no names; those that run often are routines of the database, which are planned once. Whatever is done can
//! be done twice: a call whose answer was lost is made again.
//!
//! | file | what it holds |
//! |---|---|
//! | `connect` | what the URL says, TLS, and connections |
//! | `open` | whether the server can be used, and its schema |
//! | `routines` | statements that run often are routines of the database |
//! | `core`, `book` | what calls share; what is known without asking |
//! | `intake`, `enqueue` | groups of what is accepted, and how they are stored |
//! | `keys` | once per key, order, replacing an older one, not repeating |
//! | `calls` | the calls of the store |
//! | `claim`, `begin`, `settle`, `answers`, `release`, `find`, `list`, `letters`, `prune` | what they do |
//! | `finals` | what ends tasks |
//! | `life`, `listen` | being a node among others |
//! | `limits` | which node sends within which limit, and what was sent within long ones |
//! | `rows`, `schema.sql` | the tables, and how their rows are read |
//! | `failure` | what the server says, what is tried again, and what callers are told |

mod answers;
mod begin;
mod book;
mod calls;
mod claim;
mod connect;
mod core;
mod endpoints;
mod enqueue;
mod failure;
mod finals;
mod find;
mod intake;
mod keys;
mod letters;
mod life;
mod limits;
mod list;
mod listen;
mod open;
mod prune;
mod release;
mod routines;
mod rows;
mod settle;
mod steps;

use std::{fmt, sync::Arc, time::Duration};

use notifyhub_platforms::contract::Secret;
use tokio::{runtime::Handle, sync::mpsc, task::AbortHandle};
use tokio_postgres::Row;

use self::{connect::Way, core::Core, failure::Failure, intake::Call};
use super::{Durability, LIMITS_LOOK_BACK, OpenError, Store, UrlPlatform};
use crate::{clock::Clock, task::PlatformName};

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
    /// How far rate limits look back at most. What a node was at when it was lost may have been sent, and counts for so long.
    /// Default: 1 day.
    pub limits_look_back: Duration,
}

impl PostgresOptions {
    /// A database that survives a power cut and keeps finished notifications for 7 days; leases last 45 s.
    pub fn new(url: impl Into<Box<str>>) -> Self {
        let retention = Duration::from_secs(7 * 24 * 60 * 60);
        let lease = Duration::from_secs(45);
        Self {
            url: Secret::new(url),
            durability: Durability::Disk,
            retention,
            lease,
            waiting_max: u64::MAX,
            limits_look_back: LIMITS_LOOK_BACK,
        }
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
    /// Connects, brings the schema to this program's version, and becomes a node. Its own tasks and its connections live on
    /// `runtime`, whose threads nothing may block; `name` is what others know this process by.
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
        let pool = way.pool(options.durability, runtime)?;
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
