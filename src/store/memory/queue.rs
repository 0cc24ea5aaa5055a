//! The waiting tasks of the memory store: a queue per lane, and a calendar for those that wait for their time.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::SystemTime,
};

use super::record::Record;
use crate::{
    store::Credits,
    task::{LaneKey, Task},
};

/// Waiting tasks, by place: the place is given once, when a task is accepted, and orders its lane.
#[derive(Debug, Default)]
pub struct WaitingTasks {
    lanes: HashMap<LaneKey, BTreeMap<u64, Arc<Task>>>,
    calendar: BTreeMap<(SystemTime, u64), Arc<Task>>,
    next_place: u64,
}

impl WaitingTasks {
    /// A place behind all others.
    pub fn last_place(&mut self) -> u64 {
        self.next_place += 1;
        self.next_place
    }

    /// Whether no due task waits on `lane`.
    pub fn is_lane_empty(&self, lane: &LaneKey) -> bool {
        self.lanes.is_empty() || !self.lanes.contains_key(lane)
    }

    /// Takes in a task that waits: in the calendar until it is due, else on its lane.
    pub fn push(&mut self, record: &Record) {
        match record.due {
            Some(due) => _ = self.calendar.insert((due, record.place), record.task.clone()),
            None => self.push_due(record.place, record.task.clone()),
        }
    }

    fn push_due(&mut self, place: u64, task: Arc<Task>) {
        match self.lanes.get_mut(&task.lane) {
            Some(queue) => _ = queue.insert(place, task),
            None => _ = self.lanes.insert(task.lane.clone(), BTreeMap::from([(place, task)])),
        }
    }

    /// Takes a task out, wherever it waits.
    pub fn remove(&mut self, record: &Record) {
        if let Some(due) = record.due
            && self.calendar.remove(&(due, record.place)).is_some()
        {
            return;
        }
        if let Some(queue) = self.lanes.get_mut(&record.task.lane) {
            queue.remove(&record.place);
            if queue.is_empty() {
                self.lanes.remove(&record.task.lane);
            }
        }
    }

    /// Moves what has become due into its lane, and tells when the next will.
    pub fn promote(&mut self, wall: SystemTime) -> Option<SystemTime> {
        while let Some(entry) = self.calendar.first_entry() {
            let (due, place) = *entry.key();
            if due > wall {
                return Some(due);
            }
            let task = entry.remove();
            self.push_due(place, task);
        }
        None
    }

    /// Takes due tasks within `credits`, oldest first within a lane, and names the lanes on which some are left.
    pub fn take(&mut self, credits: &Credits) -> (Vec<Arc<Task>>, Vec<LaneKey>) {
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        let named: HashMap<_, _> = credits.lanes.iter().map(|(lane, credit)| (lane, *credit)).collect();
        self.lanes.retain(|lane, queue| {
            let credit = named.get(lane).copied().unwrap_or(credits.others);
            for _ in 0..credit.min(credits.total - taken.len()) {
                let Some((_, task)) = queue.pop_first() else { break };
                taken.push(task);
            }
            if !queue.is_empty() {
                left.push(lane.clone());
            }
            !queue.is_empty()
        });
        (taken, left)
    }
}
