//! What every balancer promises, whatever happens to the pool between two picks.

use std::{collections::VecDeque, sync::Arc};

use proptest::{prelude::*, sample::Index};

use super::{
    Candidate, LoadBalancer, balancer,
    fixtures::{CAPACITY, candidate, pick_for},
};
use crate::config::{Affinity, Strategy as Balancing};

/// What can happen to a pool.
#[derive(Debug, Clone)]
enum Step {
    Give { items: usize, lane_hash: u64 },
    Finish { pace_permille: u32, failed: bool },
    Drain(Index),
    Add { slot: u32 },
    Remove(Index),
    Weigh(Index, u32),
    Specialise(Index, bool),
    Switch(Balancing),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (1usize..=4, any::<u64>()).prop_map(|(items, lane_hash)| Step::Give { items, lane_hash }),
        6 => (any::<u32>(), any::<bool>()).prop_map(|(pace_permille, failed)| Step::Finish { pace_permille, failed }),
        1 => any::<Index>().prop_map(Step::Drain),
        2 => (0u32..40).prop_map(|slot| Step::Add { slot }),
        1 => any::<Index>().prop_map(Step::Remove),
        1 => (any::<Index>(), 1..=u32::MAX).prop_map(|(of, weight)| Step::Weigh(of, weight)),
        1 => (any::<Index>(), any::<bool>()).prop_map(|(of, ours)| Step::Specialise(of, ours)),
        1 => balancing().prop_map(Step::Switch),
    ]
}

fn balancing() -> impl Strategy<Value = Balancing> {
    prop::sample::select(&Balancing::ALL[..])
}

/// A pool as the roster keeps it.
#[derive(Debug)]
struct Pool {
    workers: Vec<Candidate>,
    under_way: VecDeque<u32>,
    balancer: Box<dyn LoadBalancer>,
}

impl Pool {
    fn new(workers: u32, strategy: Balancing, seed: u64) -> Self {
        let workers = (0..workers).map(|slot| candidate(slot, 0)).collect();
        Self { workers, under_way: VecDeque::new(), balancer: balancer(strategy, seed) }
    }

    /// Gives a batch to whom the balancer picks; tells his slot and the room he had.
    fn give(&mut self, items: usize, lane_hash: u64) -> Option<(u32, usize)> {
        let index = pick_for(&mut *self.balancer, &self.workers, items, "ops", lane_hash)?;
        let picked = &mut self.workers[index];
        let had = (picked.slot, picked.room);
        picked.in_flight += items;
        picked.room = picked.room.saturating_sub(items);
        self.under_way.extend(std::iter::repeat_n(picked.slot, items));
        Some(had)
    }

    /// The oldest send under way finishes.
    fn finish(&mut self, pace_permille: u32, failed: bool) {
        let Some(slot) = self.under_way.pop_front() else { return };
        self.balancer.observe(slot, pace_permille, failed);
        if let Some(worker) = self.workers.iter_mut().find(|worker| worker.slot == slot && worker.in_flight > 0) {
            worker.in_flight -= 1;
            worker.room += 1;
        }
    }

    fn take(&mut self, step: Step) {
        let any = |of: Index, workers: &[Candidate]| (!workers.is_empty()).then(|| of.index(workers.len()));
        match step {
            Step::Give { items, lane_hash } => drop(self.give(items, lane_hash)),
            Step::Finish { pace_permille, failed } => self.finish(pace_permille, failed),
            Step::Drain(of) => any(of, &self.workers).into_iter().for_each(|index| self.workers[index].room = 0),
            Step::Add { slot } => {
                if let Err(index) = self.workers.binary_search_by_key(&slot, |worker| worker.slot) {
                    self.workers.insert(index, candidate(slot, 0));
                }
            }
            Step::Remove(of) => {
                if let Some(index) = any(of, &self.workers) {
                    let gone = self.workers.remove(index).slot;
                    self.balancer.forget(gone);
                }
            }
            Step::Weigh(of, weight) => any(of, &self.workers).into_iter().for_each(|index| self.workers[index].weight = weight),
            Step::Specialise(of, ours) => {
                let platforms = [if ours { "ops" } else { "mail" }.parse().expect("a name")].into();
                let affinity = Some(Arc::new(Affinity { platforms, ..Affinity::default() }));
                any(of, &self.workers).into_iter().for_each(|index| self.workers[index].affinity = affinity.clone());
            }
            Step::Switch(strategy) => self.balancer = balancer(strategy, 1),
        }
    }
}

proptest! {
    #[test]
    fn whoever_is_picked_has_room_and_nobody_is_picked_only_where_nobody_has(
        strategy in balancing(), workers in 0u32..8, seed: u64, steps in prop::collection::vec(step(), 0..120), items in 1usize..=4,
    ) {
        let mut pool = Pool::new(workers, strategy, seed);
        for step in steps {
            pool.take(step);
            let room = pool.workers.iter().map(|worker| worker.room).max().unwrap_or(0);
            match pool.give(items, seed) {
                Some((_, had)) => prop_assert!(had >= items),
                None => prop_assert!(room < items, "{pool:?}"),
            }
        }
    }

    #[test]
    fn a_pool_is_filled_to_its_last_place(strategy in balancing(), workers in 1u32..20, seed: u64) {
        let mut pool = Pool::new(workers, strategy, seed);
        let given = (0..).take_while(|number| pool.give(1, *number).is_some()).count();
        prop_assert_eq!(given, workers as usize * CAPACITY);
    }

    #[test]
    fn every_worker_gets_work_again_within_a_bound_where_that_is_promised(
        strategy in prop::sample::select(&[Balancing::RoundRobin, Balancing::LeastConnections, Balancing::Weighted][..]),
        workers in 1u32..12, seed: u64, steps in prop::collection::vec(step(), 0..60), busy in 0usize..40,
    ) {
        let mut pool = Pool::new(workers, strategy, seed);
        steps.into_iter().filter(|step| !matches!(step, Step::Switch(_) | Step::Weigh(..))).for_each(|step| pool.take(step));
        let busy = busy.min(pool.under_way.len());
        while pool.under_way.len() > busy {
            pool.finish(1000, false);
        }
        let rounds = CAPACITY + 2;
        let mut unserved: Vec<_> = pool.workers.iter().filter(|worker| worker.room > 0).map(|worker| worker.slot).collect();
        for _ in 0..rounds * pool.workers.len() {
            let Some((slot, _)) = pool.give(1, seed) else { break };
            unserved.retain(|waiting| *waiting != slot);
            pool.finish(1000, false);
        }
        prop_assert!(unserved.is_empty(), "{unserved:?} of {pool:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn equal_workers_share_equal_work(
        strategy in balancing(), workers in 2u32..12, seed: u64, busy in 0usize..CAPACITY,
    ) {
        let mut pool = Pool::new(workers, strategy, seed);
        let mut picked = vec![0usize; workers as usize];
        let picks = 1000 * workers as usize;
        for number in 0..picks {
            let lane_hash = (number as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let (slot, _) = pool.give(1, lane_hash).expect("there is room");
            picked[slot as usize] += 1;
            if number >= busy {
                pool.finish(1000, false);
            }
        }
        prop_assert!(picked.iter().all(|count| 2 * count <= 3 * 1000), "{picked:?}");
    }
}
