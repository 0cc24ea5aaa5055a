//! All state of the memory store, and every change of it.

use std::{
    collections::{HashMap, VecDeque, hash_map},
    sync::Arc,
    time::{Duration, SystemTime},
};

use foldhash::fast::FixedState;

use super::{MemoryLimits, queue::WaitingTasks, record::Record, sayings::Sayings};
use crate::{
    store::{
        ArrivalSender, Cancelled, Claimed, Counts, Credits, Enqueued, IDEMPOTENCY_WINDOW, Keys, LeaseToken, Released, Settled,
        Settlement, StoreError, Submission,
    },
    task::{Disposition, Head, NotificationId, Outcome, Task, TaskState},
};

/// Notifications and tasks, and what they wait for.
#[derive(Debug, Default)]
pub struct Shelf {
    pub(super) notifications: HashMap<NotificationId, Entry, FixedState>,
    pub(super) waiting: WaitingTasks,
    finished: VecDeque<(SystemTime, NotificationId)>,
    keys: HashMap<Arc<str>, (u64, NotificationId)>,
    key_ages: VecDeque<(SystemTime, Arc<str>)>,
    sayings: Sayings,
    pub(super) counts: Counts,
    next_token: u64,
    pub(super) arrivals: Option<ArrivalSender>,
    limits: MemoryLimits,
}

/// A notification; it lies under an id of our own making, so its map needs no keyed hash.
#[derive(Debug)]
pub enum Entry {
    /// With tasks that are not final.
    Open(OpenEntry),
    /// Only what became of it is kept: its message is free again, unless a task of it is dead and may be requeued.
    Finished(Arc<Outcome>, Option<Box<OpenEntry>>),
}

#[derive(Debug)]
pub struct OpenEntry {
    pub head: Arc<Head>,
    pub records: Box<[Record]>,
    pub unfinished: usize,
}

impl Shelf {
    pub fn new(limits: MemoryLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub fn announce_to(&mut self, arrivals: ArrivalSender) {
        self.arrivals = Some(arrivals);
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn enqueue(&mut self, submissions: Vec<Submission>, wall: SystemTime) -> Result<Vec<Enqueued>, StoreError> {
        self.forget(wall);
        let is_known = |one: &&Submission| one.idempotency.as_ref().is_some_and(|(key, _)| self.keys.contains_key(key));
        let known: usize = submissions.iter().filter(is_known).map(|one| one.tasks.len()).sum();
        let all: usize = submissions.iter().map(|one| one.tasks.len()).sum();
        let added = (all - known) as u64;
        if added > 0 && self.counts.waiting + added > self.limits.waiting_max {
            return Err(StoreError::Full { waiting: self.counts.waiting, max: self.limits.waiting_max });
        }
        // What has become due by now is older than what comes.
        self.waiting.promote(wall);
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
        } else if let Some(known) = self.sayings.repeats(&submission.keys, &submission.tasks, wall) {
            return Enqueued::Known(known);
        }
        self.counts.accepted += submission.tasks.len() as u64;
        let repeated = self.sayings.repeated(&submission.keys, &submission.tasks, wall);
        let records = self.place(&submission.tasks, &submission.keys, repeated.is_empty(), wall);
        let unfinished = records.len();
        self.notifications.insert(id, Entry::Open(OpenEntry { head: submission.head, records, unfinished }));
        let mut cancelled = Vec::new();
        if let Some(older) = self.sayings.replace(&submission.keys, id) {
            cancelled.push(self.cancel(older, wall));
        }
        self.sayings.remember(&submission.keys, &submission.tasks, &repeated, id, wall);
        if !repeated.is_empty() {
            cancelled.push(self.cancel_those(id, |record| repeated.contains(&record.task.index), wall));
        }
        cancelled.retain(|one| *one != Cancelled::default());
        if cancelled.is_empty() { Enqueued::Stored } else { Enqueued::StoredInstead(cancelled.into()) }
    }

    /// Hands the tasks of one notification straight to the dispatcher if it has room and nothing older waits on their
    /// lanes; else they wait.
    fn place(&mut self, tasks: &[Arc<Task>], keys: &Keys, whole: bool, wall: SystemTime) -> Box<[Record]> {
        let due = tasks.first().and_then(|task| task.head.not_before).filter(|due| *due > wall);
        let plain = due.is_none() && keys.order.is_none() && whole;
        let straight = plain && tasks.iter().all(|task| self.waiting.is_lane_empty(&task.lane));
        if straight && let Some(arrivals) = self.arrivals.as_ref().filter(|arrivals| arrivals.reserve(tasks.len())) {
            let (waiting, last) = (&mut self.waiting, &mut self.next_token);
            let records: Box<[Record]> =
                tasks.iter().map(|task| Record::leased(task, waiting.new_place(&task.head), token(last))).collect();
            if arrivals.hand_over(records.iter().map(Record::lease).collect()).is_ok() {
                self.counts.leased += records.len() as u64;
                return records;
            }
        }
        let records = tasks.iter().map(|task| self.place_waiting(task, due, keys)).collect();
        self.arrivals.iter().for_each(ArrivalSender::ring);
        records
    }

    fn place_waiting(&mut self, task: &Arc<Task>, due: Option<SystemTime>, keys: &Keys) -> Record {
        let mut record = Record::waiting(task, self.waiting.new_place(&task.head), due);
        record.order.clone_from(&keys.order);
        record.held = keys.order.as_ref().is_some_and(|key| self.sayings.link(key, task));
        if record.held {
            self.waiting.hold(&record);
        } else {
            self.waiting.push(&record);
        }
        self.counts.waiting += 1;
        record
    }

    pub fn claim(&mut self, credits: &Credits, wall: SystemTime) -> Claimed {
        let expired = self.waiting.take_expired(wall);
        self.waiting.promote(wall);
        let (tasks, left) = self.waiting.take(credits);
        let mut leases = Vec::with_capacity(tasks.len());
        for task in expired.into_iter().chain(tasks) {
            let record = record(&mut self.notifications, &task).expect("what waits is stored");
            debug_assert!(record.state.may_become(TaskState::Leased));
            (record.state, record.token, record.due) = (TaskState::Leased, token(&mut self.next_token), None);
            leases.push(record.lease());
            self.counts.waiting -= 1;
            self.counts.leased += 1;
        }
        Claimed { leases, left, next_due: self.waiting.next_moment() }
    }

    pub fn settle(&mut self, settlement: &Settlement, wall: SystemTime) -> Settled {
        let Some(record) = leased(&mut self.notifications, settlement.token, &settlement.task) else {
            self.counts.stale += 1;
            return Settled::Stale;
        };
        record.record(settlement.attempt.clone());
        let finished = match settlement.disposition {
            Disposition::Retry { due, counts } if !record.cancelled => {
                record.counted += u32::from(counts);
                self.wait_again(&settlement.task, Some(due));
                None
            }
            Disposition::Retry { .. } => self.finish(&settlement.task, TaskState::Cancelled, wall),
            Disposition::Dead(reason) => {
                record.dead = Some(reason);
                self.finish(&settlement.task, TaskState::Dead, wall)
            }
            other => self.finish(&settlement.task, other.state(), wall),
        };
        finished.map_or(Settled::Applied, Settled::Finished)
    }

    pub fn release(&mut self, leases: Vec<(LeaseToken, Arc<Task>)>, wall: SystemTime) -> Released {
        let mut released = Released::default();
        for (token, task) in leases {
            match leased(&mut self.notifications, token, &task).map(|record| record.cancelled) {
                Some(true) => {
                    released.finished.extend(self.finish(&task, TaskState::Cancelled, wall));
                    released.cancelled.push(task);
                }
                Some(false) => self.wait_again(&task, None),
                None => {}
            }
        }
        released
    }

    pub fn cancel(&mut self, notification: NotificationId, wall: SystemTime) -> Cancelled {
        self.cancel_those(notification, |_| true, wall)
    }

    fn cancel_those(&mut self, notification: NotificationId, meant: impl Fn(&Record) -> bool, wall: SystemTime) -> Cancelled {
        let mut reached = Cancelled::default();
        let Some(Entry::Open(entry)) = self.notifications.get_mut(&notification) else { return reached };
        let mut waiting = Vec::new();
        for record in entry.records.iter_mut().filter(|record| meant(record)) {
            match record.state {
                TaskState::Waiting => {
                    self.waiting.remove(record);
                    waiting.push(record.task.clone());
                }
                TaskState::Leased => {
                    record.cancelled = true;
                    reached.under_way.push(record.task.id);
                }
                _ => {}
            }
        }
        for task in waiting {
            reached.finished = self.finish(&task, TaskState::Cancelled, wall);
            reached.cancelled.push(task);
        }
        reached
    }

    pub fn find(&self, notification: NotificationId) -> Option<Arc<Outcome>> {
        match self.notifications.get(&notification)? {
            Entry::Open(entry) => Some(Arc::new(entry.outcome())),
            Entry::Finished(outcome, _) => Some(outcome.clone()),
        }
    }

    fn wait_again(&mut self, task: &Task, due: Option<SystemTime>) {
        let record = record(&mut self.notifications, task).expect("a leased task is stored");
        (record.state, record.due) = (TaskState::Waiting, due);
        self.waiting.push(record);
        self.counts.leased -= 1;
        self.counts.waiting += 1;
        if let Some(arrivals) = &self.arrivals {
            arrivals.ring();
        }
    }

    /// Moves a task to a final state; returns the notification's outcome if it is finished by that.
    fn finish(&mut self, task: &Task, state: TaskState, wall: SystemTime) -> Option<Arc<Outcome>> {
        let stored = self.notifications.get_mut(&task.head.id).expect("a task's notification is stored");
        let Entry::Open(entry) = stored else { unreachable!("a notification with an unfinished task is open") };
        let record = entry.records.get_mut(task.index as usize).expect("a task has its place");
        debug_assert!(record.state.may_become(state), "{} -> {state}", record.state);
        match record.state {
            TaskState::Waiting => self.counts.waiting -= 1,
            _ => self.counts.leased -= 1,
        }
        (record.state, record.held) = (state, false);
        let order = record.order.clone();
        match state {
            TaskState::Delivered => self.counts.delivered += 1,
            TaskState::Dead => self.counts.dead += 1,
            TaskState::Cancelled => self.counts.cancelled += 1,
            _ => self.counts.expired += 1,
        }
        entry.unfinished -= 1;
        let outcome = self.finished_by(task, wall);
        if let Some(order) = order {
            self.let_next_go(&order, task, wall);
        }
        outcome
    }

    /// The next task of an order goes on.
    fn let_next_go(&mut self, order: &Arc<str>, task: &Task, wall: SystemTime) {
        let Some((id, index)) = self.sayings.unlink(order, task) else { return };
        let Some(Entry::Open(entry)) = self.notifications.get_mut(&id) else { return };
        let record = &mut entry.records[index as usize];
        if record.held && record.state == TaskState::Waiting {
            record.held = false;
            record.due = record.task.head.not_before.filter(|due| *due > wall);
            self.waiting.push(record);
            self.arrivals.iter().for_each(ArrivalSender::ring);
        }
    }

    /// The outcome of the notification of a task that has just become final, if all of its tasks are.
    fn finished_by(&mut self, task: &Task, wall: SystemTime) -> Option<Arc<Outcome>> {
        let stored = self.notifications.get_mut(&task.head.id)?;
        let Entry::Open(entry) = stored else { return None };
        if entry.unfinished > 0 {
            return None;
        }
        let dead = entry.records.iter().any(|record| record.state == TaskState::Dead);
        let outcome = Arc::new(if dead { entry.outcome() } else { entry.final_outcome() });
        if let Entry::Open(open) = std::mem::replace(stored, Entry::Finished(outcome.clone(), None))
            && dead
        {
            *stored = Entry::Finished(outcome.clone(), Some(Box::new(open)));
        }
        self.finished.push_back((wall, task.head.id));
        Some(outcome)
    }

    /// Forgets finished notifications beyond their number or age, and idempotency keys beyond theirs.
    pub fn forget(&mut self, wall: SystemTime) {
        let older = |at: SystemTime, age: Duration| wall.duration_since(at).is_ok_and(|passed| passed >= age);
        while let Some((at, id)) = self.finished.front().copied() {
            if self.finished.len() <= self.limits.finished_max && !older(at, self.limits.retention) {
                break;
            }
            self.finished.pop_front();
            // One that was requeued is not finished any more.
            if let hash_map::Entry::Occupied(entry) = self.notifications.entry(id)
                && matches!(entry.get(), Entry::Finished(..))
            {
                entry.remove();
            }
        }
        while self.key_ages.front().is_some_and(|(at, _)| older(*at, IDEMPOTENCY_WINDOW)) {
            if let Some((_, key)) = self.key_ages.pop_front() {
                self.keys.remove(&key);
            }
        }
    }
}

type Notifications = HashMap<NotificationId, Entry, FixedState>;

impl OpenEntry {
    /// The outcome of an entry that is about to be replaced by it.
    fn final_outcome(&mut self) -> Outcome {
        let targets = self.records.iter_mut().map(|record| record.final_outcome()).collect();
        Outcome { id: self.head.id, correlation_id: self.head.correlation_id(), targets }
    }

    pub fn outcome(&self) -> Outcome {
        let targets = self.records.iter().filter(|record| !record.forgotten).map(Record::outcome).collect();
        Outcome { id: self.head.id, correlation_id: self.head.correlation_id(), targets }
    }
}

fn record<'a>(notifications: &'a mut Notifications, task: &Task) -> Option<&'a mut Record> {
    match notifications.get_mut(&task.head.id)? {
        Entry::Open(entry) => entry.records.get_mut(task.index as usize),
        Entry::Finished(..) => None,
    }
}

fn leased<'a>(notifications: &'a mut Notifications, token: LeaseToken, task: &Task) -> Option<&'a mut Record> {
    record(notifications, task).filter(|record| record.state == TaskState::Leased && record.token == token)
}

/// A token that was never given before.
fn token(last: &mut u64) -> LeaseToken {
    *last += 1;
    LeaseToken(*last)
}
