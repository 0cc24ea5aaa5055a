//! The stores there are, each with a clock that is moved by hand, and the few things every test does with one.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use notifyhub::{
    Message,
    clock::Clock,
    store::{
        Claimed, Credits, Enqueued, Lease, MemoryLimits, MemoryStore, PostgresOptions, PostgresStore, Settled, Settlement,
        SqliteOptions, SqliteStore, Store, StoreError, Submission,
    },
    task::{Attempt, Disposition, Head, IdSource, LaneKey, Outcome, Task, TaskState},
    testing::MovedClock,
};
use notifyhub_platforms::contract::{Receipt, SendError};
use tempfile::TempDir;
use tokio::runtime::Handle;

use super::postgres::server::Database;

/// Longer than any test runs, shorter than anything a test moves the clock by.
pub const WHILE: Duration = Duration::from_secs(60);

/// What a store keeps at most.
#[derive(Clone, Copy)]
pub struct Limits {
    pub waiting_max: u64,
    pub finished_max: usize,
    pub retention: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { waiting_max: 1_000, finished_max: 1_000, retention: Duration::from_secs(3600) }
    }
}

/// An empty store.
pub struct Stand {
    pub store: Arc<dyn Store>,
    pub clock: MovedClock,
    ids: IdSource,
    database: Option<Database>,
    _folder: Option<TempDir>,
}

/// Every store there is, empty.
pub async fn stands(limits: Limits) -> Vec<Stand> {
    let mut stands = embedded_stands(limits);
    stands.extend(postgres_stand(limits).await);
    stands
}

/// Every store that needs no server, empty.
pub fn embedded_stands(limits: Limits) -> Vec<Stand> {
    vec![memory_stand(limits), Stand::new(|clock, folder| Arc::new(sqlite(limits, clock, folder)))]
}

/// A database with nothing in it, where a server is there.
pub async fn postgres_stand(limits: Limits) -> Option<Stand> {
    let (database, clock) = (Database::new().await?, MovedClock::new());
    let store = postgres(&database.url, limits, &clock, "node-1").await;
    Some(Stand { database: Some(database), ..Stand::of(store, clock) })
}

/// A node of a database.
pub async fn postgres(url: &str, limits: Limits, clock: &MovedClock, name: &str) -> PostgresStore {
    let Limits { waiting_max, retention, .. } = limits;
    let options = PostgresOptions { waiting_max, retention, ..PostgresOptions::new(url) };
    let opened = PostgresStore::open(options, name, &Handle::current(), Arc::new(clock.clone())).await;
    opened.expect("the database can be used")
}

/// The memory store, empty.
pub fn memory_stand(limits: Limits) -> Stand {
    Stand::new(|clock, _| Arc::new(memory(limits, clock)))
}

fn memory(Limits { waiting_max, finished_max, retention }: Limits, clock: Arc<dyn Clock>) -> MemoryStore {
    MemoryStore::new(MemoryLimits { waiting_max, finished_max, retention }, clock)
}

/// Ids that no other stand makes.
fn ids() -> IdSource {
    static MADE: AtomicU64 = AtomicU64::new(1);
    IdSource::new(MADE.fetch_add(1, Ordering::Relaxed) << 44)
}

/// A store in `folder`, with its clock.
pub fn sqlite_stand(folder: &Path, clock: &MovedClock) -> Stand {
    let store = Arc::new(sqlite(Limits::default(), Arc::new(clock.clone()), folder));
    Stand { store, clock: clock.clone(), ids: ids(), database: None, _folder: None }
}

fn sqlite(Limits { waiting_max, retention, .. }: Limits, clock: Arc<dyn Clock>, folder: &Path) -> SqliteStore {
    let options = SqliteOptions { waiting_max, retention, ..SqliteOptions::new(folder.join("notifyhub.db")) };
    SqliteStore::open(options, clock).expect("a new file")
}

/// Runs `promise` on every store, and afterwards adds up its counts.
pub async fn on_every_store(limits: Limits, promise: impl AsyncFn(&Stand)) {
    for stand in stands(limits).await {
        promise(&stand).await;
        stand.assert_counts_add_up();
    }
}

impl Stand {
    fn new(store: impl FnOnce(Arc<dyn Clock>, &Path) -> Arc<dyn Store>) -> Self {
        let (clock, folder) = (MovedClock::new(), TempDir::new().expect("a folder"));
        Self { store: store(Arc::new(clock.clone()), folder.path()), clock, ids: ids(), database: None, _folder: Some(folder) }
    }

    /// A store with its clock.
    pub fn of(store: impl Store, clock: MovedClock) -> Self {
        Self { store: Arc::new(store), clock, ids: ids(), database: None, _folder: None }
    }

    /// The database of a Postgres store.
    pub fn database(&self) -> &Database {
        self.database.as_ref().expect("it is one")
    }

    /// A notification with one task on each of `lanes`.
    pub fn submission(&self, lanes: &[&str]) -> Submission {
        self.submission_due(lanes, None)
    }

    /// The same, not to be sent before `not_before`.
    pub fn submission_due(&self, lanes: &[&str], not_before: Option<SystemTime>) -> Submission {
        self.submission_with(lanes, |head| head.not_before = not_before)
    }

    /// The same with whatever `change` makes of its head.
    pub fn submission_with(&self, lanes: &[&str], change: impl FnOnce(&mut Head)) -> Submission {
        let wall = self.clock.wall();
        let mut head = Head {
            id: self.ids.notification(wall),
            message: Arc::new(Message::text("disk full")),
            correlation: None,
            accepted_at: wall,
            not_before: None,
            expires_at: None,
            failovers: Default::default(),
        };
        change(&mut head);
        let head = Arc::new(head);
        let task = |(index, name)| {
            let until = head.failovers.iter().find(|ways| ways.task == index).and_then(|ways| ways.until(0, wall));
            let (head, recipient) = (head.clone(), Some("ada".into()));
            Arc::new(Task { id: head.id.task(index), index, head, lane: lane(name), recipient, until })
        };
        let tasks = (0..).zip(lanes.iter().copied()).map(task).collect();
        Submission { head, tasks, idempotency: None, keys: Default::default(), urls: Vec::new() }
    }

    /// Stores one submission, and says what became of it.
    pub async fn enqueue(&self, submission: Submission) -> Result<Enqueued, StoreError> {
        Ok(self.store.enqueue(vec![submission]).await?.remove(0))
    }

    /// Stores a notification with one task on each of `lanes`.
    pub async fn put(&self, lanes: &[&str]) -> Arc<[Arc<Task>]> {
        self.put_due(lanes, None).await
    }

    /// The same, not to be sent before `not_before`.
    pub async fn put_due(&self, lanes: &[&str], not_before: Option<SystemTime>) -> Arc<[Arc<Task>]> {
        self.put_with(lanes, |head| head.not_before = not_before).await
    }

    /// The same with whatever `change` makes of its head.
    pub async fn put_with(&self, lanes: &[&str], change: impl FnOnce(&mut Head)) -> Arc<[Arc<Task>]> {
        let submission = self.submission_with(lanes, change);
        let tasks = submission.tasks.clone();
        assert_eq!(self.enqueue(submission).await, Ok(Enqueued::Stored));
        tasks
    }

    pub async fn claim(&self, credits: Credits) -> Claimed {
        self.store.claim(&credits).await.expect("claims")
    }

    /// Claims everything that is due.
    pub async fn claim_all(&self) -> Vec<Lease> {
        self.claim(credits(usize::MAX, &[], usize::MAX)).await.leases
    }

    /// Writes what became of a lease, with an attempt as the disposition says.
    pub async fn settle(&self, lease: &Lease, disposition: Disposition) -> Settled {
        let settlement = self.settlement(lease, disposition);
        self.store.settle(&[settlement].into()).await.expect("settles").remove(0)
    }

    pub fn settlement(&self, lease: &Lease, disposition: Disposition) -> Settlement {
        let result = match disposition {
            Disposition::Delivered => Ok(Receipt::default()),
            _ => Err(SendError::unavailable("down for repair")),
        };
        let attempt = Attempt {
            number: lease.tries + 1,
            started_at: self.clock.wall(),
            took: Duration::ZERO,
            node: None,
            worker: 0,
            result,
        };
        Settlement {
            token: lease.token,
            task: lease.task.clone(),
            attempt: Some(attempt),
            disposition,
            keeps: None,
            spends: None,
        }
    }

    /// Forgets everything that may be forgotten.
    pub async fn prune(&self) {
        while self.store.prune().await.expect("prunes") {}
    }

    pub async fn find(&self, task: &Task) -> Option<Arc<Outcome>> {
        self.store.find(task.head.id).await.expect("finds")
    }

    /// Where a task stands; the notification must be known.
    pub async fn state(&self, task: &Task) -> TaskState {
        self.find(task).await.expect("it is known").targets[task.index as usize].state
    }

    /// The moment `after` from now.
    pub fn moment(&self, after: Duration) -> SystemTime {
        self.clock.wall() + after
    }

    pub fn assert_counts_add_up(&self) {
        let counts = self.store.counts();
        let sum = counts.waiting + counts.leased + counts.delivered + counts.dead + counts.cancelled + counts.expired;
        assert_eq!(counts.accepted, sum, "{counts:?}");
    }
}

/// The lane of a whole platform.
pub fn lane(name: &str) -> LaneKey {
    LaneKey::whole(name.parse().expect("a platform name"))
}

pub fn credits(total: usize, lanes: &[(&str, usize)], others: usize) -> Credits {
    Credits { total, lanes: lanes.iter().map(|(name, credit)| (lane(name), *credit)).collect(), others, ..Credits::default() }
}

/// The tasks of `leases`, in order.
pub fn claimed_tasks(leases: &[Lease]) -> Vec<Arc<Task>> {
    leases.iter().map(|lease| lease.task.clone()).collect()
}

/// Whether these are the same tasks in the same order.
pub fn assert_same(left: &[Arc<Task>], right: &[Arc<Task>]) {
    let ids = |tasks: &[Arc<Task>]| tasks.iter().map(|task| task.id).collect::<Vec<_>>();
    assert_eq!(ids(left), ids(right));
}
