//! Reading what all workers show while they work, and the same numbers behind a lock.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use super::{AnyError, Figure, load, naive, percentile};

const WORKERS: usize = 100;
const SLOTS: usize = 4;
const TAKES: Duration = Duration::from_millis(20);
const SAMPLES: usize = 5_000;

/// `status`, its baseline, and `stats`.
pub fn run() -> Result<Vec<Figure>, AnyError> {
    println!(
        "status: {WORKERS} workers, {SLOTS} slots, sends of {TAKES:?}, {SAMPLES} readings from a thread of its own, every 100 us"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let hub = runtime.block_on(load::hub(WORKERS, SLOTS, TAKES))?;
    let feeding = runtime.spawn(load::feed(hub.clone(), 2_000));
    std::thread::sleep(Duration::from_millis(500));
    let mut status = sample(|| assert_eq!(black_box(hub.workers().list()).len(), WORKERS));
    let mut stats = sample(|| assert_eq!(black_box(hub.stats()).workers.len(), WORKERS));
    let like = hub.workers().list();
    let done = hub.stats().workers.iter().map(|worker| worker.processed).sum::<u64>();
    feeding.abort();
    runtime.block_on(hub.shutdown(Duration::from_secs(5)))?;
    let (shared, tasks) = runtime.block_on(async { naive::workers(like, SLOTS, TAKES) });
    std::thread::sleep(Duration::from_millis(500));
    let mut locked = sample(|| assert_eq!(black_box(naive::list(&shared)).len(), WORKERS));
    drop(tasks);
    println!("status: {done} sends by then");
    let figure = |case: &str, metric, value| Figure { case: case.into(), metric, value, unit: "ns" };
    let workers = WORKERS as f64;
    Ok(vec![
        figure("status", "ns_per_worker", percentile(&mut status, 50) / workers),
        figure("status", "ns_per_worker_p99", percentile(&mut status, 99) / workers),
        figure("status", "ns_per_worker_max", percentile(&mut status, 100) / workers),
        figure("status-lock-baseline", "ns_per_worker", percentile(&mut locked, 50) / workers),
        figure("status-lock-baseline", "ns_per_worker_p99", percentile(&mut locked, 99) / workers),
        figure("status-lock-baseline", "ns_per_worker_max", percentile(&mut locked, 100) / workers),
        figure("stats", "ns", percentile(&mut stats, 50)),
    ])
}

/// How long it took each time, in nanoseconds.
fn sample(read: impl Fn()) -> Vec<f64> {
    (0..SAMPLES)
        .map(|_| {
            std::thread::sleep(Duration::from_micros(100));
            let began = Instant::now();
            read();
            began.elapsed().as_nanos() as f64
        })
        .collect()
}
