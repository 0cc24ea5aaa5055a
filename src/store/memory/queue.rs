//! The waiting tasks of the memory store: a queue per lane, and a calendar for those that wait for their time.

use std::{
    collections::{BTreeMap, HashMap},
    time::SystemTime,
};

use crate::{
    store::Credits,
    task::{LaneKey, TaskId},
};

/// Waiting tasks, by place: the place is given once, when a task starts to wait, and orders its lane.
#[derive(Debug, Default)]
pub struct WaitingTasks {
    lanes: HashMap<LaneKey, BTreeMap<u64, TaskId>>,
    calendar: BTreeMap<(SystemTime, u64), (LaneKey, TaskId)>,
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
        !self.lanes.contains_key(lane)
    }

    /// Puts a due task into its lane.
    pub fn push(&mut self, lane: &LaneKey, place: u64, task: TaskId) {
        match self.lanes.get_mut(lane) {
            Some(queue) => {
                queue.insert(place, task);
            }
            None => {
                self.lanes.insert(lane.clone(), BTreeMap::from([(place, task)]));
            }
        }
    }

    /// Puts a task into the calendar until `due`.
    pub fn push_at(&mut self, due: SystemTime, lane: &LaneKey, place: u64, task: TaskId) {
        self.calendar.insert((due, place), (lane.clone(), task));
    }

    /// Takes a task out, wherever it waits.
    pub fn remove(&mut self, due: Option<SystemTime>, lane: &LaneKey, place: u64) {
        if let Some(due) = due
            && self.calendar.remove(&(due, place)).is_some()
        {
            return;
        }
        if let Some(queue) = self.lanes.get_mut(lane) {
            queue.remove(&place);
            if queue.is_empty() {
                self.lanes.remove(lane);
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
            let (lane, task) = entry.remove();
            self.push(&lane, place, task);
        }
        None
    }

    /// Takes due tasks within `credits`, oldest first within a lane, and names the lanes on which some are left.
    pub fn take(&mut self, credits: &Credits) -> (Vec<TaskId>, Vec<LaneKey>) {
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
