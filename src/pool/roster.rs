//! Who is there and how busy, as the dispatcher sees it.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::mpsc;

use super::{Candidate, Job, LoadBalancer, WorkerKey};

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
    jobs: VecDeque<(u64, Vec<usize>)>,
    in_flight: usize,
    processed: u64,
    errors: u64,
}

/// What is known about one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct WorkerStats {
    /// Its slot.
    pub worker: u32,
    /// Which of the slot's workers it is.
    pub epoch: u32,
    /// Sends under way or in its inbox.
    pub in_flight: usize,
    /// Sends it has finished.
    pub processed: u64,
    /// How many of them failed.
    pub errors: u64,
}

impl Roster {
    /// An empty roster of workers that take `capacity` sends each, inbox included.
    pub fn new(balancer: Box<dyn LoadBalancer>, capacity: usize) -> Self {
        Self { entries: Vec::new(), balancer, capacity, candidates: Vec::new() }
    }

    /// Takes in a new worker.
    pub fn add(&mut self, key: WorkerKey, inbox: mpsc::Sender<Job>, taken: Arc<AtomicU64>) {
        let jobs = VecDeque::new();
        self.entries.push(Entry { key, inbox, taken, given: 0, jobs, in_flight: 0, processed: 0, errors: 0 });
        self.entries.sort_by_key(|entry| entry.key);
    }

    /// Strikes off a lost worker. Returns the keys of its items: those it had started and those it had not.
    pub fn remove(&mut self, key: WorkerKey) -> (Vec<usize>, Vec<usize>) {
        let Some(index) = self.entries.iter().position(|entry| entry.key == key) else { return Default::default() };
        let entry = self.entries.remove(index);
        let taken = entry.taken.load(Ordering::Acquire);
        let (started, unstarted): (Vec<_>, Vec<_>) = entry.jobs.into_iter().partition(|(number, _)| *number <= taken);
        let keys = |jobs: Vec<(u64, Vec<usize>)>| jobs.into_iter().flat_map(|(_, keys)| keys).collect();
        (keys(started), keys(unstarted))
    }

    /// The room of the least busy worker: the largest job that can be given now.
    pub fn room(&self) -> usize {
        self.entries.iter().map(|entry| self.capacity.saturating_sub(entry.in_flight)).max().unwrap_or(0)
    }

    /// Gives a job to the worker the balancer picks. Comes back if no worker could take it.
    pub fn give(&mut self, job: Job) -> Result<WorkerKey, Job> {
        self.candidates.clear();
        for entry in &self.entries {
            let room = self.capacity.saturating_sub(entry.in_flight);
            self.candidates.push(Candidate { slot: entry.key.slot, in_flight: entry.in_flight, room });
        }
        let Some(index) = self.balancer.pick(&self.candidates, job.items.len()) else { return Err(job) };
        let entry = &mut self.entries[index];
        let keys: Vec<_> = job.items.iter().map(|item| item.key).collect();
        entry.inbox.try_send(job).map_err(mpsc::error::TrySendError::into_inner)?;
        entry.given += 1;
        entry.in_flight += keys.len();
        entry.jobs.push_back((entry.given, keys));
        Ok(entry.key)
    }

    /// Notes that a send of `worker` has finished. False for a worker that is no longer there.
    pub fn finished(&mut self, worker: WorkerKey, key: usize, failed: bool) -> bool {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.key == worker) else { return false };
        entry.in_flight -= 1;
        entry.processed += 1;
        entry.errors += u64::from(failed);
        let Some(index) = entry.jobs.iter().position(|(_, keys)| keys.contains(&key)) else { return true };
        let keys = &mut entry.jobs[index].1;
        keys.retain(|other| *other != key);
        if keys.is_empty() {
            entry.jobs.remove(index);
        }
        true
    }

    /// Lets all workers finish what they have and end: their inboxes are closed.
    pub fn close(&mut self) {
        self.entries.clear();
    }

    /// What is known about each worker, by slot.
    pub fn stats(&self) -> impl Iterator<Item = WorkerStats> {
        self.entries.iter().map(|entry| WorkerStats {
            worker: entry.key.slot,
            epoch: entry.key.epoch,
            in_flight: entry.in_flight,
            processed: entry.processed,
            errors: entry.errors,
        })
    }
}
