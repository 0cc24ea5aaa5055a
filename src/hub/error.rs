//! How a call of the hub can fail.

use std::{sync::Arc, time::Duration};

use notifyhub_platforms::contract::ConfigError;

use crate::{
    config::ConfigErrors,
    routing::TargetMistake,
    store::{OpenError, StoreError},
    task::{NotificationId, PlatformName, TaskId},
};

/// Why a notification was not accepted. Nothing of it is stored then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// One or more of its targets cannot be sent to; all mistakes are listed.
    #[error("{}", list(.0))]
    Targets(Vec<TargetMistake>),
    /// It has more targets than one notification may.
    #[error("a notification for {0} targets, at most {max} may be; send several", max = TaskId::PER_NOTIFICATION_MAX)]
    TooManyTargets(usize),
    /// The notification at this place (from 0) of a batch was refused; nothing of the batch is stored.
    #[error("notification {index}: {error}")]
    InBatch {
        /// Which.
        index: usize,
        /// Why.
        error: Box<HubError>,
    },
    /// The idempotency key was used within 24 hours for other content.
    #[error("idempotency key `{key}` was used for other content by notification {first}; use a new key")]
    Conflict {
        /// The key.
        key: Arc<str>,
        /// The notification that was accepted with it.
        first: NotificationId,
    },
    /// As many tasks wait as may; [`Hub::send`](super::Hub::send) would wait for room.
    #[error("busy: {waiting} tasks are waiting, at most {max} may; come back in {:.1} s", retry_after.as_secs_f64())]
    Busy {
        /// How many wait.
        waiting: u64,
        /// How many may.
        max: u64,
        /// When there will be room, by how quickly there was of late; 0.1 s to 60 s.
        retry_after: Duration,
    },
    /// The store refused it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was accepted, but its outcome cannot be had.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    /// There is no platform of this name.
    #[error("no platform `{name}`; there are: {}", known.iter().map(PlatformName::as_str).collect::<Vec<_>>().join(", "))]
    NoSuchPlatform {
        /// The name.
        name: PlatformName,
        /// Those there are.
        known: Vec<PlatformName>,
    },
    /// The hub is shutting down.
    #[error("the hub is shutting down and accepts nothing more")]
    ShuttingDown,
}

/// Why there is no outcome.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutcomeError {
    /// The store keeps finished notifications for a time only, and this one's is over.
    #[error("notification {0} is not known (any more)")]
    Forgotten(NotificationId),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a hub did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration has mistakes; all are listed with their places.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// A platform cannot be made.
    #[error("platform `{name}`: {error}")]
    Platform {
        /// Which.
        name: PlatformName,
        /// Why.
        error: ConfigError,
    },
    /// The store's file cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// A name or value given to the builder cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// The system has no thread left for the hub to watch over its own.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
    /// There is no tokio runtime to run on.
    #[error("no tokio runtime: call `start` inside one, or give the builder a runtime handle")]
    NoRuntime,
}

/// A shutdown that ran out of grace: what was under way was stopped, and counts as unfinished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the grace was over with sends under way; they were stopped and count as unfinished{}", blocked(.abandoned))]
pub struct ShutdownForced {
    /// Workers whose adapter still blocks a thread, which nobody can take from it, each with what it is at.
    pub abandoned: Vec<String>,
}

fn blocked(abandoned: &[String]) -> String {
    if abandoned.is_empty() { String::new() } else { format!("; threads are still blocked: {}", abandoned.join("; ")) }
}

fn list(mistakes: &[TargetMistake]) -> String {
    let lines: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    lines.join("; ")
}
