//! What happens in a hub, as broadcast to whoever listens.

mod health;
mod lane;
mod scaling;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use notifyhub_platforms::contract::SendError;

pub use health::{HealthState, PoolHealth, Suspicion};
pub use lane::BreakerState;
pub use scaling::{Decision as ScaleDecision, Reason as ScaleReason};

use crate::task::{CorrelationId, DeadReason, LaneKey, NotificationId, PlatformName, StepReason, TaskId, WorkerKey};

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Counts the hub's published events, from 1. A gap is events that were dropped because they came too fast.
    pub number: u64,
    /// When (wall clock).
    pub at: SystemTime,
    /// The notification it belongs to, by its correlation id.
    pub correlation_id: Option<CorrelationId>,
    /// What.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// A notification was accepted: it and all its tasks are stored.
    Accepted {
        /// Which.
        notification: NotificationId,
        /// How many targets it has.
        tasks: usize,
    },
    /// A task was delivered.
    Delivered {
        /// Which.
        task: TaskId,
        /// Where to.
        platform: PlatformName,
        /// By which attempt.
        attempt: u32,
        /// How long the attempt took.
        took: Duration,
    },
    /// An attempt failed; another will be made.
    Retrying {
        /// Which task.
        task: TaskId,
        /// Where to.
        platform: PlatformName,
        /// Which attempt failed.
        attempt: u32,
        /// When the next may be made.
        due: SystemTime,
        /// Why it failed.
        error: SendError,
    },
    /// A task left a step of its route for the next one.
    StepLeft {
        /// Which.
        task: TaskId,
        /// Where it was.
        platform: PlatformName,
        /// The target it goes to now.
        to: Arc<str>,
        /// Why.
        why: StepReason,
    },
    /// A task is dead.
    Dead {
        /// Which.
        task: TaskId,
        /// Where it should have gone.
        platform: PlatformName,
        /// Why.
        reason: DeadReason,
        /// Why its last attempt failed, if there was one.
        error: Option<SendError>,
    },
    /// A task expired.
    Expired {
        /// Which.
        task: TaskId,
        /// Where it should have gone.
        platform: PlatformName,
    },
    /// A task was cancelled.
    Cancelled {
        /// Which.
        task: TaskId,
        /// Where it should have gone.
        platform: PlatformName,
    },
    /// A lane was asked to slow down and rests.
    LaneParked {
        /// Which.
        lane: LaneKey,
        /// For how long.
        wait: Duration,
    },
    /// A lane's circuit breaker stands otherwise than before.
    BreakerChanged {
        /// Which lane.
        lane: LaneKey,
        /// How it stands now.
        state: BreakerState,
        /// Why, in words.
        why: Arc<str>,
    },
    /// A person said that nothing more is to be sent to a platform for now, or that it is again.
    PlatformPaused {
        /// Which.
        platform: PlatformName,
        /// Whether nothing is sent.
        paused: bool,
    },
    /// An endpoint is sent to no more: it is gone, or nothing but errors came from it for long. What comes for it is dead.
    EndpointDisabled {
        /// Its platform.
        platform: PlatformName,
        /// Its recipient, if it has some.
        recipient: Option<Arc<str>>,
        /// Why, in words.
        why: Arc<str>,
    },
    /// An endpoint is sent to again, because a person said so.
    EndpointEnabled {
        /// Its platform.
        platform: PlatformName,
        /// Its recipient, if it has some.
        recipient: Option<Arc<str>>,
    },
    /// A worker started.
    WorkerStarted {
        /// Which.
        worker: WorkerKey,
    },
    /// A worker that was to leave has finished what it had, and ended.
    WorkerStopped {
        /// Which.
        worker: WorkerKey,
    },
    /// A worker died, or was given up; its slot gets a new one and its tasks go on elsewhere.
    WorkerLost {
        /// Which.
        worker: WorkerKey,
        /// Why.
        why: Arc<str>,
    },
    /// A lost worker has a successor in its slot.
    WorkerReplaced {
        /// The successor.
        worker: WorkerKey,
        /// Who was lost.
        lost: WorkerKey,
    },
    /// A worker does not answer; it is replaced if that goes on.
    WorkerUnresponsive {
        /// Which.
        worker: WorkerKey,
        /// For how long.
        silent: Duration,
        /// What it works on.
        at: Option<Suspicion>,
    },
    /// A worker that did not answer does so again.
    WorkerRecovered {
        /// Which.
        worker: WorkerKey,
    },
    /// The threads that deliver take no task any more: something blocks them all.
    RuntimeStalled {
        /// For how long.
        stalled: Duration,
        /// What the workers that hold a thread are at.
        at: Vec<(WorkerKey, Suspicion)>,
    },
    /// The threads that deliver take tasks again.
    RuntimeRecovered {
        /// How long they did not.
        stalled: Duration,
    },
    /// The pool was made larger or smaller.
    Scaled {
        /// How many workers there should have been.
        from: usize,
        /// How many there should be now.
        to: usize,
        /// Why.
        reason: ScaleReason,
    },
    /// The pool is better or worse off than before.
    HealthChanged {
        /// How it was.
        from: HealthState,
        /// How it is.
        to: HealthState,
        /// Why, in words.
        reasons: Arc<[String]>,
    },
}
