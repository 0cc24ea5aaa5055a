//! What can be asked of a running hub.

use std::{
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use serde::Serialize;

use super::{Hub, HubError, ShutdownForced};
use crate::{
    dispatch::Command,
    event::EventKind,
    store::{Cancelled, Counts, Durability, StoreError},
    task::{Disposition, NotificationId, Outcome, PlatformName},
    telemetry::{EventStream, PlatformStats, Scaling, WorkerStats, prometheus},
};

/// A snapshot of a hub's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Tasks by state.
    pub tasks: Counts,
    /// Platforms that have been sent to, by name.
    pub platforms: Vec<PlatformStats>,
    /// Workers, by slot.
    pub workers: Vec<WorkerStats>,
    /// How large the pool should be, and why; nothing in the first quarter of a second.
    pub scaling: Option<Scaling>,
}

/// What a cancellation reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Cancellation {
    /// Targets it will not be sent to.
    pub cancelled: usize,
    /// Targets it may be on its way to; they are not tried again.
    pub under_way: usize,
}

impl Hub {
    /// Everything that happens from now on.
    pub fn subscribe(&self) -> EventStream {
        self.inner.events.subscribe()
    }

    /// The hub's numbers now. Asks no worker and waits for nothing.
    pub fn stats(&self) -> Stats {
        Stats {
            tasks: self.inner.store.counts(),
            platforms: self.inner.board.platforms(),
            workers: self.workers().list(),
            scaling: Option::clone(&self.inner.board.scaling.load()),
        }
    }

    /// All metrics since the hub began, in Prometheus' text format; no recorder need be installed. Asks nobody and waits for
    /// nothing: how many tasks wait on lanes is known as of the last second.
    pub fn prometheus(&self) -> String {
        prometheus(&self.inner.board, &self.inner.events)
    }

    /// What an accepted notification survives.
    pub fn durability(&self) -> Durability {
        self.inner.store.durability()
    }

    /// Why the store can promise nothing any more, if so: whatever it is asked fails, and only a new process can tell what
    /// its disk kept.
    pub fn broken(&self) -> Option<StoreError> {
        self.inner.store.broken()
    }

    /// The names of its platforms, in alphabetical order.
    pub fn platforms(&self) -> Vec<PlatformName> {
        let mut names: Vec<_> = self.inner.directory.load().platforms.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Everything known about a notification at this moment; `None` if there is none, or it was forgotten.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if the store cannot be read.
    pub async fn outcome(&self, id: NotificationId) -> Result<Option<Arc<Outcome>>, HubError> {
        Ok(self.inner.store.find(id).await?)
    }

    /// Cancels what has not been sent of a notification. What is under way is not tried again. Unknown and finished
    /// notifications are left as they are.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if the store cannot do it.
    pub async fn cancel(&self, id: NotificationId) -> Result<Cancellation, HubError> {
        let reached = self.inner.store.cancel(id).await?;
        let count = Cancellation { cancelled: reached.cancelled.len(), under_way: reached.under_way.len() };
        self.tell_cancelled(reached).await;
        Ok(count)
    }

    /// Tells everybody whom it concerns what a cancellation reached.
    pub(super) async fn tell_cancelled(&self, reached: Cancelled) {
        let inner = &self.inner;
        for task in &reached.cancelled {
            inner.board.platform(task.platform()).ended.count(Disposition::Cancelled);
            let cancelled = EventKind::Cancelled { task: task.id, platform: task.platform().clone() };
            inner.events.publish(|| (Some(task.head.correlation_id()), cancelled));
        }
        if let Some(outcome) = reached.finished {
            inner.replies.resolve(outcome);
        }
        if !reached.under_way.is_empty() {
            // An error means that the dispatcher has ended, and with it everything under way.
            let _ = inner.commands.send(Command::Cancel(reached.under_way)).await;
        }
    }

    /// Takes a platform out of the hub. What waits for it dies with that reason; what is under way ends as it ends.
    /// Returns whether it was there.
    pub async fn remove_platform(&self, name: &PlatformName) -> bool {
        let mut removed = false;
        self.inner.directory.update(|directory| {
            removed = directory.platforms.remove(name).is_some();
            directory.urls.retain(|_, (platform, _)| platform != name);
        });
        // An error means that the dispatcher has ended, and with it everything that waited.
        let _ = self.inner.commands.send(Command::DirectoryChanged).await;
        removed
    }

    /// Ends the hub: accepts nothing more, gives waiting tasks back to the store, lets what is under way finish for at
    /// most `grace`, and stops the rest. Every outcome that somebody waits for resolves. May be called again.
    ///
    /// # Errors
    ///
    /// [`ShutdownForced`] if sends were still under way when the grace was over.
    pub async fn shutdown(&self, grace: Duration) -> Result<(), ShutdownForced> {
        let inner = &self.inner;
        inner.closing.store(true, Ordering::Release);
        let in_time = inner.scope.finish(&*inner.clock, grace).await;
        drop(inner.watchdog.lock().unwrap_or_else(PoisonError::into_inner).take());
        // The dispatcher has done so, unless something blocks the thread under it.
        inner.replies.close();
        let abandoned = self.blocked();
        for worker in &abandoned {
            tracing::warn!("after the shutdown a thread is still blocked: {worker}");
        }
        if in_time { Ok(()) } else { Err(ShutdownForced { abandoned }) }
    }

    /// The workers that hold a thread at this moment, each with what it is at.
    fn blocked(&self) -> Vec<String> {
        let (board, now) = (&self.inner.board, self.inner.clock.now());
        let workers = board.workers();
        let all = workers.present.iter().chain(&workers.given_up);
        let holding = all.filter(|cell| cell.in_turn_for(now).is_some());
        holding.filter_map(|cell| Some(format!("worker {}: {}", cell.key, board.suspicion(cell, now)?))).collect()
    }
}
