//! Smooth weighted round robin: workers in proportion to their weights, interleaved evenly.

use super::{Batch, Candidate, LoadBalancer};

/// Each pick gives every worker with room its weight as credit and takes the sum of it all from the worker that then
/// has the most: weights 5, 1, 1 give `a a b a c a a`, not `a a a a a b c`.
///
/// # How exact it is
///
/// Over as many picks as the weights add up to, each worker with room is picked exactly as often as its weight says. A
/// worker that comes starts at 0: it gets its share from then on and nothing for the time before. Where weights change
/// or workers come and go the others keep what they are owed, at most one cycle of the new weights: else a heavy worker
/// that was made light would be waited for, or a light one left out, for thousands of picks.
#[derive(Debug, Default)]
pub struct Weighted {
    standings: Vec<Standing>,
}

/// Where one worker stands; in the order of slots, as the candidates.
#[derive(Debug, Clone, Copy)]
struct Standing {
    slot: u32,
    weight: i64,
    credit: i64,
}

impl LoadBalancer for Weighted {
    fn pick(&mut self, candidates: &[Candidate], batch: &Batch<'_>) -> Option<usize> {
        self.follow(candidates);
        let (mut handed_out, mut first) = (0, None);
        for (index, (candidate, standing)) in candidates.iter().zip(&mut self.standings).enumerate() {
            if candidate.room < batch.items {
                continue;
            }
            standing.credit += standing.weight;
            handed_out += standing.weight;
            if first.is_none_or(|(_, most)| standing.credit > most) {
                first = Some((index, standing.credit));
            }
        }
        let (index, _) = first?;
        self.standings[index].credit -= handed_out;
        Some(index)
    }

    fn forget(&mut self, slot: u32) {
        self.standings.retain(|standing| standing.slot != slot);
    }
}

impl Weighted {
    /// Takes over weights that changed and workers that came or went; most picks find nothing to do.
    fn follow(&mut self, candidates: &[Candidate]) {
        let same = |(standing, candidate): (&Standing, &Candidate)| {
            standing.slot == candidate.slot && standing.weight == i64::from(candidate.weight)
        };
        if self.standings.len() == candidates.len() && self.standings.iter().zip(candidates).all(same) {
            return;
        }
        let cycle: i64 = candidates.iter().map(|candidate| i64::from(candidate.weight)).sum();
        let standing = |candidate: &Candidate| {
            let known = self.standings.binary_search_by_key(&candidate.slot, |standing| standing.slot);
            let owed = known.map_or(0, |index| self.standings[index].credit);
            Standing { slot: candidate.slot, weight: i64::from(candidate.weight), credit: owed.clamp(-cycle, cycle) }
        };
        self.standings = candidates.iter().map(standing).collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::fixtures::{candidate, pick},
        *,
    };

    fn pool(weights: &[u32]) -> Vec<Candidate> {
        let weighted = |(slot, weight): (usize, &u32)| Candidate { weight: *weight, ..candidate(slot as u32, 0) };
        weights.iter().enumerate().map(weighted).collect()
    }

    /// How often each was picked.
    fn shares(balancer: &mut Weighted, pool: &[Candidate], picks: u32) -> Vec<u32> {
        let mut shares = vec![0; pool.len()];
        for _ in 0..picks {
            shares[pick(balancer, pool, 1).expect("there is room")] += 1;
        }
        shares
    }

    #[test]
    fn a_heavy_worker_is_interleaved_with_the_light_ones() {
        let (mut balancer, pool) = (Weighted::default(), pool(&[5, 1, 1]));
        let order: String = (0..7).map(|_| ['a', 'b', 'c'][pick(&mut balancer, &pool, 1).expect("room")]).collect();
        assert_eq!(order, "aabacaa");
    }

    #[test]
    fn a_new_worker_starts_at_zero_and_is_owed_nothing() {
        let mut balancer = Weighted::default();
        shares(&mut balancer, &pool(&[1, 1]), 101);
        let three = pool(&[1, 1, 1]);
        let order: Vec<_> = (0..6).map(|_| pick(&mut balancer, &three, 1).expect("room")).collect();
        assert_eq!(order, [1, 2, 0, 1, 2, 0], "slot 1 was next, slot 2 waits its turn");
    }

    #[test]
    fn a_forgotten_worker_starts_at_zero_again() {
        let (mut balancer, pool) = (Weighted::default(), pool(&[1, 9]));
        shares(&mut balancer, &pool, 4);
        balancer.forget(0);
        pick(&mut balancer, &pool, 1);
        let credit = |index: usize| balancer.standings[index].credit;
        assert_eq!(credit(0), 1);
    }

    #[test]
    fn a_worker_without_room_is_owed_nothing_for_the_time() {
        let (mut balancer, mut pool) = (Weighted::default(), pool(&[2, 1, 1]));
        pool[0].room = 0;
        assert_eq!(shares(&mut balancer, &pool, 200), [0, 100, 100]);
        pool[0].room = 1;
        assert_eq!(shares(&mut balancer, &pool, 4), [2, 1, 1]);
    }

    #[test]
    fn a_heavy_worker_made_light_is_neither_waited_for_nor_left_out() {
        let mut balancer = Weighted::default();
        shares(&mut balancer, &pool(&[100_000, 1]), 50_001);
        let shares = shares(&mut balancer, &pool(&[1, 1]), 10);
        assert!(shares.iter().all(|share| (4..=6).contains(share)), "{shares:?}");
    }

    proptest! {
        #[test]
        fn shares_are_exact_over_every_cycle_of_the_weights(weights in prop::collection::vec(1u32..=60, 1..12)) {
            let (mut balancer, pool) = (Weighted::default(), pool(&weights));
            for _ in 0..3 {
                prop_assert_eq!(&shares(&mut balancer, &pool, weights.iter().sum()), &weights);
            }
        }

        #[test]
        fn after_any_change_shares_are_off_by_no_more_than_was_owed(
            changes in prop::collection::vec(prop::collection::vec(1u32..=60, 1..12), 2..6), picks in 0u32..400,
        ) {
            let mut balancer = Weighted::default();
            for weights in &changes[1..] {
                shares(&mut balancer, &pool(weights), picks);
            }
            let weights = &changes[0];
            let cycle = i64::from(weights.iter().sum::<u32>());
            balancer.follow(&pool(weights));
            let owed: i64 = balancer.standings.iter().map(|standing| standing.credit.abs()).sum();
            let got = shares(&mut balancer, &pool(weights), 20 * cycle as u32);
            for (weight, share) in weights.iter().zip(&got) {
                let off = (i64::from(*share) - 20 * i64::from(*weight)).abs();
                prop_assert!(off <= owed / cycle + 2, "{weights:?} {got:?}");
            }
        }

        #[test]
        fn nobody_waits_longer_than_his_weight_allows(weights in prop::collection::vec(1u32..=60, 1..12), before in 0u32..400) {
            let (mut balancer, pool) = (Weighted::default(), pool(&weights));
            shares(&mut balancer, &pool, before);
            let lightest = weights.iter().min().expect("not empty");
            let bound = 2 * weights.len() as u32 * weights.iter().sum::<u32>().div_ceil(*lightest);
            prop_assert!(shares(&mut balancer, &pool, bound).iter().all(|share| *share > 0));
        }
    }
}
