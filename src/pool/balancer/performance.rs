//! Performance: of two workers at random the one that is expected to be done first.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{Batch, Candidate, LoadBalancer};

/// The pace of a worker that takes as long as its lanes do on average.
const PACE_OF_A_LANE_PERMILLE: u64 = 1000;

/// Slowest pace that is told apart from slower ones.
const PACE_MAX_PERMILLE: u64 = 100 * PACE_OF_A_LANE_PERMILLE;

/// How much longer than it took, or than the average if that is more, a failed send is held to have taken: else a worker
/// that fails at once would look fast and draw all the work.
const FAILED_TIMES: u64 = 4;

/// A faster send counts for one part in so many; a slower one counts whole, at once.
const CALMING_PARTS: u64 = 8;

/// The average moves by one part in so many with every send.
const AVERAGE_PARTS: u64 = 64;

/// After so many sends of the pool for each worker known, half of what sets a worker apart from the average is forgotten.
const HALF_LIFE_SENDS: u64 = 128;

/// Draws two workers with room and picks the one with the lower cost: its pace times what it would have under way.
///
/// # Why two at random and not the best of all?
///
/// What is known of a worker is always a little old. Whoever always takes the best sends everything there until news
/// arrives; with two at random the best gets at most twice its share, and the worst is never tried while better ones have
/// room.
///
/// # What it knows
///
/// A peak-sensitive average of paces per worker: a slow send counts at once, faster ones calm it down step by step. There
/// is no clock here, so knowledge ages with the sends of the whole pool: a worker that was found slow, and therefore gets
/// nothing, drifts back to the average until it is tried again. One that nothing is known of counts as average.
#[derive(Debug)]
pub struct Performance {
    rng: SmallRng,
    known: HashMap<u32, Known, FixedState>,
    average_permille: u64,
    observed: u64,
}

/// What is known of one worker.
#[derive(Debug, Clone, Copy)]
struct Known {
    pace_permille: u64,
    /// The number of its last observation.
    at: u64,
}

impl Performance {
    /// One that knows nothing yet, and draws the same lots for the same seed.
    pub fn new(seed: u64) -> Self {
        Self {
            rng: SmallRng::seed_from_u64(seed),
            known: HashMap::default(),
            average_permille: PACE_OF_A_LANE_PERMILLE,
            observed: 0,
        }
    }

    /// What the worker's pace is held to be now.
    fn pace_permille(&self, slot: u32) -> u64 {
        let Some(known) = self.known.get(&slot) else { return self.average_permille };
        let half_life = HALF_LIFE_SENDS * self.known.len() as u64;
        faded(known.pace_permille, self.average_permille, self.observed - known.at, half_life)
    }

    /// What it would cost to give the worker one more send.
    fn cost(&self, candidate: &Candidate) -> u64 {
        self.pace_permille(candidate.slot) * (candidate.in_flight as u64 + 1)
    }

    /// Two different numbers below `count`, in any order; the same twice if there is only one.
    fn draw(&mut self, count: usize) -> (usize, usize) {
        let first = self.rng.random_range(0..count);
        if count == 1 {
            return (first, first);
        }
        let second = self.rng.random_range(0..count - 1);
        (first, second + usize::from(second >= first))
    }
}

impl LoadBalancer for Performance {
    fn pick(&mut self, candidates: &[Candidate], batch: &Batch<'_>) -> Option<usize> {
        let fits = |candidate: &Candidate| candidate.room >= batch.items;
        let count = candidates.iter().filter(|candidate| fits(candidate)).count();
        if count == 0 {
            return None;
        }
        let (first, second) = self.draw(count);
        let nth = |number| candidates.iter().enumerate().filter(|(_, candidate)| fits(candidate)).nth(number);
        let ((first, one), (second, other)) = nth(first).zip(nth(second))?;
        Some(if self.cost(other) < self.cost(one) { second } else { first })
    }

    fn observe(&mut self, slot: u32, pace_permille: u32, failed: bool) {
        let held = self.pace_permille(slot);
        let pace = u64::from(pace_permille);
        let pace = if failed { pace.max(PACE_OF_A_LANE_PERMILLE) * FAILED_TIMES } else { pace }.min(PACE_MAX_PERMILLE);
        let pace_permille = if pace > held { pace } else { moved(held, pace, CALMING_PARTS) };
        self.observed += 1;
        self.known.insert(slot, Known { pace_permille, at: self.observed });
        self.average_permille = moved(self.average_permille, pace_permille, AVERAGE_PARTS);
    }

    fn forget(&mut self, slot: u32) {
        self.known.remove(&slot);
    }
}

/// `from`, moved one part of the way to `to`, rounded towards `to` so that it arrives.
fn moved(from: u64, to: u64, parts: u64) -> u64 {
    if to > from { from + (to - from).div_ceil(parts) } else { from - (from - to).div_ceil(parts) }
}

/// A pace that was known `age` sends ago: halfway to the average after each half-life, straight in between.
fn faded(pace: u64, average: u64, age: u64, half_life: u64) -> u64 {
    let apart = pace.abs_diff(average);
    let halved = apart.checked_shr(u32::try_from(age / half_life).unwrap_or(u32::MAX)).unwrap_or(0);
    let left = halved - halved * (age % half_life) / (2 * half_life);
    if pace > average { average + left } else { average - left }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::fixtures::{candidate, pick},
        *,
    };

    /// How often each of the workers is picked.
    fn picks(balancer: &mut Performance, pool: &[Candidate], picks: usize) -> Vec<usize> {
        let mut picked = vec![0; pool.len()];
        for _ in 0..picks {
            picked[pick(balancer, pool, 1).expect("there is room")] += 1;
        }
        picked
    }

    fn pool(workers: u32) -> Vec<Candidate> {
        (0..workers).map(|slot| candidate(slot, 0)).collect()
    }

    #[test]
    fn the_slower_of_two_is_picked_only_where_the_other_has_that_much_more_under_way() {
        let mut balancer = Performance::new(1);
        balancer.observe(0, 4000, false);
        balancer.observe(1, 1000, false);
        assert_eq!(picks(&mut balancer, &[candidate(0, 0), candidate(1, 2)], 100), [0, 100]);
        assert_eq!(picks(&mut balancer, &[candidate(0, 0), candidate(1, 5)], 100), [100, 0]);
    }

    #[test]
    fn a_slow_send_counts_at_once_and_fast_ones_calm_it_step_by_step() {
        let mut balancer = Performance::new(1);
        balancer.observe(0, 9000, false);
        assert_eq!(balancer.pace_permille(0), 9000);
        balancer.observe(0, 1000, false);
        assert!((7900..=8000).contains(&balancer.pace_permille(0)), "{balancer:?}");
    }

    #[test]
    fn a_worker_that_fails_at_once_does_not_look_fast() {
        let mut balancer = Performance::new(1);
        for slot in 0..8 {
            balancer.observe(slot, if slot == 0 { 1 } else { 1000 }, slot == 0);
        }
        assert_eq!(picks(&mut balancer, &pool(8), 1000)[0], 0);
    }

    #[test]
    fn when_everything_fails_nobody_is_set_apart_and_costs_stay_bounded() {
        let mut balancer = Performance::new(1);
        for number in 0..100_000 {
            balancer.observe(number % 4, 1000, true);
        }
        assert!((0..4).all(|slot| balancer.pace_permille(slot) == 4000), "{balancer:?}");
    }

    #[test]
    fn a_worker_nothing_is_known_of_counts_as_average() {
        let mut balancer = Performance::new(1);
        for number in 0..4000 {
            balancer.observe(number % 4, 3000, false);
        }
        assert_eq!(balancer.pace_permille(9), 3000);
        balancer.observe(9, 50_000, false);
        balancer.forget(9);
        assert!(balancer.pace_permille(9) < 4000, "a new one in its slot is not held to what it did");
    }

    #[test]
    fn a_worker_that_was_slow_is_tried_again_after_a_while() {
        let (mut balancer, pool) = (Performance::new(1), [candidate(0, 0), candidate(1, 1)]);
        balancer.observe(0, 10_000, false);
        let mut sends = 0;
        while picks(&mut balancer, &pool, 1)[0] == 0 {
            balancer.observe(1, 1000, false);
            sends += 1;
            assert!(sends < 8 * HALF_LIFE_SENDS, "{balancer:?}");
        }
        assert!(sends > 6 * HALF_LIFE_SENDS, "but not at once: two workers are known, and 10 is halved three times: {sends}");
    }

    #[test]
    fn the_same_seed_draws_the_same_lots() {
        let order = |seed| (0..50).map(|_| 0).scan(Performance::new(seed), |balancer, _| pick(balancer, &pool(9), 1)).collect();
        let orders: [Vec<usize>; 3] = [order(7), order(7), order(8)];
        assert!(orders[0] == orders[1] && orders[0] != orders[2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn equal_workers_get_equal_work(workers in 2u32..40, seed: u64) {
            let mut balancer = Performance::new(seed);
            let picked = picks(&mut balancer, &pool(workers), 500 * workers as usize);
            prop_assert!(picked.iter().all(|count| *count <= 750), "{picked:?}");
        }

        #[test]
        fn what_is_known_fades_towards_the_average_and_never_past_it(pace in 0u64..=100_000, average in 0u64..=100_000, age in 0u64..100_000, half_life in 1u64..1000) {
            let now = faded(pace, average, age, half_life);
            let later = faded(pace, average, age + 1, half_life);
            prop_assert!((pace.min(average)..=pace.max(average)).contains(&now));
            prop_assert!(later.abs_diff(average) <= now.abs_diff(average));
            prop_assert_eq!(faded(pace, average, 0, half_life), pace);
            prop_assert_eq!(faded(pace, average, 64 * half_life, half_life), average);
        }
    }
}
