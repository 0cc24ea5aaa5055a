//! Every task this process holds a lease on, from claim to settlement.

use std::time::{Duration, Instant, SystemTime};

use slab::Slab;

use crate::{store::Lease, task::WorkerKey};

/// A held task.
#[derive(Debug)]
pub struct Held {
    /// The claim.
    pub lease: Lease,
    /// Its lane's index.
    pub lane: usize,
    /// The worker that has it, and which of that worker's jobs it is in; `None` while it queues on its lane.
    pub with: Option<(WorkerKey, u64)>,
    /// Since when it is held.
    pub since: Instant,
    /// Whether it was given to a worker to see whether its platform is back.
    pub probe: bool,
    /// Whether it must not be tried again.
    pub cancelled: bool,
    /// Until when it is set aside, for its recipient or between two attempts, if it is.
    pub aside: Option<Instant>,
    /// Whether it waits, or waited, for its next attempt.
    pub retries: bool,
    /// Whether it was, and had its time.
    pub waited: bool,
    /// The room it takes.
    pub room: usize,
    /// How much of its lane's limits its last attempt used up.
    pub weight: u32,
    /// Whether it is written down that sending it begins; asked where it must not be sent twice.
    pub begun: bool,
}

impl Held {
    /// How long it could have been sent by now: since it was accepted or due; of a retry only what this process knows.
    pub fn age(&self, now: Instant, wall: SystemTime) -> Duration {
        let held = now.saturating_duration_since(self.since);
        if self.lease.tries > 0 {
            return held;
        }
        let head = &self.lease.task.head;
        let due = head.not_before.map_or(head.accepted_at, |not_before| not_before.max(head.accepted_at));
        wall.duration_since(due).unwrap_or_default().max(held)
    }
}

/// The held tasks, by a small key that is cheap to hand around.
#[derive(Debug, Default)]
pub struct Ledger {
    held: Slab<Held>,
    /// The room that the tasks of each lane take.
    lanes: Vec<usize>,
    /// The room that all take.
    room: usize,
    /// Lanes that have tasks here.
    busy_lanes: usize,
}

impl Ledger {
    /// Writes a task in, queued on `lane`.
    pub fn insert(&mut self, lease: Lease, lane: usize, now: Instant) -> usize {
        let room = lease.task.room();
        if self.lanes.len() <= lane {
            self.lanes.resize(lane + 1, 0);
        }
        self.busy_lanes += usize::from(self.lanes[lane] == 0);
        self.lanes[lane] += room;
        self.room += room;
        self.held.insert(Held {
            lease,
            lane,
            with: None,
            since: now,
            probe: false,
            cancelled: false,
            aside: None,
            retries: false,
            waited: false,
            room,
            weight: 1,
            begun: false,
        })
    }

    /// A held task.
    pub fn get(&self, key: usize) -> Option<&Held> {
        self.held.get(key)
    }

    /// A held task, to be changed.
    pub fn get_mut(&mut self, key: usize) -> Option<&mut Held> {
        self.held.get_mut(key)
    }

    /// Strikes a task out.
    pub fn remove(&mut self, key: usize) -> Option<Held> {
        let held = self.held.try_remove(key)?;
        let room = held.room;
        self.room -= room;
        self.lanes[held.lane] -= room;
        self.busy_lanes -= usize::from(self.lanes[held.lane] == 0);
        Some(held)
    }

    /// The room that all tasks take.
    pub fn room(&self) -> usize {
        self.room
    }

    /// The room that the tasks of a lane take.
    pub fn room_of(&self, lane: usize) -> usize {
        self.lanes.get(lane).copied().unwrap_or_default()
    }

    /// How many lanes have tasks here.
    pub fn busy_lanes(&self) -> usize {
        self.busy_lanes
    }

    /// The keys of the tasks `worker` has, with the number of the job each is in.
    pub fn with_worker(&self, worker: WorkerKey) -> Vec<(usize, u64)> {
        let with = |held: &Held| held.with.filter(|(key, _)| *key == worker).map(|(_, job)| job);
        self.held.iter().filter_map(|(key, held)| Some((key, with(held)?))).collect()
    }

    /// All held tasks with their keys.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Held)> {
        self.held.iter()
    }

    /// How many are held.
    pub fn len(&self) -> usize {
        self.held.len()
    }
}
