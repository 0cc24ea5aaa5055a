//! All state of the memory store, and every change of it.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{MemoryLimits, queue::WaitingTasks, record::Record};
use crate::{
    store::{
        ArrivalSender, Cancelled, Claimed, Counts, Credits, Enqueued, Lease, LeaseToken, Settled, Settlement, StoreError,
        Submission,
    },
    task::{Disposition, Head, NotificationId, Outcome, Task, TaskId, TaskState},
};

/// How long an idempotency key is remembered.
const IDEMPOTENCY_WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// Notifications and tasks, and what they wait for.
#[derive(Debug)]
pub struct Shelf {
    notifications: HashMap<NotificationId, Entry>,
    tasks: HashMap<TaskId, Record>,
    waiting: WaitingTasks,
    finished: VecDeque<(SystemTime, NotificationId)>,
    keys: HashMap<Arc<str>, (u64, NotificationId)>,
    key_ages: VecDeque<(SystemTime, Arc<str>)>,
    counts: Counts,
    next_token: u64,
    arrivals: Option<ArrivalSender>,
    limits: MemoryLimits,
}

#[derive(Debug)]
struct Entry {
    head: Arc<Head>,
    tasks: Box<[TaskId]>,
    open: u32,
}

impl Shelf {
    pub fn new(limits: MemoryLimits) -> Self {
        Self {
            notifications: HashMap::new(),
            tasks: HashMap::new(),
            waiting: WaitingTasks::default(),
            finished: VecDeque::new(),
            keys: HashMap::new(),
            key_ages: VecDeque::new(),
            counts: Counts::default(),
            next_token: 0,
            arrivals: None,
            limits,
        }
    }

    pub fn announce_to(&mut self, arrivals: ArrivalSender) {
        self.arrivals = Some(arrivals);
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn enqueue(&mut self, submissions: Vec<Submission>, wall: SystemTime) -> Result<Vec<Enqueued>, StoreError> {
        let added: usize = submissions.iter().map(|submission| submission.tasks.len()).sum();
        if self.counts.waiting + added as u64 > self.limits.waiting_max {
            return Err(StoreError::Full { waiting: self.counts.waiting, max: self.limits.waiting_max });
        }
        self.forget(wall);
        Ok(submissions.into_iter().map(|submission| self.enqueue_one(submission, wall)).collect())
    }

    fn enqueue_one(&mut self, submission: Submission, wall: SystemTime) -> Enqueued {
        let id = submission.head.id;
        if let Some((key, hash)) = submission.idempotency {
            if let Some((known_hash, known)) = self.keys.get(&key) {
                return if *known_hash == hash { Enqueued::Known(*known) } else { Enqueued::Conflict(*known) };
            }
            self.key_ages.push_back((wall, key.clone()));
            self.keys.insert(key, (hash, id));
        }
        let tasks = submission.tasks.iter().map(|task| task.id).collect();
        self.notifications.insert(id, Entry { head: submission.head, tasks, open: submission.tasks.len() as u32 });
        self.counts.accepted += submission.tasks.len() as u64;
        self.place_fresh(submission.tasks, wall);
        Enqueued::Stored
    }

    /// Hands the tasks of one notification straight to the dispatcher if it has room and nothing older waits on their
    /// lanes; else they wait.
    fn place_fresh(&mut self, tasks: Vec<Arc<Task>>, wall: SystemTime) {
        let due = tasks.first().and_then(|task| task.head.not_before).filter(|due| *due > wall);
        let straight = due.is_none() && tasks.iter().all(|task| self.waiting.is_lane_empty(&task.lane));
        let arrivals = self.arrivals.clone();
        let permit = if straight { arrivals.as_ref().and_then(|arrivals| arrivals.reserve(tasks.len())) } else { None };
        let Some(permit) = permit else {
            tasks.into_iter().for_each(|task| self.place_waiting(task, due));
            if let Some(arrivals) = &arrivals {
                arrivals.ring();
            }
            return;
        };
        let leases = tasks.into_iter().map(|task| self.place_leased(task)).collect();
        permit.send(leases);
    }

    fn place_waiting(&mut self, task: Arc<Task>, due: Option<SystemTime>) {
        let place = self.waiting.last_place();
        match due {
            Some(due) => self.waiting.push_at(due, &task.lane, place, task.id),
            None => self.waiting.push(&task.lane, place, task.id),
        }
        self.counts.waiting += 1;
        self.tasks.insert(task.id, Record::new(task, TaskState::Waiting, place, due));
    }

    fn place_leased(&mut self, task: Arc<Task>) -> Lease {
        let place = self.waiting.last_place();
        let mut record = Record::new(task, TaskState::Leased, place, None);
        record.token = self.token();
        let lease = record.lease();
        self.counts.leased += 1;
        self.tasks.insert(record.task.id, record);
        lease
    }

    pub fn claim(&mut self, credits: &Credits, wall: SystemTime) -> Claimed {
        let next_due = self.waiting.promote(wall);
        let (ids, left) = self.waiting.take(credits);
        let mut leases = Vec::with_capacity(ids.len());
        for id in ids {
            let token = self.token();
            let record = self.tasks.get_mut(&id).expect("what waits is stored");
            debug_assert!(record.state.may_become(TaskState::Leased));
            (record.state, record.token, record.due) = (TaskState::Leased, token, None);
            leases.push(record.lease());
            self.counts.waiting -= 1;
            self.counts.leased += 1;
        }
        Claimed { leases, left, next_due }
    }

    pub fn settle(&mut self, settlement: &Settlement, wall: SystemTime) -> Settled {
        let Some(record) = self.leased(settlement.token, settlement.task) else {
            self.counts.stale += 1;
            return Settled::Stale;
        };
        record.record(settlement.attempt.clone());
        let disposition = match settlement.disposition {
            Disposition::Retry { .. } if record.cancelled => Disposition::Cancelled,
            other => other,
        };
        match disposition {
            Disposition::Retry { due, counts } => {
                record.counted += u32::from(counts);
                self.wait_again(settlement.task, Some(due));
                Settled::Applied { finished: false }
            }
            Disposition::Dead(reason) => {
                record.dead = Some(reason);
                Settled::Applied { finished: self.finish(settlement.task, TaskState::Dead, wall) }
            }
            other => Settled::Applied { finished: self.finish(settlement.task, other.state(), wall) },
        }
    }

    pub fn release(&mut self, token: LeaseToken, task: TaskId) {
        if self.leased(token, task).is_some() {
            self.wait_again(task, None);
        }
    }

    pub fn cancel(&mut self, notification: NotificationId, wall: SystemTime) -> Cancelled {
        let mut reached = Cancelled::default();
        let Some(entry) = self.notifications.get(&notification) else { return reached };
        for id in entry.tasks.clone() {
            let record = self.tasks.get_mut(&id).expect("a notification's tasks are stored");
            match record.state {
                TaskState::Waiting => {
                    let lane = record.task.lane.clone();
                    self.waiting.remove(record.due, &lane, record.place);
                    reached.finished |= self.finish(id, TaskState::Cancelled, wall);
                    reached.cancelled.push((id, lane));
                }
                TaskState::Leased => {
                    record.cancelled = true;
                    reached.under_way.push(id);
                }
                _ => {}
            }
        }
        reached
    }

    pub fn find(&self, notification: NotificationId) -> Option<Outcome> {
        let entry = self.notifications.get(&notification)?;
        let targets =
            entry.tasks.iter().map(|id| self.tasks.get(id).expect("a notification's tasks are stored").outcome()).collect();
        Some(Outcome { id: notification, correlation_id: entry.head.correlation_id(), targets })
    }

    fn leased(&mut self, token: LeaseToken, task: TaskId) -> Option<&mut Record> {
        self.tasks.get_mut(&task).filter(|record| record.state == TaskState::Leased && record.token == token)
    }

    fn wait_again(&mut self, task: TaskId, due: Option<SystemTime>) {
        let record = self.tasks.get_mut(&task).expect("a leased task is stored");
        (record.state, record.due) = (TaskState::Waiting, due);
        match due {
            Some(due) => self.waiting.push_at(due, &record.task.lane, record.place, task),
            None => self.waiting.push(&record.task.lane, record.place, task),
        }
        self.counts.leased -= 1;
        self.counts.waiting += 1;
        if let Some(arrivals) = &self.arrivals {
            arrivals.ring();
        }
    }

    /// Moves a task to a final state; tells whether its notification is finished by that.
    fn finish(&mut self, task: TaskId, state: TaskState, wall: SystemTime) -> bool {
        let record = self.tasks.get_mut(&task).expect("what finishes is stored");
        debug_assert!(record.state.may_become(state), "{} -> {state}", record.state);
        match record.state {
            TaskState::Waiting => self.counts.waiting -= 1,
            _ => self.counts.leased -= 1,
        }
        record.state = state;
        match state {
            TaskState::Delivered => self.counts.delivered += 1,
            TaskState::Dead => self.counts.dead += 1,
            TaskState::Cancelled => self.counts.cancelled += 1,
            _ => self.counts.expired += 1,
        }
        let id = record.task.head.id;
        let entry = self.notifications.get_mut(&id).expect("a task's notification is stored");
        entry.open -= 1;
        if entry.open == 0 {
            self.finished.push_back((wall, id));
        }
        entry.open == 0
    }

    /// Forgets finished notifications beyond their number or age, and idempotency keys beyond theirs.
    fn forget(&mut self, wall: SystemTime) {
        let older = |at: SystemTime, age: Duration| wall.duration_since(at).is_ok_and(|passed| passed >= age);
        while let Some((at, id)) = self.finished.front().copied() {
            if self.finished.len() <= self.limits.finished_max && !older(at, self.limits.retention) {
                break;
            }
            self.finished.pop_front();
            for task in self.notifications.remove(&id).map(|entry| entry.tasks).unwrap_or_default() {
                self.tasks.remove(&task);
            }
        }
        while self.key_ages.front().is_some_and(|(at, _)| older(*at, IDEMPOTENCY_WINDOW)) {
            if let Some((_, key)) = self.key_ages.pop_front() {
                self.keys.remove(&key);
            }
        }
    }

    fn token(&mut self) -> LeaseToken {
        self.next_token += 1;
        LeaseToken(self.next_token)
    }
}
