//! The calls of the store: each becomes work for the writer, but for lists, which are read apart.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;

use super::{
    SqliteStore,
    list::{self, List},
};
use crate::{
    failpoint::failpoint,
    store::{
        ArrivalSender, Cancelled, Claimed, Counts, Credits, Cursor, Durability, Endpoint, Enqueued, Failing, LeaseToken, Limit,
        Owned, Page, Released, Settled, Settlement, Store, StoreError, Submission, TaskFilter, UrlPlatform,
    },
    task::{NotificationId, Outcome, Task, TaskId},
};

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

    fn settles_at_once(&self) -> usize {
        2
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

    async fn own(&self, limits: &[Limit]) -> Result<Vec<Owned>, StoreError> {
        let limits = limits.to_vec();
        self.call(move |session| session.own(&limits)).await
    }

    async fn endpoints(&self) -> Result<Vec<Failing>, StoreError> {
        self.call(|session| session.endpoints()).await
    }

    async fn keep_endpoint(&self, failing: &Failing) -> Result<(), StoreError> {
        let failing = failing.clone();
        self.call(move |session| session.keep_endpoint(&failing)).await
    }

    async fn forget_endpoint(&self, endpoint: &Endpoint) -> Result<bool, StoreError> {
        let endpoint = endpoint.clone();
        self.call(move |session| session.forget_endpoint(&endpoint)).await
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
        let (filter, path) = (filter.clone(), self.options.path.clone());
        let read = move |claimed: &_| list::page(&path, &List { filter: &filter, after, max, claimed });
        self.read_apart(read).await
    }

    async fn waiting_before(&self, task: TaskId, max: usize) -> Result<Option<usize>, StoreError> {
        let path = self.options.path.clone();
        self.read_apart(move |claimed: &_| list::waiting_before(&path, task, max, claimed)).await
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
