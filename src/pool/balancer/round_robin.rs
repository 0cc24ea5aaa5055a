//! Round robin: one worker after the other, in the order of their slots.

use super::{Batch, Candidate, LoadBalancer};

/// Picks the next slot after the last pick that has room, and begins anew after the highest.
///
/// It remembers a slot, not an index: workers that come and go between two picks move nobody else's turn. While the same
/// workers have room, their numbers of picks never differ by more than one.
#[derive(Debug, Default)]
pub struct RoundRobin {
    next: u32,
}

impl LoadBalancer for RoundRobin {
    fn pick(&mut self, candidates: &[Candidate], batch: &Batch<'_>) -> Option<usize> {
        let turn = candidates.partition_point(|candidate| candidate.slot < self.next);
        let index = (turn..candidates.len()).chain(0..turn).find(|index| candidates[*index].room >= batch.items)?;
        self.next = candidates[index].slot.wrapping_add(1);
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
    fn slots_take_turns_and_whoever_has_no_room_is_passed_over() {
        let mut balancer = RoundRobin::default();
        let pool = [candidate(0, 0), candidate(3, 10), candidate(7, 0), candidate(u32::MAX, 0)];
        let picks: Vec<_> = (0..5).map(|_| pick(&mut balancer, &pool, 1)).collect();
        assert_eq!(picks, [Some(0), Some(2), Some(3), Some(0), Some(2)]);
    }

    #[test]
    fn workers_that_come_and_go_move_nobody_elses_turn() {
        let mut balancer = RoundRobin::default();
        let slots = |slots: &[u32]| slots.iter().map(|slot| candidate(*slot, 0)).collect::<Vec<_>>();
        let all = slots(&[0, 1, 2, 3]);
        let fewer = slots(&[0, 3]);
        let mut picked = |pool: &[Candidate]| pick(&mut balancer, pool, 1).map(|index| pool[index].slot);
        assert_eq!((picked(&all), picked(&all)), (Some(0), Some(1)));
        assert_eq!(picked(&fewer), Some(3), "the last was 1, and 2 is gone");
        assert_eq!((picked(&all), picked(&all)), (Some(0), Some(1)));
    }

    proptest! {
        #[test]
        fn picks_never_differ_by_more_than_one_while_the_same_workers_have_room(
            full in prop::collection::vec(any::<bool>(), 1..30), next: u32, picks in 0usize..200,
        ) {
            let busy = |(slot, full): (usize, &bool)| candidate(3 * slot as u32, if *full { 10 } else { 0 });
            let pool: Vec<_> = full.iter().enumerate().map(busy).collect();
            let mut balancer = RoundRobin { next: next % 100 };
            let mut picked = vec![0; pool.len()];
            for _ in 0..picks {
                pick(&mut balancer, &pool, 1).into_iter().for_each(|index| picked[index] += 1);
                let with_room = || picked.iter().zip(&full).filter(|(_, full)| !**full).map(|(count, _)| *count);
                prop_assert!(with_room().max().unwrap_or(0) - with_room().min().unwrap_or(0) <= 1);
            }
            prop_assert!(picked.iter().zip(&full).all(|(count, full)| !full || *count == 0));
        }
    }
}
