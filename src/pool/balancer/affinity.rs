//! Affinity: specialists first; then each lane keeps to its worker as long as that is not overloaded.

use super::{Batch, Candidate, LoadBalancer};
use crate::config::Affinity as Specialisation;

/// How far above the average of its rank a worker may be and still be given more, in thousandths.
const LOAD_BOUND_PERMILLE: u64 = 1250;

/// Picks by rank, within a rank by rendezvous hashing, and passes over whoever has too much under way.
///
/// # Why rendezvous hashing, and why a bound?
///
/// Each lane has an order of all slots of its own, drawn from its hash, and goes to the first: connections stay warm,
/// and no table has to be kept. A worker that comes takes over the lanes that have it first, about 1 in n + 1, and moves no
/// other. But lanes are not equally busy: without a bound the worker of the busiest one is overloaded while others idle.
/// So a worker that has more under way than 1.25 times the average of those with room is passed over, and the next in
/// the lane's order takes the batch. The least busy one is always under the bound: nobody waits for a favourite.
#[derive(Debug)]
pub struct Affinity {
    load_bound_permille: Option<u64>,
}

impl Default for Affinity {
    fn default() -> Self {
        Self { load_bound_permille: Some(LOAD_BOUND_PERMILLE) }
    }
}

/// Who is asked first. A later rank takes a batch only when nobody of an earlier one has room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Specialist,
    Generalist,
    OtherSpecialist,
}

impl LoadBalancer for Affinity {
    fn pick(&mut self, candidates: &[Candidate], batch: &Batch<'_>) -> Option<usize> {
        let fitting = || candidates.iter().enumerate().filter(|(_, candidate)| candidate.room >= batch.items);
        let mut asked: Option<(Rank, u64, u64)> = None;
        for (_, candidate) in fitting() {
            let (rank, load) = (rank(candidate, batch), candidate.in_flight as u64);
            asked = match asked {
                Some((best, ..)) if best < rank => asked,
                Some((best, workers, in_flight)) if best == rank => Some((rank, workers + 1, in_flight + load)),
                _ => Some((rank, 1, load + batch.items as u64)),
            };
        }
        let (rank, workers, in_flight) = asked?;
        let under_bound = |candidate: &Candidate| match self.load_bound_permille {
            Some(bound) => candidate.in_flight as u64 * workers * 1000 < in_flight * bound,
            None => true,
        };
        let (index, _) = fitting()
            .filter(|(_, candidate)| under_bound(candidate) && self::rank(candidate, batch) == rank)
            .max_by_key(|(_, candidate)| score(batch.lane_hash, candidate.slot))?;
        Some(index)
    }
}

fn rank(candidate: &Candidate, batch: &Batch<'_>) -> Rank {
    match candidate.affinity.as_deref().filter(|affinity| !Specialisation::is_empty(affinity)) {
        None => Rank::Generalist,
        Some(affinity) if affinity.takes(batch.platform, batch.kind) => Rank::Specialist,
        Some(_) => Rank::OtherSpecialist,
    }
}

/// How high a slot stands in a lane's own order: the last steps of `SplitMix64`, which tell any two slots apart and are
/// the same in every process and version.
fn score(lane_hash: u64, slot: u32) -> u64 {
    let mut mixed = lane_hash ^ (u64::from(slot) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::{
        super::fixtures::{CAPACITY, candidate, pick_for},
        *,
    };

    fn specialist(slot: u32, platform: &str, in_flight: usize) -> Candidate {
        let platforms = [platform.parse().expect("a name")].into();
        let affinity = Some(Arc::new(Specialisation { platforms, ..Specialisation::default() }));
        Candidate { affinity, ..candidate(slot, in_flight) }
    }

    #[test]
    fn a_later_rank_takes_a_batch_only_when_nobody_in_an_earlier_one_has_room() {
        let full = CAPACITY;
        let ranks = |mail, general, ops| [specialist(0, "mail", mail), candidate(1, general), specialist(2, "ops", ops)];
        let picked = |pool: &[Candidate]| pick_for(&mut Affinity::default(), pool, 1, "mail", 7);
        assert_eq!(picked(&ranks(full - 1, 0, 0)), Some(0), "its specialist, however busy");
        assert_eq!(picked(&ranks(full, full - 1, 0)), Some(1), "then whoever takes anything");
        assert_eq!(picked(&ranks(full, full, 0)), Some(2), "then another's specialist, rather than wait");
        assert_eq!(picked(&ranks(full, full, full)), None);
    }

    #[test]
    fn an_empty_affinity_is_no_specialisation() {
        let empty = Candidate { affinity: Some(Arc::default()), ..candidate(0, 0) };
        let pool = [empty, specialist(1, "mail", 0)];
        assert_eq!(pick_for(&mut Affinity::default(), &pool, 1, "mail", 7), Some(1));
        assert_eq!(pick_for(&mut Affinity::default(), &pool, 1, "ops", 7), Some(0));
    }

    #[test]
    fn a_lane_keeps_to_its_worker_until_that_is_over_the_bound() {
        let mut pool: Vec<_> = (0..4).map(|slot| candidate(slot, 4)).collect();
        let picked = |pool: &[Candidate]| pick_for(&mut Affinity::default(), pool, 1, "ops", 42).expect("there is room");
        let favourite = picked(&pool);
        pool[favourite].in_flight = 5;
        assert_eq!(picked(&pool), favourite, "5 is under 1.25 x (17 + 1) / 4");
        pool[favourite].in_flight = 6;
        let next = picked(&pool);
        assert_ne!(next, favourite, "6 is over 1.25 x (18 + 1) / 4");
        pool[favourite].room = 0;
        assert_eq!(picked(&pool), next, "and a favourite without room is passed over in the same order");
    }

    #[test]
    fn one_busy_lane_spreads_over_all_workers_rather_than_starve() {
        let mut pool: Vec<_> = (0..8).map(|slot| candidate(slot, 0)).collect();
        for _ in 0..8 * CAPACITY {
            let picked = pick_for(&mut Affinity::default(), &pool, 1, "ops", 42).expect("there is room");
            pool[picked].in_flight += 1;
            pool[picked].room -= 1;
            let (most, sum) = pool.iter().fold((0, 0), |(most, sum), one| (one.in_flight.max(most), sum + one.in_flight));
            assert!((most - 1) * 8 * 1000 < sum * 1250, "{most} of {sum}");
        }
    }

    #[test]
    fn an_order_of_slots_is_the_same_in_every_version() {
        let splitmix64_from_0 = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([score(0, 0), score(0, 1), score(0, 2)], splitmix64_from_0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_new_worker_takes_over_its_own_lanes_and_moves_no_other(slots in prop::collection::btree_set(0u32..1024, 2..40), at in any::<prop::sample::Index>()) {
            let all: Vec<_> = slots.iter().map(|slot| candidate(*slot, 0)).collect();
            let mut before = all.clone();
            let newcomer = before.remove(at.index(all.len())).slot;
            let lanes = 2000;
            let (mut balancer, mut moved) = (Affinity { load_bound_permille: None }, 0);
            for lane in 0..lanes {
                let lane_hash = score(lane, 9);
                let mut slot = |pool: &[Candidate]| pool[pick_for(&mut balancer, pool, 1, "ops", lane_hash).expect("room")].slot;
                let (was, is) = (slot(&before), slot(&all));
                prop_assert!(is == was || is == newcomer);
                moved += u64::from(is == newcomer);
            }
            let fair = lanes / all.len() as u64;
            prop_assert!((fair / 2..=fair * 3 / 2 + 20).contains(&moved), "{moved} of {lanes} among {}", all.len());
        }

        #[test]
        fn whoever_is_picked_is_under_the_bound(loads in prop::collection::vec(0usize..=CAPACITY, 1..20), items in 1usize..5, lane_hash: u64) {
            let pool: Vec<_> = loads.iter().enumerate().map(|(slot, load)| candidate(slot as u32, *load)).collect();
            let fitting: Vec<_> = pool.iter().filter(|candidate| candidate.room >= items).collect();
            match pick_for(&mut Affinity::default(), &pool, items, "ops", lane_hash) {
                None => prop_assert!(fitting.is_empty()),
                Some(index) => {
                    let sum: usize = items + fitting.iter().map(|candidate| candidate.in_flight).sum::<usize>();
                    prop_assert!(pool[index].in_flight * fitting.len() * 1000 < sum * 1250);
                }
            }
        }
    }
}
