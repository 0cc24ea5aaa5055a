//! The memory store: fast, complete, and gone with the process.
//!
//! All state is one [`Shelf`](shelf::Shelf) behind one mutex that is never held across an `.await`: each call is one
//! short critical section, and so each is done or not done.

mod endings;
mod letters;
mod limits;
mod queue;
mod record;
mod sayings;
mod shelf;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use self::{limits::SpentBook, shelf::Shelf};
use super::{
    ArrivalSender, Cancelled, Claimed, Counts, Credits, Cursor, Durability, Endpoint, Enqueued, Failing, LeaseToken, Limit,
    Owned, Page, Released, Settled, Settlement, Store, StoreError, Submission, TaskFilter,
};
use crate::{
    clock::Clock,
    task::{NotificationId, Outcome, Task, TaskId},
};

/// What the memory store keeps at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryLimits {
    /// Waiting tasks. Default: 1,000,000.
    pub waiting_max: u64,
    /// Finished notifications, for looking up; whoever holds an accepted one has its outcome anyway. Default: 256: what is
    /// kept longer than it stays in the processor's cache costs every delivery.
    pub finished_max: usize,
    /// How long finished notifications are kept. Default: 5 minutes.
    pub retention: Duration,
}

impl Default for MemoryLimits {
    fn default() -> Self {
        Self { waiting_max: 1_000_000, finished_max: 256, retention: Duration::from_secs(5 * 60) }
    }
}

/// Keeps everything in memory.
pub struct MemoryStore {
    shelf: Mutex<Shelf>,
    /// Locked for a line at a time.
    endpoints: Mutex<HashMap<Endpoint, Failing>>,
    /// Locked for a line at a time, after the shelf.
    spent: Mutex<SpentBook>,
    clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new(limits: MemoryLimits, clock: Arc<dyn Clock>) -> Self {
        Self { shelf: Mutex::new(Shelf::new(limits)), endpoints: Mutex::default(), spent: Mutex::default(), clock }
    }

    fn kept_endpoints(&self) -> MutexGuard<'_, HashMap<Endpoint, Failing>> {
        self.endpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spent(&self) -> MutexGuard<'_, SpentBook> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        // No call panics half-way through a change, so a poisoned shelf is still whole.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn durability(&self) -> Durability {
        Durability::Memory
    }

    fn announce_to(&self, arrivals: ArrivalSender) {
        self.shelf().announce_to(arrivals);
    }

    async fn enqueue(&self, submissions: Vec<Submission>) -> Result<Vec<Enqueued>, StoreError> {
        self.shelf().enqueue(submissions, self.clock.wall())
    }

    async fn claim(&self, credits: &Credits) -> Result<Claimed, StoreError> {
        Ok(self.shelf().claim(credits, self.clock.wall()))
    }

    async fn begin(&self, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Vec<bool>, StoreError> {
        let mut shelf = self.shelf();
        Ok(leases.iter().map(|(token, task)| shelf.may_begin(*token, task)).collect())
    }

    async fn settle(&self, settlements: &Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError> {
        let wall = self.clock.wall();
        let mut shelf = self.shelf();
        let settle = |settlement: &Settlement| {
            let settled = shelf.settle(settlement, wall);
            if settlement.spends.is_some() && settled != Settled::Stale {
                self.spent().spend(settlement);
            }
            settled
        };
        Ok(settlements.iter().map(settle).collect())
    }

    async fn release(&self, leases: Vec<(LeaseToken, Arc<Task>)>) -> Result<Released, StoreError> {
        Ok(self.shelf().release(leases, self.clock.wall()))
    }

    async fn own(&self, limits: &[Limit]) -> Result<Vec<Owned>, StoreError> {
        let (wall, spent) = (self.clock.wall(), self.spent());
        Ok(limits.iter().map(|limit| Owned::Here(spent.within(limit, wall))).collect())
    }

    async fn cancel(&self, notification: NotificationId) -> Result<Cancelled, StoreError> {
        Ok(self.shelf().cancel(notification, self.clock.wall()))
    }

    async fn find(&self, notification: NotificationId) -> Result<Option<Arc<Outcome>>, StoreError> {
        Ok(self.shelf().find(notification))
    }

    async fn list(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError> {
        self.shelf().list(filter, after, max)
    }

    async fn waiting_before(&self, task: TaskId, max: usize) -> Result<Option<usize>, StoreError> {
        Ok(self.shelf().waiting_before(task, max))
    }

    async fn requeue(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        Ok(self.shelf().requeue(filter, max, self.clock.wall()))
    }

    async fn drop_dead(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        Ok(self.shelf().drop_dead(filter, max))
    }

    async fn endpoints(&self) -> Result<Vec<Failing>, StoreError> {
        Ok(self.kept_endpoints().values().cloned().collect())
    }

    async fn keep_endpoint(&self, failing: &Failing) -> Result<(), StoreError> {
        self.kept_endpoints().insert(failing.endpoint.clone(), failing.clone());
        Ok(())
    }

    async fn forget_endpoint(&self, endpoint: &Endpoint) -> Result<bool, StoreError> {
        Ok(self.kept_endpoints().remove(endpoint).is_some())
    }

    async fn prune(&self) -> Result<bool, StoreError> {
        self.shelf().forget(self.clock.wall());
        self.spent().forget(self.clock.wall());
        Ok(false)
    }

    fn counts(&self) -> Counts {
        self.shelf().counts()
    }
}
