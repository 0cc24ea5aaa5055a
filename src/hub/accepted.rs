//! What a caller holds after a notification was accepted.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};

use super::{OutcomeError, error::HubError};
use crate::{
    clock::Clock,
    dispatch::Waiter,
    store::{Durability, Store},
    task::{CorrelationId, NotificationId, Outcome, Task, TaskId, target_text},
};

/// How often a shared store is asked whether another process has delivered.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// An accepted notification: stored, with all its tasks, and on its way.
pub struct Accepted {
    /// Its id.
    pub id: NotificationId,
    /// What it survives from now on.
    pub durability: Durability,
    /// What stands in every log line and event about it.
    pub correlation_id: CorrelationId,
    pub(super) tasks: Arc<[Arc<Task>]>,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    /// Whether another process may deliver it.
    pub(super) shared: bool,
    pub(super) waiter: Waiter,
}

/// One task of an accepted notification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedTask {
    /// Its id.
    pub id: TaskId,
    /// Its target as users write it.
    pub target: String,
}

impl Accepted {
    /// Its tasks, one per target, in order; none where the same idempotency key was accepted before.
    pub fn tasks(&self) -> impl Iterator<Item = AcceptedTask> {
        let target = |task: &Task| match task.failover() {
            Some((ways, _)) => format!("@{}", ways.route),
            None => target_text(task.platform(), task.recipient.as_deref()),
        };
        self.tasks.iter().map(move |task| AcceptedTask { id: task.id, target: target(task) })
    }

    /// Waits until every target has reached a final state. Always resolves: when the hub is shut down first, with what
    /// is known then. May be dropped and called again.
    ///
    /// # Errors
    ///
    /// [`OutcomeError`] if the store has forgotten the notification or cannot be read.
    pub async fn outcome(&self) -> Result<Arc<Outcome>, OutcomeError> {
        if self.tasks.is_empty() {
            // Accepted before, under the same key: it may have finished before anybody waited.
            let known = self.find().await?;
            if known.is_final() {
                return Ok(known);
            }
        }
        if self.shared {
            return self.outcome_anywhere().await;
        }
        match self.waiter.outcome().await {
            Some(outcome) => Ok(outcome),
            None => self.find().await,
        }
    }

    /// The same where another process may be the one that delivers: it tells nobody here, so the store is asked.
    async fn outcome_anywhere(&self) -> Result<Arc<Outcome>, OutcomeError> {
        loop {
            tokio::select! {
                biased;
                outcome = self.waiter.outcome() => return match outcome {
                    Some(outcome) => Ok(outcome),
                    None => self.find().await,
                },
                () = self.clock.sleep_until(self.clock.now() + ASK_EVERY) => {}
            }
            let known = self.find().await?;
            if known.is_final() {
                return Ok(known);
            }
        }
    }

    async fn find(&self) -> Result<Arc<Outcome>, OutcomeError> {
        self.store.find(self.id).await?.ok_or(OutcomeError::Forgotten(self.id))
    }
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accepted").field("id", &self.id).field("tasks", &self.tasks).finish_non_exhaustive()
    }
}

/// Many accepted notifications.
#[derive(Debug)]
pub struct Batch {
    /// One per notification, in order.
    pub accepted: Vec<Accepted>,
}

/// How far a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Notifications whose targets are all final.
    pub finished: usize,
    /// Of these, how many were delivered to every target.
    pub delivered: usize,
    /// All notifications of the batch.
    pub total: usize,
}

impl Batch {
    /// Waits for every outcome, and calls `on_progress` each time one is there. In the order of the batch.
    ///
    /// # Errors
    ///
    /// [`OutcomeError`] for the first notification whose outcome cannot be had.
    pub async fn outcomes(&self, mut on_progress: impl FnMut(Progress)) -> Result<Vec<Arc<Outcome>>, OutcomeError> {
        let mut progress = Progress { finished: 0, delivered: 0, total: self.accepted.len() };
        let mut outcomes: Vec<Option<Arc<Outcome>>> = vec![None; self.accepted.len()];
        let indexed = self.accepted.iter().enumerate().map(|(index, accepted)| async move { (index, accepted.outcome().await) });
        let mut waiting: FuturesUnordered<_> = indexed.collect();
        while let Some((index, outcome)) = waiting.next().await {
            let outcome = outcome?;
            progress.finished += 1;
            progress.delivered += usize::from(outcome.all_delivered());
            outcomes[index] = Some(outcome);
            on_progress(progress);
        }
        Ok(outcomes.into_iter().flatten().collect())
    }
}

/// Names the place of a mistake in a batch.
pub(super) fn in_batch(index: usize, error: HubError) -> HubError {
    HubError::InBatch { index, error: Box::new(error) }
}
