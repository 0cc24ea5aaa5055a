//! Who is there and how busy, as the dispatcher sees it.

use std::{collections::HashMap, sync::Arc};

use tokio::sync::mpsc;

use super::{
    Job, WorkerKey, WorkerLink,
    balancer::{Batch, Candidate, LoadBalancer, balancer},
};
use crate::{
    config::{Affinity, Strategy},
    telemetry::WorkerCell,
};

/// The workers, their inboxes and what is under way with each. Owned by the dispatcher: counts need no atomics.
pub struct Roster {
    /// In the order of their slots, one per slot.
    entries: Vec<Entry>,
    /// How the balancer sees each of them.
    candidates: Vec<Candidate>,
    /// Workers that finish what they have.
    leaving: Vec<Entry>,
    balancer: Box<dyn LoadBalancer>,
    strategy: Strategy,
    seed: u64,
    capacity: usize,
    /// What was set for a slot by hand; it stays when the slot's worker is replaced.
    settings: HashMap<u32, Settings>,
}

struct Entry {
    key: WorkerKey,
    /// Where its jobs go; gone when it is to end.
    inbox: Option<mpsc::Sender<Job>>,
    cell: Arc<WorkerCell>,
    given: u64,
    in_flight: usize,
    bytes: usize,
}

#[derive(Default)]
struct Settings {
    weight: Option<u32>,
    /// `Some(None)`: none, whatever the configuration says.
    affinity: Option<Option<Arc<Affinity>>>,
}

/// A send that has finished, as far as the roster is concerned.
#[derive(Debug, Clone, Copy)]
pub struct FinishedSend {
    /// Bytes of its message.
    pub bytes: usize,
    /// How long it took beside the average of its lane, in thousandths.
    pub pace_permille: u32,
    /// Whether it failed.
    pub failed: bool,
}

impl Roster {
    /// An empty roster of workers that take `capacity` sends each, inbox included.
    pub fn new(strategy: Strategy, capacity: usize, seed: u64) -> Self {
        Self {
            entries: Vec::new(),
            candidates: Vec::new(),
            leaving: Vec::new(),
            balancer: balancer(strategy, seed),
            strategy,
            seed,
            capacity,
            settings: HashMap::new(),
        }
    }

    /// Takes in a new worker. One that has the slot already is to be drained.
    pub fn add(&mut self, key: WorkerKey, link: WorkerLink, affinity: Option<Affinity>) {
        self.drain_slot(key.slot);
        self.balancer.forget(key.slot);
        let settings = self.settings.entry(key.slot).or_default();
        let affinity = settings.affinity.get_or_insert_with(|| affinity.map(Arc::new)).clone();
        let weight = settings.weight.unwrap_or(1);
        link.cell.is_balanced_by(weight, affinity.clone());
        let at = self.entries.partition_point(|entry| entry.key.slot < key.slot);
        let WorkerLink { jobs, cell } = link;
        self.entries.insert(at, Entry { key, inbox: Some(jobs), cell, given: 0, in_flight: 0, bytes: 0 });
        self.candidates.insert(at, Candidate { slot: key.slot, in_flight: 0, room: self.capacity, weight, affinity });
    }

    /// Gives a worker nothing more.
    pub fn drain(&mut self, key: WorkerKey) {
        if self.entries.iter().any(|entry| entry.key == key) {
            self.drain_slot(key.slot);
            self.balancer.forget(key.slot);
        }
    }

    fn drain_slot(&mut self, slot: u32) {
        if let Some(at) = self.entries.iter().position(|entry| entry.key.slot == slot) {
            self.candidates.remove(at);
            let entry = self.entries.remove(at);
            self.leaving.push(Entry { inbox: None, ..entry });
        }
    }

    /// Strikes off a worker that is gone. Returns the number of the last job it had begun; `None` if it was not there.
    pub fn remove(&mut self, key: WorkerKey) -> Option<u64> {
        self.drain(key);
        let at = self.leaving.iter().position(|entry| entry.key == key)?;
        Some(self.leaving.swap_remove(at).cell.jobs_taken())
    }

    /// How many workers take work.
    pub fn workers(&self) -> usize {
        self.entries.len()
    }

    /// The room of the least busy worker: the largest job that can be given now.
    pub fn room(&self) -> usize {
        self.candidates.iter().map(|candidate| candidate.room).max().unwrap_or(0)
    }

    /// Whether batches must hold one kind of message each, because some worker is specialised in kinds.
    pub fn sorts_kinds(&self) -> bool {
        let names_kinds = |affinity: &Option<Arc<Affinity>>| affinity.as_ref().is_some_and(|affinity| !affinity.kinds.is_empty());
        self.strategy == Strategy::Affinity && self.candidates.iter().any(|candidate| names_kinds(&candidate.affinity))
    }

    /// Gives a job to the worker the balancer picks, and tells which of that worker's jobs it is, counted from 1.
    /// The job comes back if no worker can take it.
    pub fn give(&mut self, job: Job, batch: &Batch<'_>) -> Result<(WorkerKey, u64), Job> {
        let Some(at) = self.balancer.pick(&self.candidates, batch) else { return Err(job) };
        let entry = &mut self.entries[at];
        let bytes = job.bytes();
        let Some(inbox) = &entry.inbox else { return Err(job) };
        if let Err(error) = inbox.try_send(job) {
            // It is gone, or about to be: whoever is told of its end sorts out the rest.
            self.candidates[at].room = 0;
            return Err(error.into_inner());
        }
        entry.given += 1;
        entry.in_flight += batch.items;
        entry.bytes += bytes;
        entry.cell.holds(entry.in_flight, entry.bytes);
        let given = (entry.key, entry.given);
        self.show(at);
        Ok(given)
    }

    /// Notes that a send of `worker` has finished.
    pub fn finished(&mut self, worker: WorkerKey, send: FinishedSend) {
        let active = self.entries.binary_search_by_key(&worker.slot, |entry| entry.key.slot).ok();
        let at = active.filter(|at| self.entries[*at].key == worker);
        let entry = match at {
            Some(at) => Some(&mut self.entries[at]),
            None => self.leaving.iter_mut().find(|entry| entry.key == worker),
        };
        let Some(entry) = entry else { return };
        entry.in_flight = entry.in_flight.saturating_sub(1);
        entry.bytes = entry.bytes.saturating_sub(send.bytes);
        entry.cell.holds(entry.in_flight, entry.bytes);
        if let Some(at) = at {
            self.show(at);
            self.balancer.observe(worker.slot, send.pace_permille, send.failed);
        }
    }

    fn show(&mut self, at: usize) {
        let (candidate, in_flight) = (&mut self.candidates[at], self.entries[at].in_flight);
        candidate.in_flight = in_flight;
        candidate.room = self.capacity.saturating_sub(in_flight);
    }

    /// Balances by another strategy from now on. What workers have stays with them.
    pub fn balance_by(&mut self, strategy: Strategy) {
        if strategy != self.strategy {
            (self.strategy, self.balancer) = (strategy, balancer(strategy, self.seed));
        }
    }

    /// Sets a slot's weight.
    pub fn weigh(&mut self, slot: u32, weight: u32) {
        self.settings.entry(slot).or_default().weight = Some(weight);
        self.adjust(slot, |candidate| candidate.weight = weight);
    }

    /// Sets what a slot's worker is specialised in.
    pub fn specialise(&mut self, slot: u32, affinity: Option<Arc<Affinity>>) {
        self.settings.entry(slot).or_default().affinity = Some(affinity.clone());
        self.adjust(slot, |candidate| candidate.affinity = affinity);
    }

    fn adjust(&mut self, slot: u32, change: impl FnOnce(&mut Candidate)) {
        if let Ok(at) = self.candidates.binary_search_by_key(&slot, |candidate| candidate.slot) {
            let candidate = &mut self.candidates[at];
            change(candidate);
            self.entries[at].cell.is_balanced_by(candidate.weight, candidate.affinity.clone());
        }
    }
}
