//! Which tasks are meant, and a page of them.

use std::{sync::Arc, time::SystemTime};

use serde::Serialize;

use crate::task::{CorrelationId, DeadReason, PlatformName, TargetOutcome, TaskId, TaskState};

/// Which tasks are meant: those for which everything holds that is given. The default means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskFilter {
    /// One of these; any where it is empty.
    pub ids: Vec<TaskId>,
    /// In one of these states; in any where it is empty.
    pub states: Vec<TaskState>,
    /// For this platform.
    pub platform: Option<PlatformName>,
    /// Dead for this reason, by its [word](DeadReason::as_str).
    pub reason: Option<String>,
    /// Accepted at this moment or later.
    pub since: Option<SystemTime>,
    /// Accepted before this moment.
    pub until: Option<SystemTime>,
}

impl TaskFilter {
    /// The dead ones.
    pub fn dead() -> Self {
        Self { states: vec![TaskState::Dead], ..Self::default() }
    }

    /// The same, narrowed to these states.
    #[must_use]
    pub fn in_state(mut self, state: TaskState) -> Self {
        self.states = vec![state];
        self
    }

    /// Whether it means this task.
    pub fn means(&self, task: &ListedTask) -> bool {
        let outcome = &task.outcome;
        (self.ids.is_empty() || self.ids.contains(&outcome.task))
            && (self.states.is_empty() || self.states.contains(&outcome.state))
            && self.platform.as_ref().is_none_or(|platform| *platform == outcome.platform)
            && self.reason.as_ref().is_none_or(|reason| outcome.dead.map(DeadReason::as_str) == Some(reason))
            && self.since.is_none_or(|since| task.accepted_at >= since)
            && self.until.is_none_or(|until| task.accepted_at < until)
    }
}

/// A task in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedTask {
    /// Where it stands, with all its attempts.
    pub outcome: TargetOutcome,
    /// Its notification's correlation id.
    pub correlation_id: CorrelationId,
    /// When it was accepted.
    pub accepted_at: SystemTime,
    /// When it may be sent, if it waits for that.
    pub due: Option<SystemTime>,
}

/// Where a list goes on. A text of the store's own; it holds while the task it ended with is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cursor(pub Arc<str>);

/// A page of a list, newest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// The tasks.
    pub tasks: Vec<ListedTask>,
    /// Where the list goes on, if it does.
    pub next: Option<Cursor>,
}
