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
        ArrivalSender, Cancelled, Claimed, Counts, Credits, Enqueued, IDEMPOTENCY_WINDOW, Keys, LeaseToken, StoreError,
        Submission,
    },
    task::{Head, NotificationId, Outcome, Task, TaskState},
};

/// Notifications and tasks, and what they wait for.
#[derive(Debug, Default)]
pub struct Shelf {
    pub(super) notifications: HashMap<NotificationId, Entry, FixedState>,
    pub(super) waiting: WaitingTasks,
    pub(super) finished: VecDeque<(SystemTime, NotificationId)>,
    keys: HashMap<Arc<str>, (u64, NotificationId)>,
    key_ages: VecDeque<(SystemTime, Arc<str>)>,
    pub(super) sayings: Sayings,
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
        if straight && let Some(arrivals) = self.arrivals.as_ref().filter(|arrivals| arrivals.reserve(tasks)) {
            let (waiting, last) = (&mut self.waiting, &mut self.next_token);
            let records: Box<[Record]> = tasks
                .iter()
                .map(|task| Record::leased(task, waiting.new_place(&task.head, keys.goes_first(task)), token(last)))
                .collect();
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
        let mut record = Record::waiting(task, self.waiting.new_place(&task.head, keys.goes_first(task)), due);
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
        let ended = self.waiting.take_ended(&credits.shut, wall);
        self.waiting.promote(wall);
        let (tasks, left) = self.waiting.take(credits);
        let mut leases = Vec::with_capacity(tasks.len());
        for task in ended.into_iter().chain(tasks) {
            let record = record(&mut self.notifications, &task).expect("what waits is stored");
            debug_assert!(record.state.may_become(TaskState::Leased));
            (record.state, record.token, record.due) = (TaskState::Leased, token(&mut self.next_token), None);
            leases.push(record.lease());
            self.counts.waiting -= 1;
            self.counts.leased += 1;
        }
        Claimed { leases, left, next_due: self.waiting.next_moment(), urls: Vec::new() }
    }

    pub fn find(&self, notification: NotificationId) -> Option<Arc<Outcome>> {
        match self.notifications.get(&notification)? {
            Entry::Open(entry) => Some(Arc::new(entry.outcome())),
            Entry::Finished(outcome, _) => Some(outcome.clone()),
        }
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

pub type Notifications = HashMap<NotificationId, Entry, FixedState>;

impl OpenEntry {
    /// The outcome of an entry that is about to be replaced by it.
    pub fn final_outcome(&mut self) -> Outcome {
        let targets = self.records.iter_mut().map(|record| record.final_outcome()).collect();
        Outcome { id: self.head.id, correlation_id: self.head.correlation_id(), targets }
    }

    pub fn outcome(&self) -> Outcome {
        let targets = self.records.iter().filter(|record| !record.forgotten).map(Record::outcome).collect();
        Outcome { id: self.head.id, correlation_id: self.head.correlation_id(), targets }
    }
}

pub fn record<'a>(notifications: &'a mut Notifications, task: &Task) -> Option<&'a mut Record> {
    match notifications.get_mut(&task.head.id)? {
        Entry::Open(entry) => entry.records.get_mut(task.index as usize),
        Entry::Finished(..) => None,
    }
}

pub fn leased<'a>(notifications: &'a mut Notifications, token: LeaseToken, task: &Task) -> Option<&'a mut Record> {
    record(notifications, task).filter(|record| record.state == TaskState::Leased && record.token == token)
}

/// A token that was never given before.
fn token(last: &mut u64) -> LeaseToken {
    *last += 1;
    LeaseToken(*last)
}
