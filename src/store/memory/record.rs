//! One task as the memory store keeps it.

use std::{sync::Arc, time::SystemTime};

use super::queue::Place;
use crate::{
    store::{ATTEMPTS_MAX, Lease, LeaseToken},
    task::{Attempt, DeadReason, StepLeft, StepReason, TargetOutcome, Task, TaskState},
};

/// A task, where it stands, and what was tried.
#[derive(Debug)]
pub struct Record {
    pub task: Arc<Task>,
    pub state: TaskState,
    pub token: LeaseToken,
    pub place: Place,
    pub due: Option<SystemTime>,
    pub counted: u32,
    pub tries: u32,
    pub cancelled: bool,
    pub dead: Option<DeadReason>,
    pub attempts: Vec<Attempt>,
    pub left: Vec<StepLeft>,
    /// The order key it shares with others of its platform.
    pub order: Option<Arc<str>>,
    /// Whether it waits for the one before it.
    pub held: bool,
    /// Whether a person dropped it when it was dead.
    pub forgotten: bool,
}

impl Record {
    /// A task that waits.
    pub fn waiting(task: &Arc<Task>, place: Place, due: Option<SystemTime>) -> Self {
        Self {
            task: task.clone(),
            state: TaskState::Waiting,
            token: LeaseToken(0),
            place,
            due,
            counted: 0,
            tries: 0,
            cancelled: false,
            dead: None,
            attempts: Vec::new(),
            left: Vec::new(),
            order: None,
            held: false,
            forgotten: false,
        }
    }

    /// A task that is claimed as soon as it is stored.
    pub fn leased(task: &Arc<Task>, place: Place, token: LeaseToken) -> Self {
        Self { state: TaskState::Leased, token, ..Self::waiting(task, place, None) }
    }

    pub fn lease(&self) -> Lease {
        Lease { token: self.token, task: self.task.clone(), counted: self.counted, tries: self.tries }
    }

    pub fn record(&mut self, attempt: Option<Attempt>) {
        let Some(attempt) = attempt else { return };
        self.tries += 1;
        if self.attempts.len() == ATTEMPTS_MAX {
            self.attempts.remove(0);
        }
        self.attempts.reserve_exact(1);
        self.attempts.push(attempt);
    }

    /// Goes to its next step, if it has one.
    pub fn step(&mut self, why: StepReason, wall: SystemTime) {
        self.left.extend(self.task.step_left(self.tries, wall, why));
        if let Some(next) = self.task.at_next_step(wall) {
            (self.task, self.counted) = (Arc::new(next), 0);
        }
    }

    /// What became of it, of a record that is about to be dropped.
    pub fn final_outcome(&mut self) -> TargetOutcome {
        let attempts = std::mem::take(&mut self.attempts);
        TargetOutcome { attempts, ..self.outcome() }
    }

    /// What has become of it so far.
    pub fn outcome(&self) -> TargetOutcome {
        TargetOutcome {
            task: self.task.id,
            platform: self.task.platform().clone(),
            recipient: self.task.recipient.clone(),
            state: self.state,
            dead: self.dead,
            attempts: self.attempts.clone(),
            left: self.left.clone(),
        }
    }
}
