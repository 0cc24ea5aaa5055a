//! The waiting tasks of the memory store: a queue per lane, and a calendar for those that wait for their time.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::SystemTime,
};

use super::record::Record;
use crate::{
    store::{Credits, rank::Ranks},
    task::{Head, LaneKey, Task},
};

/// Where a task stands within its lane: its rank, and a number that tells tasks of one rank apart.
pub type Place = (i64, u64);

/// Waiting tasks, by place: the place is given once, when a task is accepted, and orders its lane.
#[derive(Debug, Default)]
pub struct WaitingTasks {
    lanes: HashMap<LaneKey, BTreeMap<Place, Arc<Task>>>,
    calendar: BTreeMap<(SystemTime, Place), Arc<Task>>,
    /// When waiting tasks expire or leave their step, and since when they are or will be due.
    endings: BTreeMap<(SystemTime, Place), (Option<SystemTime>, Arc<Task>)>,
    /// Those of them that have another way, by lane.
    steps: HashMap<LaneKey, BTreeSet<(SystemTime, Place)>>,
    ranks: Ranks,
    last_number: u64,
}

impl WaitingTasks {
    /// The place of a task that has just been accepted.
    pub fn new_place(&mut self, head: &Head, newest_first: bool) -> Place {
        self.last_number += 1;
        (self.ranks.next(head.accepted_at, head.message.priority).of(newest_first), self.last_number)
    }

    /// The place of a task that waits anew at `wall`.
    pub fn new_place_at(&mut self, wall: SystemTime) -> Place {
        self.last_number += 1;
        (self.ranks.next(wall, Default::default()).of(false), self.last_number)
    }

    /// Whether no due task waits on `lane`.
    pub fn is_lane_empty(&self, lane: &LaneKey) -> bool {
        self.lanes.is_empty() || !self.lanes.contains_key(lane)
    }

    /// Takes in a task that waits for another: nothing but when it ends is looked at.
    pub fn hold(&mut self, record: &Record) {
        if let Some(ends_at) = record.task.ends_at() {
            self.endings.insert((ends_at, record.place), (record.due, record.task.clone()));
            if record.task.until.is_some() {
                self.steps.entry(record.task.lane.clone()).or_default().insert((ends_at, record.place));
            }
        }
    }

    /// Takes in a task that waits: in the calendar until it is due, else on its lane.
    pub fn push(&mut self, record: &Record) {
        self.hold(record);
        match record.due {
            Some(due) => _ = self.calendar.insert((due, record.place), record.task.clone()),
            None => self.push_due(record.place, record.task.clone()),
        }
    }

    fn push_due(&mut self, place: Place, task: Arc<Task>) {
        match self.lanes.get_mut(&task.lane) {
            Some(queue) => _ = queue.insert(place, task),
            None => _ = self.lanes.insert(task.lane.clone(), BTreeMap::from([(place, task)])),
        }
    }

    /// Takes a task out, wherever it waits.
    pub fn remove(&mut self, record: &Record) {
        if let Some(ends_at) = record.task.ends_at() {
            self.endings.remove(&(ends_at, record.place));
            forget_step(&mut self.steps, &record.task, (ends_at, record.place));
        }
        self.remove_from_queue(record.due, record.place, &record.task);
    }

    fn remove_from_queue(&mut self, due: Option<SystemTime>, place: Place, task: &Task) {
        if let Some(due) = due
            && self.calendar.remove(&(due, place)).is_some()
        {
            return;
        }
        if let Some(queue) = self.lanes.get_mut(&task.lane) {
            queue.remove(&place);
            if queue.is_empty() {
                self.lanes.remove(&task.lane);
            }
        }
    }

    /// How many are before it on its lane, up to `max`; `None` if it is not there.
    pub fn before(&self, record: &Record, max: usize) -> Option<usize> {
        let queue = self.lanes.get(&record.task.lane)?;
        queue.contains_key(&record.place).then(|| queue.range(..record.place).take(max).count())
    }

    /// Takes out what has expired or has no more time at its step, wherever it waits, and what has another way than a lane
    /// that is `shut`: nobody needs credit for it.
    pub fn take_ended(&mut self, shut: &[LaneKey], wall: SystemTime) -> Vec<Arc<Task>> {
        let mut ended = Vec::new();
        while let Some(entry) = self.endings.first_entry().filter(|entry| entry.key().0 <= wall) {
            let (key, (due, task)) = entry.remove_entry();
            forget_step(&mut self.steps, &task, key);
            self.remove_from_queue(due, key.1, &task);
            ended.push(task);
        }
        let is_due = |due: Option<SystemTime>| due.is_none_or(|due| due <= wall);
        let leaving = shut.iter().filter_map(|lane| self.steps.get(lane)).flatten().copied();
        for key in leaving.filter(|key| self.endings.get(key).is_some_and(|(due, _)| is_due(*due))).collect::<Vec<_>>() {
            let Some((due, task)) = self.endings.remove(&key) else { continue };
            forget_step(&mut self.steps, &task, key);
            self.remove_from_queue(due, key.1, &task);
            ended.push(task);
        }
        ended
    }

    /// When the next task becomes due, expires or leaves its step.
    pub fn next_moment(&self) -> Option<SystemTime> {
        let due = self.calendar.first_key_value().map(|((due, _), _)| *due);
        let ending = self.endings.first_key_value().map(|((ends_at, _), _)| *ends_at);
        due.into_iter().chain(ending).min()
    }

    /// Moves what has become due into its lane.
    pub fn promote(&mut self, wall: SystemTime) {
        while let Some(entry) = self.calendar.first_entry().filter(|entry| entry.key().0 <= wall) {
            let ((_, place), task) = entry.remove_entry();
            self.push_due(place, task);
        }
    }

    /// Takes due tasks within `credits`, oldest first within a lane, and names the lanes on which some are left. Where the
    /// total is not enough for all, every lane gets its share before any gets more, the one that waits longest first.
    pub fn take(&mut self, credits: &Credits) -> (Vec<Arc<Task>>, Vec<LaneKey>) {
        let (mut taken, mut left) = (Vec::new(), Vec::new());
        let named: HashMap<_, _> = credits.lanes.iter().map(|(lane, credit)| (lane, *credit)).collect();
        let credit = |lane: &LaneKey| named.get(lane).copied().unwrap_or(credits.others);
        let mut wanting: Vec<_> = self.lanes.iter_mut().map(|(lane, queue)| (credit(lane), queue)).collect();
        wanting.retain(|(credit, _)| *credit > 0);
        wanting.sort_unstable_by_key(|(_, queue)| queue.first_key_value().map(|(place, _)| *place));
        let share = (credits.total / wanting.len().max(1)).max(1);
        for part in [share, usize::MAX] {
            for (credit, queue) in &mut wanting {
                for _ in 0..part.min(*credit).min(credits.total - taken.len()) {
                    let Some((place, task)) = queue.pop_first() else { break };
                    if let Some(ends_at) = task.ends_at() {
                        self.endings.remove(&(ends_at, place));
                        forget_step(&mut self.steps, &task, (ends_at, place));
                    }
                    taken.push(task);
                    *credit -= 1;
                }
            }
        }
        self.lanes.retain(|lane, queue| {
            if !queue.is_empty() {
                left.push(lane.clone());
            }
            !queue.is_empty()
        });
        (taken, left)
    }
}

fn forget_step(steps: &mut HashMap<LaneKey, BTreeSet<(SystemTime, Place)>>, task: &Task, key: (SystemTime, Place)) {
    if task.until.is_some()
        && let Some(of_lane) = steps.get_mut(&task.lane)
    {
        of_lane.remove(&key);
        if of_lane.is_empty() {
            steps.remove(&task.lane);
        }
    }
}

#[cfg(test)]
mod tests {
    use notifyhub_platforms::contract::Message;

    use super::*;
    use crate::task::{NotificationId, TaskId};

    /// `count` tasks on each of `lanes`, one lane after the other.
    fn waiting(lanes: &[&str], count: usize) -> WaitingTasks {
        let mut waiting = WaitingTasks::default();
        let head = Arc::new(Head {
            id: NotificationId::from_bits(1),
            message: Arc::new(Message::text("x")),
            correlation: None,
            accepted_at: SystemTime::UNIX_EPOCH,
            not_before: None,
            expires_at: None,
            failovers: Default::default(),
        });
        for lane in lanes.iter().flat_map(|lane| std::iter::repeat_n(lane, count)) {
            let lane = LaneKey::whole(lane.parse().expect("a name"));
            let task = Task { id: TaskId::from_bits(1), index: 0, head: head.clone(), lane, recipient: None, until: None };
            let place = waiting.new_place(&head, false);
            waiting.push(&Record::waiting(&Arc::new(task), place, None));
        }
        waiting
    }

    fn taken(waiting: &mut WaitingTasks, total: usize) -> HashMap<String, usize> {
        let (tasks, _) = waiting.take(&Credits { total, others: 100, ..Credits::default() });
        tasks.iter().fold(HashMap::new(), |mut counts, task| {
            *counts.entry(task.lane.to_string()).or_default() += 1;
            counts
        })
    }

    #[test]
    fn every_lane_gets_its_share_of_what_is_not_enough_for_all() {
        let lanes = ["a", "b", "c", "d"];
        let taken = taken(&mut waiting(&lanes, 50), 40);
        assert_eq!(lanes.map(|lane| taken.get(lane).copied()), [Some(10); 4]);
    }

    #[test]
    fn what_one_lane_does_not_need_others_get() {
        let mut waiting = waiting(&["a"], 3);
        let other = self::waiting(&["b"], 50);
        other.lanes.into_values().flatten().for_each(|(place, task)| waiting.push_due((place.0, 100 + place.1), task));
        assert_eq!(taken(&mut waiting, 40), HashMap::from([("a".to_owned(), 3), ("b".to_owned(), 37)]));
    }

    #[test]
    fn the_lanes_that_wait_longest_go_first_where_there_is_not_one_for_each() {
        let lanes = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let mut waiting = waiting(&lanes, 2);
        for pair in [["a", "b"], ["a", "b"], ["c", "d"], ["c", "d"], ["e", "f"]] {
            assert_eq!(taken(&mut waiting, 2), pair.map(|lane| (lane.to_owned(), 1)).into());
        }
    }
}
