//! Every task this process holds a lease on, from claim to settlement.

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
    /// Whether it must not be tried again.
    pub cancelled: bool,
}

/// The held tasks, by a small key that is cheap to hand around.
#[derive(Debug, Default)]
pub struct Ledger {
    held: Slab<Held>,
}

impl Ledger {
    /// Writes a task in, queued on `lane`.
    pub fn insert(&mut self, lease: Lease, lane: usize) -> usize {
        self.held.insert(Held { lease, lane, with: None, cancelled: false })
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
        self.held.try_remove(key)
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
