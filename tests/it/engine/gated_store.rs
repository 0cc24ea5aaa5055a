//! The memory store behind gates: a test says when its calls go through.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use notifyhub::{
    Counts, Durability, NotificationId, Outcome,
    store::{
        ArrivalSender, Cancelled, Claimed, Credits, Cursor, Endpoint, Enqueued, Failing, LeaseToken, Limit, MemoryLimits,
        MemoryStore, Owned, Page, Released, Settled, Settlement, Store, StoreError, Submission, TaskFilter,
    },
    task::{Task, TaskId},
};
use tokio::sync::watch;

/// A door that calls go through while it is open.
#[derive(Debug)]
pub struct Gate {
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    fn new() -> Self {
        Self { open: watch::Sender::new(true), waiting: watch::Sender::new(0) }
    }

    pub fn close(&self) {
        self.open.send_replace(false);
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// Waits until a call stands before the closed gate.
    pub async fn wait_for_call(&self) {
        self.waiting.subscribe().wait_for(|waiting| *waiting > 0).await.expect("this gate is kept");
    }

    async fn pass(&self) {
        self.waiting.send_modify(|waiting| *waiting += 1);
        self.open.subscribe().wait_for(|open| *open).await.expect("this gate is kept");
        self.waiting.send_modify(|waiting| *waiting -= 1);
    }
}

/// A memory store with gates before some of its calls.
#[derive(Debug)]
pub struct GatedStore {
    store: MemoryStore,
    pub enqueue: Gate,
    pub claim: Gate,
    pub begin: Gate,
    begun: AtomicUsize,
    released: AtomicUsize,
    failing_releases: AtomicUsize,
}

impl GatedStore {
    /// All gates open, on the clock of the hub.
    pub fn new(clock: Arc<dyn notifyhub::clock::Clock>) -> Arc<Self> {
        let store = MemoryStore::new(MemoryLimits::default(), clock);
        Arc::new(Self {
            store,
            enqueue: Gate::new(),
            claim: Gate::new(),
            begin: Gate::new(),
            begun: AtomicUsize::new(0),
            released: AtomicUsize::new(0),
            failing_releases: AtomicUsize::new(0),
        })
    }
}

impl GatedStore {
    /// The next `count` times that something is given back, it fails.
    pub fn fail_releases(&self, count: usize) {
        self.failing_releases.store(count, Ordering::SeqCst);
    }

    /// Whether all of those have failed.
    pub fn releases_have_failed(&self) -> bool {
        self.failing_releases.load(Ordering::SeqCst) == 0
    }

    /// How many sends were written down.
    pub fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// How many tasks were given back.
    pub fn released(&self) -> usize {
        self.released.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Store for GatedStore {
    fn durability(&self) -> Durability {
        self.store.durability()
    }

    fn announce_to(&self, arrivals: ArrivalSender) {
        self.store.announce_to(arrivals);
    }

    async fn enqueue(&self, submissions: Vec<Submission>) -> Result<Vec<Enqueued>, StoreError> {
        self.enqueue.pass().await;
        self.store.enqueue(submissions).await
    }

    async fn claim(&self, credits: &Credits) -> Result<Claimed, StoreError> {
        self.claim.pass().await;
        self.store.claim(credits).await
    }

    async fn begin(&self, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Vec<bool>, StoreError> {
        self.begin.pass().await;
        self.begun.fetch_add(leases.len(), Ordering::SeqCst);
        self.store.begin(leases).await
    }

    async fn settle(&self, settlements: &Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError> {
        self.store.settle(settlements).await
    }

    async fn release(&self, leases: Vec<(LeaseToken, Arc<Task>)>) -> Result<Released, StoreError> {
        let left = self.failing_releases.load(Ordering::SeqCst);
        if left > 0 {
            self.failing_releases.store(left - 1, Ordering::SeqCst);
            return Err(StoreError::Unavailable("as the test says".to_owned()));
        }
        let released = self.store.release(leases.clone()).await?;
        self.released.fetch_add(leases.len(), Ordering::SeqCst);
        Ok(released)
    }

    async fn endpoints(&self) -> Result<Vec<Failing>, StoreError> {
        self.store.endpoints().await
    }

    async fn keep_endpoint(&self, failing: &Failing) -> Result<(), StoreError> {
        self.store.keep_endpoint(failing).await
    }

    async fn forget_endpoint(&self, endpoint: &Endpoint) -> Result<bool, StoreError> {
        self.store.forget_endpoint(endpoint).await
    }

    async fn cancel(&self, notification: NotificationId) -> Result<Cancelled, StoreError> {
        self.store.cancel(notification).await
    }

    async fn find(&self, notification: NotificationId) -> Result<Option<Arc<Outcome>>, StoreError> {
        self.store.find(notification).await
    }

    async fn list(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError> {
        self.store.list(filter, after, max).await
    }

    async fn own(&self, limits: &[Limit]) -> Result<Vec<Owned>, StoreError> {
        self.store.own(limits).await
    }

    async fn waiting_before(&self, task: TaskId, max: usize) -> Result<Option<usize>, StoreError> {
        self.store.waiting_before(task, max).await
    }

    async fn requeue(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        self.store.requeue(filter, max).await
    }

    async fn drop_dead(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        self.store.drop_dead(filter, max).await
    }

    async fn prune(&self) -> Result<bool, StoreError> {
        self.store.prune().await
    }

    fn counts(&self) -> Counts {
        self.store.counts()
    }
}
