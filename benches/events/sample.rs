//! The event that is published: a delivery, with what the engine puts into it.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    PlatformName, TaskId,
    event::EventKind,
    task::{CorrelationId, NotificationId},
};

use super::AnyError;

/// What a delivery's event is made from.
pub struct Sample {
    task: TaskId,
    platform: PlatformName,
    correlation_id: Arc<str>,
}

impl Sample {
    /// A delivery.
    pub fn new() -> Result<Self, AnyError> {
        let correlation_id = NotificationId::from_bits(7).to_string().into();
        Ok(Self { task: TaskId::from_bits(7), platform: "hook".parse()?, correlation_id })
    }

    /// Its event, as the settler makes it.
    pub fn event(&self) -> (Option<CorrelationId>, EventKind) {
        let (task, platform, took) = (self.task, self.platform.clone(), Duration::from_millis(3));
        (Some(CorrelationId::Given(self.correlation_id.clone())), EventKind::Delivered { task, platform, attempt: 1, took })
    }
}
