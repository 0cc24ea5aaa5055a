//! Which worker gets the next batch.

mod least_connections;

use std::fmt;

use self::least_connections::LeastConnections;
use crate::config::Strategy;

/// A worker that may be picked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Its slot: stable over replacements.
    pub slot: u32,
    /// Sends under way or in its inbox.
    pub in_flight: usize,
    /// How many more it can take.
    pub room: usize,
}

/// Picks workers. One small type per strategy; the dispatcher owns it.
pub trait LoadBalancer: fmt::Debug + Send {
    /// The index of the candidate that gets a batch of `items`; `None` if no candidate has room for it.
    fn pick(&mut self, candidates: &[Candidate], items: usize) -> Option<usize>;
}

/// The balancer of a strategy.
pub fn balancer(strategy: Strategy) -> Box<dyn LoadBalancer> {
    match strategy {
        Strategy::LeastConnections => Box::new(LeastConnections::default()),
    }
}
