//! The states of a task and the one table of its legal moves.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a task stands. The first two can still change; the others are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Accepted; waits for its time, its lane or a worker.
    Waiting,
    /// Claimed by a process, perhaps being sent.
    Leased,
    /// The platform accepted it.
    Delivered,
    /// It failed for good: refused, or out of attempts.
    Dead,
    /// Somebody cancelled it before it was sent.
    Cancelled,
    /// Its `expires_at` passed before it was delivered.
    Expired,
}

/// Every legal move, with what causes it.
const MOVES: [(TaskState, TaskState); 8] = [
    (TaskState::Waiting, TaskState::Leased),    // claimed
    (TaskState::Waiting, TaskState::Cancelled), // cancelled by a caller
    (TaskState::Leased, TaskState::Waiting),    // to be tried again, or released
    (TaskState::Leased, TaskState::Delivered),  // the platform accepted it
    (TaskState::Leased, TaskState::Dead),       // refused, or out of attempts
    (TaskState::Leased, TaskState::Cancelled),  // cancelled by a caller, and the attempt under way failed
    (TaskState::Leased, TaskState::Expired),    // its time has passed
    (TaskState::Dead, TaskState::Waiting),      // requeued by a person
];

impl TaskState {
    /// All states.
    pub const ALL: [Self; 6] = [Self::Waiting, Self::Leased, Self::Delivered, Self::Dead, Self::Cancelled, Self::Expired];

    /// Whether a task may move from this state to `next`.
    pub fn may_become(self, next: Self) -> bool {
        MOVES.contains(&(self, next))
    }

    /// Whether it is final: nothing but a person's requeue changes it.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Leased)
    }

    /// The state as users see it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_final_state_is_left_by_requeueing_the_dead_only() {
        for from in TaskState::ALL.into_iter().filter(|state| state.is_final()) {
            for to in TaskState::ALL {
                assert_eq!(from.may_become(to), (from, to) == (TaskState::Dead, TaskState::Waiting), "{from} -> {to}");
            }
        }
    }

    #[test]
    fn only_a_leased_task_can_be_delivered_or_die() {
        for from in TaskState::ALL {
            for to in [TaskState::Delivered, TaskState::Dead] {
                assert_eq!(from.may_become(to), from == TaskState::Leased, "{from} -> {to}");
            }
        }
    }
}
