//! The same numbers as they are often kept: in a map behind one lock, which every worker takes for every send.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

/// One worker's numbers.
#[derive(Debug, Clone)]
pub struct Numbers {
    pub state: &'static str,
    pub in_flight: u64,
    pub processed: u64,
    pub average_us: u64,
    pub last_activity: Instant,
    pub current: Option<u128>,
}

/// Every worker's numbers.
pub type Shared = Arc<Mutex<HashMap<u32, Numbers>>>;

/// Workers with so many sends under way each, all of which take so long; they end with the set.
pub fn workers(workers: u32, slots: u32, takes: Duration) -> (Shared, JoinSet<()>) {
    let (shared, mut tasks) = (Shared::default(), JoinSet::new());
    for worker in 0..workers {
        for slot in 0..slots {
            tasks.spawn(send(shared.clone(), worker, slot, takes));
        }
    }
    (shared, tasks)
}

async fn send(shared: Shared, worker: u32, slot: u32, takes: Duration) {
    loop {
        change(&shared, worker, |numbers| {
            numbers.state = "processing";
            numbers.in_flight += 1;
            numbers.current = Some(u128::from(slot));
        });
        let began = Instant::now();
        tokio::time::sleep(takes).await;
        change(&shared, worker, |numbers| {
            let took = began.elapsed().as_micros() as u64;
            numbers.in_flight -= 1;
            numbers.processed += 1;
            numbers.average_us = (numbers.average_us * 15 + took) / 16;
            numbers.last_activity = Instant::now();
        });
    }
}

fn change(shared: &Shared, worker: u32, change: impl FnOnce(&mut Numbers)) {
    let mut all = shared.lock().expect("nobody panics with it");
    change(all.entry(worker).or_insert_with(|| Numbers {
        state: "idle",
        in_flight: 0,
        processed: 0,
        average_us: 0,
        last_activity: Instant::now(),
        current: None,
    }));
}

/// The status of all workers.
pub fn list(shared: &Shared) -> Vec<Numbers> {
    shared.lock().expect("nobody panics with it").values().cloned().collect()
}
