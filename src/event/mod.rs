//! What happens in a hub, as broadcast to whoever listens.

use std::time::{Duration, SystemTime};

use notifyhub_platforms::contract::SendError;

use crate::task::{CorrelationId, DeadReason, LaneKey, NotificationId, PlatformName, TaskId};

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
    /// A worker started.
    WorkerStarted {
        /// Its slot.
        worker: u32,
    },
    /// A worker died; its slot gets a new one and its tasks go on elsewhere.
    WorkerLost {
        /// Its slot.
        worker: u32,
        /// Why.
        why: String,
    },
}
