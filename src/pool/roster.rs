//! Who is there and how busy, as the dispatcher sees it.

use std::sync::{
    Arc,
    atomic::{
        AtomicU64,
        Ordering::{Acquire, Relaxed},
    },
};

use tokio::sync::mpsc;

use super::{Batch, Candidate, Job, LoadBalancer, WorkerKey};
use crate::{task::LaneKey, telemetry::WorkerTally};

/// The workers, their inboxes and what is under way with each. Owned by the dispatcher: counts need no atomics.
pub struct Roster {
    entries: Vec<Entry>,
    balancer: Box<dyn LoadBalancer>,
    capacity: usize,
    candidates: Vec<Candidate>,
}

struct Entry {
    key: WorkerKey,
    inbox: mpsc::Sender<Job>,
    taken: Arc<AtomicU64>,
    given: u64,
    in_flight: usize,
    tally: Arc<WorkerTally>,
}

impl Roster {
    /// An empty roster of workers that take `capacity` sends each, inbox included.
    pub fn new(balancer: Box<dyn LoadBalancer>, capacity: usize) -> Self {
        Self { entries: Vec::new(), balancer, capacity, candidates: Vec::new() }
    }

    /// Takes in a new worker.
    pub fn add(&mut self, key: WorkerKey, inbox: mpsc::Sender<Job>, taken: Arc<AtomicU64>, tally: Arc<WorkerTally>) {
        self.entries.push(Entry { key, inbox, taken, given: 0, in_flight: 0, tally });
        self.entries.sort_by_key(|entry| entry.key);
    }

    /// Strikes off a lost worker. Returns the number of the last job it had begun; `None` if it was not there.
    pub fn remove(&mut self, key: WorkerKey) -> Option<u64> {
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index).taken.load(Acquire))
    }

    /// The room of the least busy worker: the largest job that can be given now.
    pub fn room(&self) -> usize {
        self.entries.iter().map(|entry| self.capacity.saturating_sub(entry.in_flight)).max().unwrap_or(0)
    }

    /// Gives a job to the worker the balancer picks, and tells which of that worker's jobs it is, counted from 1.
    /// The job comes back if no worker can take it.
    pub fn give(&mut self, job: Job, lane: &LaneKey) -> Result<(WorkerKey, u64), Job> {
        self.candidates.clear();
        for entry in &self.entries {
            let room = self.capacity.saturating_sub(entry.in_flight);
            self.candidates.push(Candidate { slot: entry.key.slot, in_flight: entry.in_flight, room, weight: 1, affinity: None });
        }
        let items = job.items.len();
        let Some(index) =
            self.balancer.pick(&self.candidates, &Batch { items, platform: &lane.platform, kind: None, lane_hash: 0 })
        else {
            return Err(job);
        };
        let entry = &mut self.entries[index];
        entry.inbox.try_send(job).map_err(mpsc::error::TrySendError::into_inner)?;
        entry.given += 1;
        entry.in_flight += items;
        entry.tally.in_flight.store(entry.in_flight as u64, Relaxed);
        Ok((entry.key, entry.given))
    }

    /// Notes that a send of `worker` has finished.
    pub fn finished(&mut self, worker: WorkerKey, failed: bool) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == worker) {
            entry.in_flight -= 1;
            entry.tally.in_flight.store(entry.in_flight as u64, Relaxed);
            entry.tally.processed.fetch_add(1, Relaxed);
            entry.tally.errors.fetch_add(u64::from(failed), Relaxed);
        }
    }
}
