//! Candidates and picks for the balancers' tests.

use super::{Batch, Candidate, LoadBalancer};

/// How many sends every worker of the tests takes.
pub const CAPACITY: usize = 10;

/// A worker of weight 1 that is specialised in nothing, with so many sends under way.
pub fn candidate(slot: u32, in_flight: usize) -> Candidate {
    Candidate { slot, in_flight, room: CAPACITY - in_flight, weight: 1, affinity: None }
}

/// Who gets a batch of `items` for the platform `ops`.
pub fn pick(balancer: &mut dyn LoadBalancer, candidates: &[Candidate], items: usize) -> Option<usize> {
    pick_for(balancer, candidates, items, "ops", 0)
}

/// Who gets a batch of `items` for a lane of a platform.
pub fn pick_for(
    balancer: &mut dyn LoadBalancer,
    candidates: &[Candidate],
    items: usize,
    platform: &str,
    lane_hash: u64,
) -> Option<usize> {
    let platform = platform.parse().expect("a name");
    balancer.pick(candidates, &Batch { items, platform: &platform, kind: None, lane_hash })
}
