//! The three ways of sizing a pool that are compared.

use std::time::{Duration, Instant};

use notifyhub::{
    bench::{History, LoadSample, Rules, workers_wanted},
    config::PoolConfig,
    platforms::contract::Clock,
    testing::MovedClock,
};

use super::{AnyError, worker::SLOTS};

/// Fewest workers.
pub const WORKERS_MIN: usize = 2;

/// Most workers.
pub const WORKERS_MAX: usize = 32;

/// What a pool may know at a tick.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// When.
    pub at: Duration,
    /// Workers that take work.
    pub workers: usize,
    /// Workers that take work or will: those that start included.
    pub meant: usize,
    /// Slot-time spent with sends since the tick before, in thousandths of all.
    pub busy_permille: u32,
    /// Sends under way.
    pub under_way: usize,
    /// Tasks that wait for a worker.
    pub waiting: usize,
    /// How long the oldest of them has.
    pub oldest_wait: Duration,
    /// Tasks that wait for their platform's rate limit.
    pub held_back: usize,
    /// Sends begun since the tick before.
    pub begun: u64,
    /// Sends finished since.
    pub finished: u64,
    /// Workers that had nothing to do for `max_idle_time`.
    pub idle_workers: usize,
}

/// A way of sizing a pool.
#[derive(Debug)]
pub enum Sizing {
    /// The engine's law.
    Proportional { rules: Rules, history: History, began: Instant },
    /// One worker more where the load of the moment is over the target, one less where it is below the lower mark, with the
    /// same delays after a change. All that queues counts as load.
    Naive { rules: Rules, changed: Duration },
    /// As many as there may be, always.
    Fixed,
}

impl Sizing {
    /// Their names.
    pub const NAMES: [&str; 3] = ["proportional", "naive", "fixed"];

    /// One that has seen nothing yet.
    pub fn named(name: &str) -> Result<Self, AnyError> {
        let rules = rules();
        match name {
            "proportional" => Ok(Self::Proportional { rules, history: History::new(&rules), began: MovedClock::new().now() }),
            "naive" => Ok(Self::Naive { rules, changed: Duration::ZERO }),
            "fixed" => Ok(Self::Fixed),
            other => Err(format!("unknown sizing {other}").into()),
        }
    }

    /// How many workers it begins with.
    pub const fn workers_at_first(&self) -> usize {
        if matches!(self, Self::Fixed) { WORKERS_MAX } else { WORKERS_MIN }
    }

    /// How many workers there should be; `None` if that does not change.
    pub fn wanted(&mut self, look: &Look) -> Option<usize> {
        match self {
            Self::Proportional { rules, history, began } => {
                let at = *began + look.at;
                history.push(sample(at, look));
                let decision = workers_wanted(history, at, rules);
                (!decision.is_hold()).then_some(decision.workers)
            }
            Self::Naive { rules, changed } => {
                let load = (look.under_way + look.waiting + look.held_back) * 1000 / (look.workers * SLOTS);
                let rested = look.at.saturating_sub(*changed);
                let workers = if load > rules.target_permille as usize && rested >= rules.scale_up_delay {
                    (look.meant + 1).min(rules.workers_max)
                } else if load < rules.shrink_below_permille as usize && rested >= rules.scale_down_delay {
                    (look.meant - 1).max(rules.workers_min)
                } else {
                    return None;
                };
                *changed = if workers == look.meant { *changed } else { look.at };
                Some(workers)
            }
            Self::Fixed => None,
        }
    }
}

/// The default rules, within the bounds of the simulation.
pub fn rules() -> Rules {
    let config = PoolConfig { min_workers: WORKERS_MIN, max_workers: WORKERS_MAX, slots: SLOTS, ..PoolConfig::default() };
    Rules::new(&config)
}

const fn sample(at: Instant, look: &Look) -> LoadSample {
    LoadSample {
        at,
        workers: look.workers,
        busy_permille: look.busy_permille,
        waiting: look.waiting,
        oldest_wait: look.oldest_wait,
        begun: look.begun,
        finished: look.finished,
        idle_workers: look.idle_workers,
    }
}
