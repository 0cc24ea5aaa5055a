//! How large the pool is: what the scaler decides at every tick, and what a person asks for.

use std::sync::Arc;

use super::{
    WORKERS_MAX, WorkerKey,
    command::{Ask, PoolError},
    crew::Role,
    scaler::{Rules, TICK, workers_wanted},
    supervisor::Supervisor,
    worker::Order,
};
use crate::{
    event::{EventKind, ScaleDecision, ScaleReason},
    telemetry::Scaling,
};

impl Supervisor {
    /// Asks the scaler, when its time has come.
    pub(super) async fn tick(&mut self) {
        let now = self.parts.clock.now();
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + TICK;
        let cells: Vec<_> = self.crew.members(&[Role::Working]).into_iter().map(|member| member.cell).collect();
        let config = &self.parts.config;
        let demand = &self.parts.board.demand;
        self.history.push(self.gauge.sample(&cells, demand, config.slots, config.max_idle_time, now));
        let decision = workers_wanted(&self.history, now, &self.rules);
        self.parts.board.scaling.store(Arc::new(Some(self.scaling(decision))));
        if !decision.is_hold() {
            self.scale(decision).await;
        }
    }

    fn scaling(&self, decision: ScaleDecision) -> Scaling {
        let Rules { workers_min, workers_max, pinned, .. } = self.rules;
        let load_permille = self.history.latest().map_or(0, |sample| sample.busy_permille);
        Scaling { workers: self.target, workers_min, workers_max, pinned, load_permille, decision: decision.to_string() }
    }

    async fn scale(&mut self, decision: ScaleDecision) {
        let (from, to, reason) = (self.target, decision.workers, decision.reason);
        if from == to {
            return;
        }
        tracing::info!(from, to, %reason, "scaling from {from} to {to} workers: {reason}");
        self.resize(to).await;
        self.parts.board.engine.count_scaling(if to > from { "up" } else { "down" }, reason.as_str());
        self.parts.events.publish(|| (None, EventKind::Scaled { from, to, reason }));
    }

    /// Makes the pool this large. Only a cold start goes in stages.
    async fn resize(&mut self, workers: usize) {
        (self.target, self.staged, self.next_stage) = (workers, WORKERS_MAX, None);
        for slot in self.slots.surplus(workers) {
            self.retire(slot).await;
        }
        self.fill().await;
    }

    /// Does what is asked.
    pub(super) async fn obey(&mut self, ask: Ask) -> Result<(), PoolError> {
        if self.draining {
            return Err(PoolError::ShuttingDown);
        }
        match ask {
            Ask::ScaleTo(workers) => {
                self.rules.pinned = Some(within("the number of workers", workers, 1, WORKERS_MAX)?);
                self.scale(ScaleDecision { workers, reason: ScaleReason::Pinned }).await;
            }
            Ask::Auto => self.rules.pinned = None,
            Ask::Bounds { min, max } => {
                let min = within("min_workers", min, 1, WORKERS_MAX)?;
                let max = within("max_workers", max, min, WORKERS_MAX)?;
                (self.rules.workers_min, self.rules.workers_max) = (min, max);
            }
            Ask::Drain(slot) => {
                self.worker(slot)?;
                if self.slots.occupied() < 2 {
                    return Err(PoolError::LastWorker(slot));
                }
                self.target = self.target.saturating_sub(1).max(1);
                self.rules.pinned = self.rules.pinned.map(|_| self.target);
                self.retire(slot).await;
            }
            Ask::Restart(slot) => {
                let worker = self.worker(slot)?;
                self.start(slot).await;
                self.leave(worker).await;
            }
            Ask::Kill(slot) => {
                let worker = self.worker(slot)?;
                let stopped = self.crew.member(worker).is_some_and(|member| member.orders.try_send(Order::Stop).is_ok());
                if !stopped {
                    self.give_up(worker, "was stopped, and did not answer".into()).await;
                }
            }
        }
        Ok(())
    }

    fn worker(&self, slot: u32) -> Result<WorkerKey, PoolError> {
        let known = || (0..WORKERS_MAX as u32).filter(|slot| self.slots.worker(*slot).is_some()).collect();
        self.slots.worker(slot).ok_or_else(|| PoolError::NoSuchWorker { worker: slot, known: known() })
    }
}

fn within(what: &'static str, value: usize, min: usize, max: usize) -> Result<usize, PoolError> {
    if (min..=max).contains(&value) { Ok(value) } else { Err(PoolError::OutOfBounds { what, value, min, max }) }
}
