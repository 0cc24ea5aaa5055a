//! The model: a list of tasks and where each stands, in the order they were accepted.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use notifyhub::{
    TaskState,
    store::{Counts, Credits, Lease, LeaseToken},
    task::{Disposition, LaneKey, Task, TaskId},
};

/// A task and where it stands.
pub struct Line {
    pub task: Arc<Task>,
    pub state: TaskState,
    pub due: Option<SystemTime>,
    pub lease: Option<Lease>,
    pub counted: u32,
    pub tries: u32,
    pub cancelled: bool,
}

/// All tasks, and the claims that are no longer good.
#[derive(Default)]
pub struct Ledger {
    pub lines: Vec<Line>,
    pub spent: Vec<Lease>,
    pub stale: u64,
    place_of: HashMap<TaskId, usize>,
    tokens: Vec<LeaseToken>,
}

impl Line {
    fn is_ready(&self, wall: SystemTime) -> bool {
        self.state == TaskState::Waiting && self.due.is_none_or(|due| due <= wall)
    }
}

impl Ledger {
    pub fn accept(&mut self, tasks: &[Arc<Task>]) {
        for task in tasks {
            self.place_of.insert(task.id, self.lines.len());
            let due = task.head.not_before;
            let line =
                Line { task: task.clone(), state: TaskState::Waiting, due, lease: None, counted: 0, tries: 0, cancelled: false };
            self.lines.push(line);
        }
    }

    pub fn line(&mut self, task: TaskId) -> &mut Line {
        &mut self.lines[self.place_of[&task]]
    }

    /// Moves a task; every move must be legal.
    fn become_state(&mut self, task: TaskId, state: TaskState) {
        let line = self.line(task);
        assert!(line.state.may_become(state), "{} -> {state}", line.state);
        line.state = state;
        if let Some(lease) = line.lease.take() {
            self.spent.push(lease);
        }
    }

    /// Takes in a claim: of a task that waits, under a token that was never seen.
    pub fn lease(&mut self, lease: &Lease) {
        assert!(!self.tokens.contains(&lease.token), "a token came twice");
        self.tokens.push(lease.token);
        self.become_state(lease.task.id, TaskState::Leased);
        let line = self.line(lease.task.id);
        assert_eq!((lease.counted, lease.tries), (line.counted, line.tries));
        line.lease = Some(lease.clone());
    }

    /// Takes in a good result; tells whether the notification is finished by it.
    pub fn settle(&mut self, task: TaskId, disposition: Disposition) -> bool {
        let line = self.line(task);
        line.tries += 1;
        match disposition {
            Disposition::Retry { due, counts } if !line.cancelled => {
                line.counted += u32::from(counts);
                line.due = Some(due);
                self.become_state(task, TaskState::Waiting);
            }
            Disposition::Retry { .. } => self.become_state(task, TaskState::Cancelled),
            other => self.become_state(task, other.state()),
        }
        self.is_finished(task)
    }

    /// Takes a task back; tells whether it is cancelled, and whether its notification is finished by that.
    pub fn release(&mut self, task: TaskId) -> (bool, bool) {
        let line = self.line(task);
        line.due = None;
        let cancelled = line.cancelled;
        self.become_state(task, if cancelled { TaskState::Cancelled } else { TaskState::Waiting });
        (cancelled, self.is_finished(task))
    }

    /// Cancels the notification of `task`; returns what is cancelled and what is under way.
    pub fn cancel(&mut self, task: TaskId) -> (Vec<TaskId>, Vec<TaskId>) {
        let (mut cancelled, mut under_way) = (Vec::new(), Vec::new());
        for sibling in self.siblings(task) {
            match self.line(sibling).state {
                TaskState::Waiting => {
                    self.become_state(sibling, TaskState::Cancelled);
                    cancelled.push(sibling);
                }
                TaskState::Leased => {
                    self.line(sibling).cancelled = true;
                    under_way.push(sibling);
                }
                _ => {}
            }
        }
        (cancelled, under_way)
    }

    fn siblings(&self, task: TaskId) -> Vec<TaskId> {
        let id = self.lines[self.place_of[&task]].task.head.id;
        self.lines.iter().filter(|line| line.task.head.id == id).map(|line| line.task.id).collect()
    }

    pub fn is_finished(&mut self, task: TaskId) -> bool {
        self.siblings(task).into_iter().all(|sibling| self.line(sibling).state.is_final())
    }

    /// Whether a task on this lane could be claimed now.
    pub fn is_waited_on(&self, lane: &LaneKey, wall: SystemTime) -> bool {
        self.lines.iter().any(|line| line.task.lane == *lane && line.is_ready(wall))
    }

    /// What may be claimed of each lane, oldest first, and how much there is credit for.
    pub fn claimable(&self, credits: &Credits, wall: SystemTime) -> HashMap<LaneKey, (Vec<TaskId>, usize)> {
        let mut lanes: HashMap<_, (Vec<_>, usize)> = HashMap::new();
        for line in self.lines.iter().filter(|line| line.is_ready(wall)) {
            let named = credits.lanes.iter().find(|(lane, _)| *lane == line.task.lane);
            let credit = named.map_or(credits.others, |(_, credit)| *credit);
            let entry = lanes.entry(line.task.lane.clone()).or_insert((Vec::new(), credit));
            entry.0.push(line.task.id);
        }
        lanes
    }

    /// When the next task that waits for its time becomes due.
    pub fn next_due(&self, wall: SystemTime) -> Option<SystemTime> {
        let waiting = self.lines.iter().filter(|line| line.state == TaskState::Waiting);
        waiting.filter_map(|line| line.due).filter(|due| *due > wall).min()
    }

    pub fn counts(&self) -> Counts {
        let of = |state| self.lines.iter().filter(|line| line.state == state).count() as u64;
        Counts {
            accepted: self.lines.len() as u64,
            waiting: of(TaskState::Waiting),
            leased: of(TaskState::Leased),
            delivered: of(TaskState::Delivered),
            dead: of(TaskState::Dead),
            cancelled: of(TaskState::Cancelled),
            expired: of(TaskState::Expired),
            stale: self.stale,
        }
    }
}
