//! A task, one notification for one target, and the head it shares with its siblings.

use std::{sync::Arc, time::SystemTime};

use notifyhub_platforms::contract::{Envelope, EnvelopeId, Message};

use super::{CorrelationId, Failovers, LaneKey, NotificationId, PlatformName, TaskId};

/// What all tasks of one notification share. Never changes once it is accepted.
#[derive(Debug)]
pub struct Head {
    /// The notification's id.
    pub id: NotificationId,
    /// What is said.
    pub message: Arc<Message>,
    /// The caller's id for it, if he gave one.
    pub correlation: Option<Arc<str>>,
    /// When it was accepted.
    pub accepted_at: SystemTime,
    /// Not to be sent before this.
    pub not_before: Option<SystemTime>,
    /// Not to be sent after this.
    pub expires_at: Option<SystemTime>,
    /// The ways of those of its tasks that have several.
    pub failovers: Failovers,
}

impl Head {
    /// The correlation id.
    pub fn correlation_id(&self) -> CorrelationId {
        self.correlation.clone().map_or(CorrelationId::Own(self.id), CorrelationId::Given)
    }

    /// Whether `expires_at` has passed at `wall`.
    pub fn is_expired(&self, wall: SystemTime) -> bool {
        self.expires_at.is_some_and(|expires_at| wall >= expires_at)
    }
}

/// Bytes of a message for which its task takes one unit of room.
const UNIT_BYTES: usize = 128 * 1024;

/// One notification for one target: the unit of state, of retry and of outcome.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its id, and what the platform is shown as the stable id of all attempts.
    pub id: TaskId,
    /// Its place among the notification's tasks, from 0.
    pub index: u32,
    /// What it shares with the notification's other tasks.
    pub head: Arc<Head>,
    /// Which lane, and so which platform.
    pub lane: LaneKey,
    /// The recipient, if the target or the platform's table names one.
    pub recipient: Option<Arc<str>>,
    /// Until when it may wait here, if it has another way after this one.
    pub until: Option<SystemTime>,
}

/// A task's id is unique, so the id decides.
impl PartialEq for Task {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Task {
    /// The platform it goes to.
    pub fn platform(&self) -> &PlatformName {
        &self.lane.platform
    }

    /// How much room it takes where memory is bounded: a unit, and one more for each full 128 KiB of its message.
    pub fn room(&self) -> usize {
        1 + self.head.message.bytes() / UNIT_BYTES
    }

    /// What an adapter is given for attempt number `attempt` (from 1).
    pub fn envelope(&self, attempt: u32) -> Envelope {
        Envelope {
            id: EnvelopeId::new(self.id.bits()),
            recipient: self.recipient.clone(),
            message: self.head.message.clone(),
            attempt,
            correlation_id: self.head.correlation.clone(),
            accepted_at: self.head.accepted_at,
        }
    }
}
