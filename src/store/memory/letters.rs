//! Lists of the memory store, and its dead letters.

use std::{sync::Arc, time::SystemTime};

use super::shelf::{Entry, OpenEntry, Shelf};
use crate::{
    store::{Cursor, ListedTask, Page, StoreError, TaskFilter},
    task::{NotificationId, Task, TaskId, TaskState},
};

impl Shelf {
    /// A page of the tasks that `filter` means, newest first.
    pub fn list(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError> {
        let after: Option<TaskId> =
            after.map(|cursor| cursor.0.parse()).transpose().map_err(|_: uuid::Error| StoreError::Cursor)?;
        let mut tasks: Vec<_> = self.notifications.iter().flat_map(|(id, entry)| listed(*id, entry)).collect();
        tasks.retain(|task| after.is_none_or(|after| task.outcome.task < after) && filter.means(task));
        tasks.sort_unstable_by_key(|task| std::cmp::Reverse(task.outcome.task));
        let more = tasks.len() > max;
        tasks.truncate(max);
        let next = tasks.last().filter(|_| more).map(|last| Cursor(last.outcome.task.to_string().into()));
        Ok(Page { tasks, next })
    }

    /// How many tasks go before this one, if it waits on its lane.
    pub fn waiting_before(&self, task: TaskId, max: usize) -> Option<usize> {
        let Entry::Open(entry) = self.notifications.get(&task.notification())? else { return None };
        self.waiting.before(entry.records.get(task.index()? as usize)?, max)
    }

    /// Lets dead tasks wait again, behind all others.
    pub fn requeue(&mut self, filter: &TaskFilter, max: usize, wall: SystemTime) -> usize {
        let dead = self.dead(filter, max);
        for task in &dead {
            let Some(stored) = self.notifications.get_mut(&task.notification()) else { continue };
            if let Entry::Finished(_, kept) = stored
                && let Some(open) = kept.take()
            {
                *stored = Entry::Open(*open);
            }
            let (Entry::Open(OpenEntry { records, unfinished, .. }), Some(index)) = (stored, task.index()) else { continue };
            let record = &mut records[index as usize];
            debug_assert!(record.state.may_become(TaskState::Waiting));
            (record.state, record.dead, record.due, record.counted) = (TaskState::Waiting, None, None, 0);
            record.place = self.waiting.new_place_at(wall);
            if record.task.until.is_some() {
                // Whoever wants it sent again gives it all the time there is.
                record.task = Arc::new(Task { until: None, ..Task::clone(&record.task) });
            }
            *unfinished += 1;
            self.waiting.push(record);
            self.counts.dead -= 1;
            self.counts.waiting += 1;
        }
        if let Some(arrivals) = self.arrivals.as_ref().filter(|_| !dead.is_empty()) {
            arrivals.ring();
        }
        dead.len()
    }

    /// Forgets notifications of dead tasks, once all their dead tasks are meant.
    pub fn drop_dead(&mut self, filter: &TaskFilter, max: usize) -> usize {
        let dead = self.dead(filter, max);
        for task in &dead {
            match self.notifications.get_mut(&task.notification()) {
                Some(Entry::Open(entry)) => forget(entry, *task),
                Some(Entry::Finished(outcome, kept)) => {
                    if let Some(entry) = kept {
                        forget(entry, *task);
                        *outcome = Arc::new(entry.outcome());
                    }
                    if outcome.targets.is_empty() {
                        self.notifications.remove(&task.notification());
                    }
                }
                None => {}
            }
        }
        dead.len()
    }

    fn dead(&self, filter: &TaskFilter, max: usize) -> Vec<TaskId> {
        let filter = filter.clone().in_state(TaskState::Dead);
        let page = self.list(&filter, None, max).unwrap_or_default();
        page.tasks.into_iter().map(|task| task.outcome.task).collect()
    }
}

fn forget(entry: &mut OpenEntry, task: TaskId) {
    entry.records.iter_mut().filter(|record| record.task.id == task).for_each(|record| record.forgotten = true);
}

fn listed(id: NotificationId, entry: &Entry) -> Vec<ListedTask> {
    let due_of = |index: usize| match entry {
        Entry::Open(open) => open.records[index].due.filter(|_| open.records[index].state == TaskState::Waiting),
        Entry::Finished(..) => None,
    };
    let outcome = match entry {
        Entry::Open(open) => Arc::new(open.outcome()),
        Entry::Finished(outcome, _) => outcome.clone(),
    };
    let listed = outcome.targets.iter().map(|target| ListedTask {
        correlation_id: outcome.correlation_id.clone(),
        accepted_at: id.minted_at(),
        due: target.task.index().and_then(|index| due_of(index as usize)),
        outcome: target.clone(),
    });
    listed.collect()
}
