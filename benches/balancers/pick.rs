//! What one pick costs.

use std::{collections::VecDeque, hint::black_box, sync::Arc, time::Instant};

use notifyhub::{
    PlatformName,
    bench::{Batch, Candidate, balancer},
    config::{Affinity, Strategy},
};

use super::{AnyError, simulation::lane_hash};

const PICKS: u64 = 200_000;
const CAPACITY: usize = 32;

/// Nanoseconds a pick, over many picks in a pool that is half busy: what is given last but so many is finished.
///
/// Weights go from 1 to 4, and every fourth worker is specialised in another platform.
pub fn nanoseconds(strategy: Strategy, workers: usize, seed: u64) -> Result<f64, AnyError> {
    let platform: PlatformName = "ops".parse()?;
    let other = Arc::new(Affinity { platforms: ["mail".parse()?].into(), ..Affinity::default() });
    let candidate = |slot: usize| Candidate {
        slot: slot as u32,
        in_flight: 0,
        room: CAPACITY,
        weight: slot as u32 % 4 + 1,
        affinity: (slot % 4 == 3).then(|| other.clone()),
    };
    let mut pool: Vec<_> = (0..workers).map(candidate).collect();
    let mut balancer = balancer(strategy, seed);
    let mut under_way = VecDeque::with_capacity(workers * CAPACITY);
    let mut began = Instant::now();
    let warm_up = PICKS / 10;
    for number in 0..warm_up + PICKS {
        if number == warm_up {
            began = Instant::now();
        }
        let batch = Batch { items: 1, platform: &platform, kind: None, lane_hash: lane_hash(number % 64) };
        let index = balancer.pick(black_box(&pool), black_box(&batch)).ok_or("nobody has room in a pool that is half busy")?;
        pool[index].in_flight += 1;
        pool[index].room -= 1;
        under_way.push_back(index);
        if under_way.len() > workers * CAPACITY / 2 {
            let finished = under_way.pop_front().ok_or("nothing is under way")?;
            pool[finished].in_flight -= 1;
            pool[finished].room += 1;
        }
    }
    Ok(began.elapsed().as_nanos() as f64 / PICKS as f64)
}
