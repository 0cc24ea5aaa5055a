//! Least connections: the worker with the fewest sends under way.

use super::{Batch, Candidate, LoadBalancer};

/// Picks the least busy worker; among equals the one after the last pick, so that idle workers share the work.
#[derive(Debug, Default)]
pub struct LeastConnections {
    last: u32,
}

impl LoadBalancer for LeastConnections {
    fn pick(&mut self, candidates: &[Candidate], batch: &Batch<'_>) -> Option<usize> {
        let after_last = |slot: u32| slot.wrapping_sub(self.last.wrapping_add(1));
        let fitting = candidates.iter().enumerate().filter(|(_, candidate)| candidate.room >= batch.items);
        let (index, picked) = fitting.min_by_key(|(_, candidate)| (candidate.in_flight, after_last(candidate.slot)))?;
        self.last = picked.slot;
        Some(index)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::fixtures::{candidate, pick},
        *,
    };

    #[test]
    fn the_least_busy_worker_is_picked_and_equals_take_turns() {
        let mut balancer = LeastConnections { last: 9 };
        let busy = [candidate(0, 5), candidate(1, 2), candidate(2, 7)];
        assert_eq!(pick(&mut balancer, &busy, 1), Some(1));
        let equal = [candidate(0, 3), candidate(1, 3), candidate(2, 3)];
        let picks: Vec<_> = (0..4).map(|_| pick(&mut balancer, &equal, 1)).collect();
        assert_eq!(picks, [Some(2), Some(0), Some(1), Some(2)]);
    }

    #[test]
    fn nobody_is_picked_where_nobody_has_room() {
        assert_eq!(pick(&mut LeastConnections::default(), &[candidate(0, 9), candidate(1, 8)], 3), None);
        assert_eq!(pick(&mut LeastConnections::default(), &[], 1), None);
    }

    proptest! {
        #[test]
        fn a_busier_worker_is_never_picked_and_room_is_respected(loads in prop::collection::vec(0usize..=10, 0..20), items in 1usize..10) {
            let candidates: Vec<_> = loads.iter().enumerate().map(|(slot, load)| candidate(slot as u32, *load)).collect();
            let picked = pick(&mut LeastConnections::default(), &candidates, items);
            let best = candidates.iter().filter(|candidate| candidate.room >= items).map(|candidate| candidate.in_flight).min();
            prop_assert_eq!(picked.map(|index| candidates[index].in_flight), best);
            prop_assert!(picked.is_none_or(|index| candidates[index].room >= items));
        }
    }
}
