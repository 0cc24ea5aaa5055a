//! The same numbers as they are often kept: in a map behind one lock, which every worker takes for every send.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use notifyhub::{WorkerState, WorkerStats};
use tokio::task::JoinSet;

/// Every worker's numbers.
pub type Shared = Arc<Mutex<HashMap<u32, WorkerStats>>>;

/// Workers with so many sends under way each, all of which take so long; they end with the set. They begin with these numbers.
pub fn workers(like: Vec<WorkerStats>, slots: usize, takes: Duration) -> (Shared, JoinSet<()>) {
    let mut tasks = JoinSet::new();
    let workers: Vec<u32> = like.iter().map(|worker| worker.worker).collect();
    let shared: Shared = Arc::new(Mutex::new(like.into_iter().map(|worker| (worker.worker, worker)).collect()));
    for worker in workers {
        for _ in 0..slots {
            tasks.spawn(send(shared.clone(), worker, takes));
        }
    }
    (shared, tasks)
}

async fn send(shared: Shared, worker: u32, takes: Duration) {
    loop {
        change(&shared, worker, |numbers| {
            numbers.state = WorkerState::Processing;
            numbers.in_flight += 1;
        });
        let began = Instant::now();
        tokio::time::sleep(takes).await;
        change(&shared, worker, |numbers| {
            let took = began.elapsed().as_micros() as u64;
            numbers.in_flight -= 1;
            numbers.processed += 1;
            numbers.busy_us += took;
            numbers.average_us = (numbers.average_us * 15 + took) / 16;
            numbers.idle_ms = 0;
        });
    }
}

fn change(shared: &Shared, worker: u32, change: impl FnOnce(&mut WorkerStats)) {
    let mut all = shared.lock().expect("nobody panics with it");
    change(all.get_mut(&worker).expect("every worker is there from the start"));
}

/// The status of all workers.
pub fn list(shared: &Shared) -> Vec<WorkerStats> {
    shared.lock().expect("nobody panics with it").values().cloned().collect()
}
