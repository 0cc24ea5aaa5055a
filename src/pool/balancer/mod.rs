//! Which worker gets the next batch: five small types, one per [`Strategy`].
//!
//! The roster keeps the candidates up to date and asks; a balancer keeps only what its own rule needs. Whoever is full,
//! draining or gone has no room, and is never picked.
//!
//! | file | what it picks |
//! |---|---|
//! | `round_robin` | the next slot after the last |
//! | `least_connections` | whoever has the fewest sends under way |
//! | `weighted` | in proportion to weights, interleaved evenly |
//! | `affinity` | specialists first, then the lane's own worker |
//! | `performance` | of two at random whoever is expected to be done first |

mod affinity;
#[cfg(test)]
mod fixtures;
mod least_connections;
mod performance;
#[cfg(test)]
mod promises;
mod round_robin;
mod weighted;

use std::{fmt, sync::Arc};

use self::{least_connections::LeastConnections, performance::Performance, round_robin::RoundRobin, weighted::Weighted};
use crate::{
    config::{Affinity, Strategy},
    task::PlatformName,
};

/// A worker that may be picked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its slot: stable over replacements.
    pub slot: u32,
    /// Sends under way or in its inbox.
    pub in_flight: usize,
    /// How many more it can take; 0 while it drains.
    pub room: usize,
    /// Its share of the work under the strategy `weighted`; at least 1.
    pub weight: u32,
    /// What it is specialised in, if anything.
    pub affinity: Option<Arc<Affinity>>,
}

/// What is to be given to a worker.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// How many sends; a worker needs room for all of them.
    pub items: usize,
    /// Where they go.
    pub platform: &'a PlatformName,
    /// The one kind of message they are of, where an affinity names kinds.
    pub kind: Option<&'a str>,
    /// A stable hash of their lane: the same in every process.
    pub lane_hash: u64,
}

/// Picks workers. The dispatcher owns it, so nothing in it is shared.
pub trait LoadBalancer: fmt::Debug + Send {
    /// The index of the candidate that gets the batch; `None` if no candidate has room for it. Candidates are in the
    /// order of their slots, one per slot.
    fn pick(&mut self, candidates: &[Candidate], batch: &Batch<'_>) -> Option<usize>;

    /// A send of the worker in `slot` has finished; `pace_permille` is how long it took beside the average of its lane,
    /// in thousandths, so that a worker that got slow platforms does not look slow.
    fn observe(&mut self, slot: u32, pace_permille: u32, failed: bool) {
        let _ = (slot, pace_permille, failed);
    }

    /// The worker in `slot` is gone for good, or replaced by a new one that nothing is known of.
    fn forget(&mut self, slot: u32) {
        let _ = slot;
    }
}

/// The balancer of a strategy; `seed` is for those that draw lots.
pub fn balancer(strategy: Strategy, seed: u64) -> Box<dyn LoadBalancer> {
    match strategy {
        Strategy::RoundRobin => Box::new(RoundRobin::default()),
        Strategy::LeastConnections => Box::new(LeastConnections::default()),
        Strategy::Weighted => Box::new(Weighted::default()),
        Strategy::Affinity => Box::new(affinity::Affinity::default()),
        Strategy::Performance => Box::new(Performance::new(seed)),
    }
}
