//! The worker pool by hand, at run time.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Hub;
use crate::{
    config::{Affinity, Strategy},
    dispatch::Command,
    event::PoolHealth,
    pool::{Ask, PoolCommand, PoolError, WORKERS_MAX},
    telemetry::WorkerStats,
};

/// The worker pool of a hub. What is asked for returns once it has been set going; nothing that is under way is lost or
/// sent twice by any of it.
///
/// A worker is named by its slot, which stays the same when the worker is replaced.
#[derive(Debug, Clone, Copy)]
pub struct Workers<'a> {
    hub: &'a Hub,
}

impl Hub {
    /// The worker pool.
    pub fn workers(&self) -> Workers<'_> {
        Workers { hub: self }
    }

    /// How the pool is. Asks no worker and waits for nothing.
    pub fn health(&self) -> Arc<PoolHealth> {
        self.inner.board.health.load_full()
    }
}

impl Workers<'_> {
    /// Every worker's numbers, by slot; one that is leaving stands behind its successor. Asks no worker and waits for
    /// nothing: it reads what they have published.
    pub fn list(&self) -> Vec<WorkerStats> {
        let now = self.hub.inner.clock.now();
        self.hub.inner.board.workers().present.iter().map(|cell| cell.stats(now)).collect()
    }

    /// Makes the pool this large, at once, and keeps it so until [`auto`](Workers::auto): from 1 to 1024, also above
    /// `max_workers`. Workers that are too many finish what they have.
    ///
    /// # Errors
    ///
    /// [`PoolError::OutOfBounds`], [`PoolError::ShuttingDown`].
    pub async fn scale_to(&self, workers: usize) -> Result<(), PoolError> {
        self.ask(Ask::ScaleTo(workers)).await
    }

    /// Lets the scaler decide again.
    ///
    /// # Errors
    ///
    /// [`PoolError::ShuttingDown`].
    pub async fn auto(&self) -> Result<(), PoolError> {
        self.ask(Ask::Auto).await
    }

    /// Sets what the scaler stays within: `min` from 1, `max` from `min` to 1024.
    ///
    /// # Errors
    ///
    /// [`PoolError::OutOfBounds`], [`PoolError::ShuttingDown`].
    pub async fn set_bounds(&self, min: usize, max: usize) -> Result<(), PoolError> {
        self.ask(Ask::Bounds { min, max }).await
    }

    /// Balances by this strategy from now on.
    ///
    /// # Errors
    ///
    /// [`PoolError::ShuttingDown`].
    pub async fn strategy(&self, strategy: Strategy) -> Result<(), PoolError> {
        self.tell(Command::Balance(strategy)).await
    }

    /// Sets a worker's weight under the strategy `weighted`, from 1 to 1000. It stays with the slot.
    ///
    /// # Errors
    ///
    /// [`PoolError::OutOfBounds`], [`PoolError::ShuttingDown`].
    pub async fn weight(&self, worker: u32, weight: u32) -> Result<(), PoolError> {
        if !(1..=1000).contains(&weight) {
            return Err(PoolError::OutOfBounds { what: "the weight", value: weight as usize, min: 1, max: 1000 });
        }
        self.slot(worker)?;
        self.tell(Command::Weigh(worker, weight)).await
    }

    /// Sets what a worker is specialised in under the strategy `affinity`; nothing where `affinity` names nothing. It stays
    /// with the slot.
    ///
    /// # Errors
    ///
    /// [`PoolError::OutOfBounds`] for a slot that cannot be, [`PoolError::ShuttingDown`].
    pub async fn affinity(&self, worker: u32, affinity: Affinity) -> Result<(), PoolError> {
        self.slot(worker)?;
        let affinity = (!affinity.is_empty()).then(|| Arc::new(affinity));
        self.tell(Command::Specialise(worker, affinity)).await
    }

    /// Lets a worker finish what it has and end; the pool is one smaller until the scaler, or a person, wants more.
    ///
    /// # Errors
    ///
    /// [`PoolError::NoSuchWorker`], [`PoolError::LastWorker`], [`PoolError::ShuttingDown`].
    pub async fn drain(&self, worker: u32) -> Result<(), PoolError> {
        self.ask(Ask::Drain(worker)).await
    }

    /// Lets a worker finish what it has and end; a new one takes its place at once.
    ///
    /// # Errors
    ///
    /// [`PoolError::NoSuchWorker`], [`PoolError::ShuttingDown`].
    pub async fn restart(&self, worker: u32) -> Result<(), PoolError> {
        self.ask(Ask::Restart(worker)).await
    }

    /// Ends a worker at once, as if it had died: what it had begun may have been sent, and a new worker takes its place
    /// after a rest. For finding out what happens then.
    ///
    /// # Errors
    ///
    /// [`PoolError::NoSuchWorker`], [`PoolError::ShuttingDown`].
    pub async fn kill(&self, worker: u32) -> Result<(), PoolError> {
        self.ask(Ask::Kill(worker)).await
    }

    fn slot(&self, worker: u32) -> Result<(), PoolError> {
        let value = worker as usize;
        if value < WORKERS_MAX {
            return Ok(());
        }
        Err(PoolError::OutOfBounds { what: "the worker's slot", value, min: 0, max: WORKERS_MAX - 1 })
    }

    async fn ask(&self, ask: Ask) -> Result<(), PoolError> {
        let (reply, answer) = oneshot::channel();
        let asked = self.hub.inner.pool.send(PoolCommand { ask, reply }).await;
        asked.map_err(|_| PoolError::ShuttingDown)?;
        answer.await.map_err(|_| PoolError::ShuttingDown)?
    }

    async fn tell(&self, command: Command) -> Result<(), PoolError> {
        self.hub.inner.commands.send(command).await.map_err(|_| PoolError::ShuttingDown)
    }
}
