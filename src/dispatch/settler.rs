//! Writes outcomes in groups, then tells events, logs and waiting callers.
//!
//! While as many groups are being written as the store takes at once, the next one gathers: a slow store makes the groups
//! larger.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::{FutureExt, future::BoxFuture};
use notifyhub_platforms::contract::SendError;

use super::Replies;
use crate::{
    clock::Clock,
    event::EventKind,
    store::{Lease, LeaseToken, Released, Settled, Settlement, Store, StoreError},
    task::{Disposition, PlatformName, Task},
    telemetry::{Board, EventBus, PlatformTally},
};

/// Wait before a write that failed is tried again.
const REWRITE_WAIT: Duration = Duration::from_secs(1);

/// A task that stays claimed, and when it is to be tried again.
pub struct Kept {
    /// The claim, the attempt that failed counted in.
    pub lease: Lease,
    /// When the next may be made.
    pub due: SystemTime,
}

/// Gathers verdicts and writes them.
pub struct Settler {
    gathered: Vec<Settlement>,
    desk: Desk,
}

/// What a write needs.
#[derive(Clone)]
pub struct Desk {
    /// Where to.
    pub store: Arc<dyn Store>,
    /// Who waits.
    pub replies: Replies,
    /// Who listens.
    pub events: EventBus,
    /// Where it is counted.
    pub board: Board,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
}

impl Settler {
    /// A settler with nothing to write.
    pub fn new(desk: Desk) -> Self {
        Self { gathered: Vec::new(), desk }
    }

    /// Takes a verdict into the next group.
    pub fn push(&mut self, settlement: Settlement) {
        self.gathered.push(settlement);
    }

    /// Whether nothing waits to be written.
    pub fn is_empty(&self) -> bool {
        self.gathered.is_empty()
    }

    /// What its writes need.
    pub fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// Writes that may be under way at once.
    pub fn at_once(&self) -> usize {
        self.desk.store.settles_at_once()
    }

    /// Starts writing what was gathered.
    pub fn write(&mut self) -> BoxFuture<'static, Vec<Kept>> {
        self.desk.clone().write(std::mem::take(&mut self.gathered)).boxed()
    }
}

impl Desk {
    /// Gives tasks back to the store, unattempted; tells of those that were cancelled meanwhile.
    pub async fn release(&self, leases: Vec<(LeaseToken, Arc<Task>)>) -> Result<(), StoreError> {
        let Released { cancelled, finished } = self.store.release(leases).await?;
        for task in cancelled {
            self.board.platform(task.platform()).ended.count(Disposition::Cancelled);
            let event = || EventKind::Cancelled { task: task.id, platform: task.platform().clone() };
            self.events.publish(|| (Some(task.head.correlation_id()), event()));
        }
        finished.into_iter().for_each(|outcome| self.replies.resolve(outcome));
        Ok(())
    }

    /// Returns what stays claimed, to be tried again.
    async fn write(self, settlements: Vec<Settlement>) -> Vec<Kept> {
        let settlements: Arc<[Settlement]> = settlements.into();
        let began = self.clock.now();
        let settled = loop {
            match self.store.settle(&settlements).await {
                Ok(settled) => break settled,
                Err(error) => {
                    tracing::error!(%error, outcomes = settlements.len(), "cannot write outcomes, trying again");
                    self.clock.sleep_until(self.clock.now() + REWRITE_WAIT).await;
                }
            }
        };
        self.board.engine.commits.record_duration(self.clock.now().saturating_duration_since(began));
        self.board.engine.groups.record_size(settlements.len());
        let (wall, mut tally) = (self.clock.wall(), None);
        let mut kept = Vec::new();
        for (settlement, settled) in settlements.iter().zip(settled) {
            let task = &settlement.task;
            if settled == Settled::Stale {
                let id = task.id;
                let correlation_id = task.head.correlation_id();
                tracing::warn!(task.id = %id, %correlation_id, "late outcome of task {id} changes nothing: it was claimed again");
                continue;
            }
            self.count(settlement, wall, &mut tally);
            // What only waits for its recipient has nothing to tell.
            if settlement.attempt.is_some() || !matches!(settlement.disposition, Disposition::Retry { .. }) {
                log(settlement);
                self.events.publish(|| (Some(task.head.correlation_id()), event(settlement)));
            }
            match (settled, &settlement.keeps, settlement.disposition) {
                (Settled::Finished(outcome), ..) => self.replies.resolve(outcome),
                (Settled::Kept, Some(lease), Disposition::Retry { due, .. }) => kept.push(Kept { lease: lease.clone(), due }),
                _ => {}
            }
        }
        kept
    }

    fn count(&self, settlement: &Settlement, wall: SystemTime, last: &mut LastTally) {
        let head = &settlement.task.head;
        let name = settlement.task.platform();
        let (_, tally) = match last {
            Some(known) if known.0 == *name => known,
            _ => last.insert((name.clone(), self.board.platform(name))),
        };
        tally.ended.count(settlement.disposition);
        if settlement.disposition == Disposition::Delivered {
            tally.accept_to_delivered.record_duration(wall.duration_since(head.accepted_at).unwrap_or_default());
        }
    }
}

/// The tally of the platform that was counted last: settlements of one platform come together.
type LastTally = Option<(PlatformName, Arc<PlatformTally>)>;

/// Why the attempt failed, if there was one and it did.
fn error(settlement: &Settlement) -> Option<&SendError> {
    settlement.attempt.as_ref()?.result.as_ref().err()
}

fn event(settlement: &Settlement) -> EventKind {
    let task = &settlement.task;
    let (id, platform) = (task.id, task.platform().clone());
    let attempt = settlement.attempt.as_ref();
    let number = attempt.map_or(0, |attempt| attempt.number);
    match settlement.disposition {
        Disposition::Delivered => EventKind::Delivered {
            task: id,
            platform,
            attempt: number,
            took: attempt.map(|attempt| attempt.took).unwrap_or_default(),
        },
        Disposition::Retry { due, .. } => {
            let error = error(settlement).cloned().unwrap_or_else(|| SendError::unexpected("no attempt was made"));
            EventKind::Retrying { task: id, platform, attempt: number, due, error }
        }
        Disposition::NextStep(why) => {
            let to = task.next_step().map(ToString::to_string).unwrap_or_default().into();
            EventKind::StepLeft { task: id, platform, to, why }
        }
        Disposition::Dead(reason) => EventKind::Dead { task: id, platform, reason, error: error(settlement).cloned() },
        Disposition::Expired => EventKind::Expired { task: id, platform },
        Disposition::Cancelled => EventKind::Cancelled { task: id, platform },
    }
}

fn log(settlement: &Settlement) {
    let task = &settlement.task;
    let (id, platform) = (task.id, task.platform());
    let attempt = settlement.attempt.as_ref().map_or(0, |attempt| attempt.number);
    match (settlement.disposition, error(settlement)) {
        (Disposition::Delivered, _) => {
            tracing::debug!(task.id = %id, correlation_id = %task.head.correlation_id(), %platform, attempt, "task {id} delivered");
        }
        (Disposition::Retry { .. }, Some(error)) => {
            tracing::info!(
                task.id = %id, correlation_id = %task.head.correlation_id(), %platform, attempt, %error,
                "delivery failed, retrying task {id}"
            );
        }
        (Disposition::NextStep(why), error) => {
            let to = task.next_step().map(ToString::to_string).unwrap_or_default();
            let error = error.map(ToString::to_string).unwrap_or_default();
            tracing::warn!(
                task.id = %id, correlation_id = %task.head.correlation_id(), %platform, attempt, %why, error, to,
                "task {id} takes its next step"
            );
        }
        (Disposition::Dead(reason), error) => {
            let error = error.map(ToString::to_string).unwrap_or_default();
            tracing::warn!(
                task.id = %id, correlation_id = %task.head.correlation_id(), %platform, attempt, %reason, error, "task {id} is dead"
            );
        }
        (other, _) => {
            let state = other.state();
            tracing::info!(task.id = %id, correlation_id = %task.head.correlation_id(), %platform, attempt, "task {id} is {state}");
        }
    }
}
