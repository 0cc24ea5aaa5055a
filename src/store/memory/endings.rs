//! What ends a claim or a task in the memory store: settled, released, cancelled.

use std::{sync::Arc, time::SystemTime};

use super::{
    record::Record,
    shelf::{Entry, Shelf, leased, record},
};
use crate::{
    store::{ArrivalSender, Cancelled, LeaseToken, Released, Settled, Settlement},
    task::{Disposition, NotificationId, Outcome, Task, TaskState},
};

impl Shelf {
    pub fn settle(&mut self, settlement: &Settlement, wall: SystemTime) -> Settled {
        let Some(record) = leased(&mut self.notifications, settlement.token, &settlement.task) else {
            self.counts.stale += 1;
            return Settled::Stale;
        };
        if let Some(kept) = settlement.keeps.as_ref().filter(|_| !record.cancelled) {
            if record.tries < kept.tries {
                record.record(settlement.attempt.clone());
                record.counted = kept.counted;
            }
            return Settled::Kept;
        }
        record.record(settlement.attempt.clone());
        let finished = match settlement.disposition {
            Disposition::Retry { due, counts } if !record.cancelled => {
                record.counted += u32::from(counts);
                self.wait_again(&settlement.task, Some(due));
                None
            }
            Disposition::NextStep(why) if !record.cancelled => {
                record.step(why, wall);
                self.wait_again(&settlement.task, None);
                None
            }
            Disposition::Retry { .. } | Disposition::NextStep(_) => self.finish(&settlement.task, TaskState::Cancelled, wall),
            Disposition::Dead(reason) => {
                record.dead = Some(reason);
                self.finish(&settlement.task, TaskState::Dead, wall)
            }
            other => self.finish(&settlement.task, other.state(), wall),
        };
        finished.map_or(Settled::Applied, Settled::Finished)
    }

    /// Whether a claimed task may be sent. Nothing outlives this process, so nothing is written down.
    pub fn may_begin(&mut self, token: LeaseToken, task: &Task) -> bool {
        leased(&mut self.notifications, token, task).is_some_and(|record| !record.cancelled)
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

    pub(super) fn cancel_those(
        &mut self,
        notification: NotificationId,
        meant: impl Fn(&Record) -> bool,
        wall: SystemTime,
    ) -> Cancelled {
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
}
