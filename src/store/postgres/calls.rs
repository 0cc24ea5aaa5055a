//! The calls of the store: each in a statement or a transaction of its own, made again where that may help.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::{
    PostgresStore, answers, begin, claim,
    core::{Core, retrying},
    endpoints,
    failure::Failure,
    find,
    intake::{Call, settle_in},
    keys, letters, limits, list, prune, release as back,
    settle::{self, Done},
};
use crate::{
    failpoint::failpoint,
    store::{
        ArrivalSender, Cancelled, Claimed, Counts, Credits, Cursor, Durability, Endpoint, Enqueued, Failing, LeaseToken, Limit,
        Owned, Page, Released, Settled, Settlement, Shared, Store, StoreError, Submission, TaskFilter, UrlPlatform,
    },
    task::{Disposition, NotificationId, Outcome, Task, TaskId},
};

/// Gives claimed tasks back.
pub async fn release(core: &Core, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Released, Failure> {
    let given = retrying!(core, |client| {
        let transaction = client.transaction().await?;
        back::lock_claimed(core, transaction.client(), leases.iter().map(|(token, _)| *token)).await?;
        let given = back::release(core, transaction.client(), leases).await?;
        transaction.commit().await?;
        Ok(given)
    })?;
    core.committed();
    let client = core.client().await?;
    back::released(core, &client, leases, given).await
}

#[async_trait]
impl Store for PostgresStore {
    fn durability(&self) -> Durability {
        self.core.options.durability
    }

    fn shared(&self) -> Option<Shared> {
        Some(Shared { node: self.core.name.clone(), lease: self.core.lease.clone(), epoch: self.core.epoch.clone() })
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

    async fn begin(&self, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Vec<bool>, StoreError> {
        let begun: Result<_, Failure> = retrying!(&self.core, |client| begin::begin(client, leases).await);
        failpoint!("begin.committed");
        begun.map_err(Failure::told)
    }

    async fn settle(&self, settlements: &Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError> {
        let core = &*self.core;
        let tokens = || settlements.iter().map(|settlement| settlement.token);
        let waits = |one: &Settlement| matches!(one.disposition, Disposition::Retry { .. } | Disposition::NextStep(_));
        let retries = settlements.iter().any(waits);
        let spends = settlements.iter().any(|one| one.spends.is_some());
        let done: Result<Done, Failure> = retrying!(core, |client| {
            if !retries && !spends && !back::any_chained(core, tokens()) {
                return settle::settle(core, client, settlements).await;
            }
            let transaction = client.transaction().await?;
            back::lock_claimed(core, transaction.client(), tokens()).await?;
            let done = settle::settle(core, transaction.client(), settlements).await?;
            transaction.commit().await?;
            Ok(done)
        });
        let done = done.map_err(Failure::told)?;
        failpoint!("complete.committed");
        core.committed();
        let answers: Result<_, Failure> = retrying!(core, |client| answers::answers(client, settlements, &done).await);
        Ok(answers::note(core, settlements, answers.map_err(Failure::told)?))
    }

    async fn release(&self, leases: Vec<(LeaseToken, Arc<Task>)>) -> Result<Released, StoreError> {
        release(&self.core, &leases).await.map_err(Failure::told)
    }

    async fn own(&self, limits: &[Limit]) -> Result<Vec<Owned>, StoreError> {
        let owned: Result<_, Failure> = retrying!(&self.core, |client| limits::own(&self.core, client, limits).await);
        owned.map_err(Failure::told)
    }

    async fn disown(&self, limits: &[Limit]) -> Result<(), StoreError> {
        let disowned: Result<_, Failure> = retrying!(&self.core, |client| limits::disown(&self.core, client, limits).await);
        disowned.map_err(Failure::told)
    }

    async fn endpoints(&self) -> Result<Vec<Failing>, StoreError> {
        let all: Result<_, Failure> = retrying!(&*self.core, |client| endpoints::all(client).await);
        all.map_err(Failure::told)
    }

    async fn keep_endpoint(&self, failing: &Failing) -> Result<(), StoreError> {
        let kept: Result<(), Failure> = retrying!(&*self.core, |client| endpoints::keep(client, failing).await);
        kept.map_err(Failure::told)
    }

    async fn forget_endpoint(&self, endpoint: &Endpoint) -> Result<bool, StoreError> {
        let gone: Result<bool, Failure> = retrying!(&*self.core, |client| endpoints::forget(client, endpoint).await);
        gone.map_err(Failure::told)
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

    async fn waiting_before(&self, task: TaskId, max: usize) -> Result<Option<usize>, StoreError> {
        let before: Result<_, Failure> = retrying!(&self.core, |client| list::waiting_before(client, task, max).await);
        before.map_err(Failure::told)
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
