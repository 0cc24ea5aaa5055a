//! One try and what came of it; what becomes of the task after it; the whole story of a notification.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use notifyhub_platforms::contract::{ErrorKind, Receipt, SendError};
use serde::Serialize;

use super::{CorrelationId, NotificationId, PlatformName, StepLeft, StepReason, TaskId, TaskState, target_text};

/// One try.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Counted from 1.
    pub number: u32,
    /// When it began (wall clock).
    pub started_at: SystemTime,
    /// How long it took.
    pub took: Duration,
    /// Which process made it, where several use the store.
    pub node: Option<Arc<str>>,
    /// Which worker made it: its slot.
    pub worker: u32,
    /// The platform's receipt, or why there is none.
    pub result: Result<Receipt, SendError>,
}

/// Why a task is dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DeadReason {
    /// The platform will never take this message, this recipient or this credential.
    Refused(ErrorKind),
    /// Every attempt failed.
    OutOfAttempts,
    /// The attempt may have arrived, and the platform is configured `on_ambiguous = "dead"`.
    Ambiguous,
    /// Its platform is no longer configured.
    PlatformGone,
    /// Five processes in a row died while they had it, twice while nothing else like it was under way.
    Poison,
    /// What the store kept of it cannot be read any more.
    Damaged,
    /// Its endpoint is sent to no more.
    Disabled,
}

impl DeadReason {
    /// All reasons that occur.
    pub const ALL: [Self; 10] = [
        Self::Refused(ErrorKind::InvalidMessage),
        Self::Refused(ErrorKind::InvalidRecipient),
        Self::Refused(ErrorKind::Gone),
        Self::Refused(ErrorKind::Unauthorized),
        Self::OutOfAttempts,
        Self::Ambiguous,
        Self::PlatformGone,
        Self::Poison,
        Self::Damaged,
        Self::Disabled,
    ];

    /// The reason as one word, as in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused(kind) => kind.as_str(),
            Self::OutOfAttempts => "out_of_attempts",
            Self::Ambiguous => "ambiguous",
            Self::PlatformGone => "platform_gone",
            Self::Poison => "poison",
            Self::Damaged => "damaged",
            Self::Disabled => "disabled",
        }
    }
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(kind) => write!(f, "refused: {kind}"),
            Self::OutOfAttempts => f.write_str("out of attempts"),
            Self::Ambiguous => f.write_str("may have arrived, and is not to be sent twice"),
            Self::PlatformGone => f.write_str("its platform is no longer configured"),
            Self::Poison => f.write_str("processes died while they had it, time after time"),
            Self::Damaged => f.write_str("what the store kept of it is damaged"),
            Self::Disabled => f.write_str("its endpoint is disabled, see `notifyhub endpoints list`"),
        }
    }
}

/// What becomes of a task after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disposition {
    /// It is delivered.
    Delivered,
    /// It waits until `due` for another attempt.
    Retry {
        /// When the next attempt may be made.
        due: SystemTime,
        /// Whether the attempt counts towards `max_attempts`; one that was only asked to slow down does not.
        counts: bool,
    },
    /// It waits for its next step, at another target.
    NextStep(StepReason),
    /// It is dead.
    Dead(DeadReason),
    /// It expired.
    Expired,
    /// It was cancelled.
    Cancelled,
}

impl Disposition {
    /// The state it leads to.
    pub const fn state(self) -> TaskState {
        match self {
            Self::Delivered => TaskState::Delivered,
            Self::Retry { .. } | Self::NextStep(_) => TaskState::Waiting,
            Self::Dead(_) => TaskState::Dead,
            Self::Expired => TaskState::Expired,
            Self::Cancelled => TaskState::Cancelled,
        }
    }
}

/// What became of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetOutcome {
    /// The task.
    pub task: TaskId,
    /// The platform it went to; of a task with several steps, the one it is at.
    pub platform: PlatformName,
    /// The recipient, if there is one.
    pub recipient: Option<Arc<str>>,
    /// Where it stands; not final only if the hub was shut down first.
    pub state: TaskState,
    /// Why, if it is dead.
    pub dead: Option<DeadReason>,
    /// Every attempt, oldest first; at most the last 50 are kept.
    pub attempts: Vec<Attempt>,
    /// The steps of its route that it has left, oldest first; none where it has one target only.
    pub left: Vec<StepLeft>,
}

impl TargetOutcome {
    /// The target as users write it.
    pub fn target(&self) -> String {
        target_text(&self.platform, self.recipient.as_deref())
    }

    /// How it came to where it is, in plain words: the steps of its route that it has left, and why. `None` if it has left
    /// none.
    pub fn way(&self) -> Option<String> {
        let route = &self.left.first()?.route;
        let left = self.left.iter().map(|step| {
            let error = self.attempts.iter().rfind(|attempt| attempt.number <= step.attempts);
            match (step.why, error.and_then(|attempt| attempt.result.as_ref().err())) {
                (StepReason::Failed(_), Some(error)) => format!("not by {}: {error}", step.target),
                (why, _) => format!("not by {}: {why}", step.target),
            }
        });
        Some(format!("@{route}, {}", left.collect::<Vec<_>>().join(", ")))
    }

    /// The platform's receipt, if it was delivered.
    pub fn receipt(&self) -> Option<&Receipt> {
        self.attempts.last()?.result.as_ref().ok()
    }

    /// Why the last attempt failed, if it did.
    pub fn error(&self) -> Option<&SendError> {
        self.attempts.last()?.result.as_ref().err()
    }

    /// The reason for its state in plain words; empty for a delivered target.
    pub fn reason(&self) -> String {
        let why = match (self.state, self.dead) {
            (TaskState::Delivered, _) => return String::new(),
            (_, Some(DeadReason::Refused(_))) => String::new(),
            (_, Some(reason)) => reason.to_string(),
            (TaskState::Expired, _) => "expired before it could be delivered".to_owned(),
            (TaskState::Cancelled, _) => "cancelled".to_owned(),
            _ => "not finished".to_owned(),
        };
        match self.error() {
            Some(error) if why.is_empty() => error.to_string(),
            Some(error) => format!("{why}: {error}"),
            None => why,
        }
    }
}

/// What became of a notification, target by target.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The notification.
    pub id: NotificationId,
    /// Its correlation id.
    pub correlation_id: CorrelationId,
    /// One entry per target, in the order they were accepted.
    pub targets: Vec<TargetOutcome>,
}

impl Outcome {
    /// Whether every target was delivered.
    pub fn all_delivered(&self) -> bool {
        self.targets.iter().all(|target| target.state == TaskState::Delivered)
    }

    /// Whether every target has reached a final state.
    pub fn is_final(&self) -> bool {
        self.targets.iter().all(|target| target.state.is_final())
    }
}
