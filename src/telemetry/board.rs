//! Numbers anybody may read at any time: each is written by one task and read without asking it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Instant,
};

use arc_swap::ArcSwap;
use serde::Serialize;

use super::{
    WorkerCell,
    tally::{EngineTally, PlatformStats, PlatformTally},
};
use crate::{
    event::{HealthState, PoolHealth, Suspicion},
    task::PlatformName,
};

/// All tallies. The mutex guards the list of platforms, not the numbers: it is taken when a lane is new, and to read.
#[derive(Debug, Clone)]
pub struct Board {
    lists: Arc<Mutex<Lists>>,
    workers: Arc<ArcSwap<Workers>>,
    /// What happens in the engine as a whole.
    pub engine: Arc<EngineTally>,
    /// What the scaler wants to know.
    pub demand: Arc<Demand>,
    /// How large the pool should be; nothing before the scaler's first look.
    pub scaling: Arc<ArcSwap<Option<Scaling>>>,
    /// How many workers there should be.
    pub wanted: Arc<AtomicU64>,
    /// How the pool is.
    pub health: Arc<ArcSwap<PoolHealth>>,
    /// Whether the threads that deliver are all blocked.
    pub stalled: Arc<AtomicBool>,
}

/// How large the pool should be, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Scaling {
    /// How many workers there should be.
    pub workers: usize,
    /// Fewest the scaler goes to.
    pub workers_min: usize,
    /// Most the scaler goes to.
    pub workers_max: usize,
    /// How many a person said there should be, if one did.
    pub pinned: Option<usize>,
    /// How busy the workers were in the last quarter of a second, in thousandths.
    pub load_permille: u32,
    /// What the scaler decided at its last look, in words.
    pub decision: String,
}

/// Who is there.
#[derive(Debug, Default)]
pub struct Workers {
    /// By slot; those that drain stand behind the slot's new worker.
    pub present: Vec<Arc<WorkerCell>>,
    /// Those that were given up and still hold a thread.
    pub given_up: Vec<Arc<WorkerCell>>,
}

/// The tasks that could be sent and wait for a worker alone.
#[derive(Debug, Default)]
pub struct Demand {
    /// How many.
    pub waiting: AtomicU64,
    /// How long the oldest of them has waited, in milliseconds, when this was last looked at.
    pub oldest_wait_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct Lists {
    platforms: BTreeMap<PlatformName, Arc<PlatformTally>>,
    names: Vec<PlatformName>,
}

impl Default for Board {
    /// An empty board: nothing is wrong yet.
    fn default() -> Self {
        let health = PoolHealth {
            state: HealthState::Healthy,
            responsive: 0,
            wanted: 0,
            abandoned: Vec::new(),
            exhausted: false,
            reasons: Arc::new([]),
        };
        Self {
            lists: Arc::default(),
            workers: Arc::default(),
            engine: Arc::default(),
            demand: Arc::default(),
            scaling: Arc::default(),
            wanted: Arc::default(),
            health: Arc::new(ArcSwap::from_pointee(health)),
            stalled: Arc::default(),
        }
    }
}

impl Board {
    /// The tally of a platform.
    pub fn platform(&self, name: &PlatformName) -> Arc<PlatformTally> {
        let mut lists = self.lists();
        if let Some(tally) = lists.platforms.get(name) {
            return tally.clone();
        }
        let tally = Arc::new(PlatformTally::new(lists.names.len() as u32));
        lists.names.push(name.clone());
        lists.platforms.insert(name.clone(), tally.clone());
        tally
    }

    /// Every platform's numbers.
    pub fn platforms(&self) -> Vec<PlatformStats> {
        self.lists().platforms.iter().map(|(name, tally)| tally.stats(name)).collect()
    }

    /// Every platform's tally.
    pub fn tallies(&self) -> Vec<(PlatformName, Arc<PlatformTally>)> {
        self.lists().platforms.iter().map(|(name, tally)| (name.clone(), tally.clone())).collect()
    }

    /// The name of the platform with this number.
    pub fn platform_name(&self, number: u32) -> Option<PlatformName> {
        self.lists().names.get(number as usize).cloned()
    }

    /// Shows these workers from now on.
    pub fn show_workers(&self, present: Vec<Arc<WorkerCell>>, given_up: Vec<Arc<WorkerCell>>) {
        self.workers.store(Arc::new(Workers { present, given_up }));
    }

    /// What the workers show.
    pub fn workers(&self) -> Arc<Workers> {
        self.workers.load_full()
    }

    /// What a worker is at, if it is known.
    pub fn suspicion(&self, cell: &WorkerCell, now: Instant) -> Option<Suspicion> {
        let send = cell.current()?;
        let held = cell.in_turn_for(now).unwrap_or_default();
        Some(Suspicion { platform: self.platform_name(send.platform)?, task: send.task, held })
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
