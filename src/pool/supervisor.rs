//! Starts the workers and replaces what dies.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{Id, JoinError, JoinSet},
};

use super::{
    PoolEvent, WorkerKey, WorkerSettings,
    worker::{Worker, panic_text},
};
use crate::{clock::Clock, shutdown::Scope};

/// Wait before a slot's first restart in a row; doubles with each.
const RESTART_WAIT: Duration = Duration::from_millis(100);

/// Longest wait before a restart.
const RESTART_WAIT_MAX: Duration = Duration::from_secs(5);

/// A worker that lived this long starts its slot's count of restarts anew.
const STEADY_AFTER: Duration = Duration::from_secs(60);

/// What a supervisor needs.
pub struct SupervisorParts {
    /// How many workers.
    pub workers: u32,
    /// How they work.
    pub settings: WorkerSettings,
    /// Where they report.
    pub reports: mpsc::Sender<PoolEvent>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// What the supervisor lives in.
    pub scope: Scope,
}

/// Owns the workers. It ends when the last worker has, after the scope began to drain.
pub struct Supervisor {
    parts: SupervisorParts,
    alive: JoinSet<()>,
    slots: Vec<Slot>,
}

#[derive(Debug, Clone)]
struct Slot {
    epoch: u32,
    task: Option<Id>,
    restarts: u32,
    started: std::time::Instant,
}

impl Supervisor {
    /// A supervisor without workers yet.
    pub fn new(parts: SupervisorParts) -> Self {
        let vacant = Slot { epoch: 0, task: None, restarts: 0, started: parts.clock.now() };
        Self { slots: vec![vacant; parts.workers as usize], alive: JoinSet::new(), parts }
    }

    /// Starts all workers, then replaces those that die until the scope drains and all have ended.
    pub async fn run(mut self) {
        for slot in 0..self.slots.len() {
            self.start(slot).await;
        }
        while let Some(ended) = self.alive.join_next_with_id().await {
            let (task, why) = match ended {
                Ok((task, ())) => (task, "ended".to_owned()),
                Err(error) => (error.id(), why_lost(error)),
            };
            let Some(slot) = self.slots.iter().position(|slot| slot.task == Some(task)) else { continue };
            if self.parts.reports.is_closed() {
                continue; // nobody wants workers any more
            }
            let worker = WorkerKey { slot: slot as u32, epoch: self.slots[slot].epoch };
            tracing::error!(worker = %worker, why, "worker {worker} is lost");
            let _ = self.parts.reports.send(PoolEvent::Lost { worker, why }).await;
            if self.parts.scope.is_draining() {
                continue; // whoever waits for what it had must know, but nothing new is given out
            }
            self.rest(slot).await;
            self.start(slot).await;
        }
    }

    async fn start(&mut self, index: usize) {
        let slot = &mut self.slots[index];
        slot.epoch += 1;
        let key = WorkerKey { slot: index as u32, epoch: slot.epoch };
        let (worker, started) = Worker::new(key, self.parts.settings, self.parts.reports.clone(), self.parts.clock.clone());
        slot.started = self.parts.clock.now();
        slot.task = Some(self.alive.spawn(worker.run()).id());
        let _ = self.parts.reports.send(started).await;
    }

    /// Waits before a restart: longer with every restart in a row.
    async fn rest(&mut self, index: usize) {
        let clock = self.parts.clock.clone();
        let slot = &mut self.slots[index];
        let lived = clock.now().saturating_duration_since(slot.started);
        slot.restarts = if lived >= STEADY_AFTER { 0 } else { slot.restarts + 1 };
        let wait = RESTART_WAIT.saturating_mul(1 << slot.restarts.saturating_sub(1).min(10)).min(RESTART_WAIT_MAX);
        tokio::select! {
            () = clock.sleep_until(clock.now() + wait) => {}
            () = self.parts.scope.draining() => {}
        }
    }
}

fn why_lost(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => format!("panicked: {}", panic_text(&*panic)),
        Err(_) => "was aborted".into(),
    }
}
