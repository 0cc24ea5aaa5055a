//! From one worker to a hundred while work waits: until every one of them has taken some.

use std::time::{Duration, Instant};

use super::{AnyError, Figure, load, percentile};

const WORKERS: usize = 100;
const SLOTS: usize = 4;
const TAKES: Duration = Duration::from_millis(20);
const ROUNDS: usize = 15;
/// Sends before a round.
const WARM_UP: usize = 8_000;

/// `scale`.
pub fn run() -> Result<Vec<Figure>, AnyError> {
    println!(
        "scale: max_workers {WORKERS}, {SLOTS} slots, max_in_flight 1000, sends of {TAKES:?}, 20,000 waiting, {WARM_UP} sent before, {ROUNDS} rounds"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(runtime.block_on(round())?);
    }
    let figure = |metric, value| Figure { case: "scale".into(), metric, value, unit: "ms" };
    Ok(vec![figure("ms_1_to_100", percentile(&mut times, 50)), figure("ms_1_to_100_worst", percentile(&mut times, 100))])
}

async fn round() -> Result<f64, AnyError> {
    // A platform is trusted with little at first: this is about workers, not about that.
    let hub = load::hub(WORKERS, SLOTS, TAKES).await?;
    hub.send_all(load::notifications(WARM_UP)).await?.outcomes(|_| {}).await?;
    hub.workers().scale_to(1).await?;
    while hub.workers().list().len() > 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    hub.send_all(load::notifications(20_000)).await?;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    let (scaled, watched) = (hub.clone(), hub.clone());
    let scaling = tokio::spawn(async move { scaled.workers().scale_to(WORKERS).await });
    let watching = tokio::task::spawn_blocking(move || {
        loop {
            let working = watched.workers().list().iter().filter(|worker| worker.current_task.is_some()).count();
            if working >= WORKERS {
                return began.elapsed();
            }
            std::thread::sleep(Duration::from_micros(100));
        }
    });
    let took = watching.await?;
    scaling.await??;
    // What still waits goes back to the store, and with it away.
    hub.shutdown(Duration::from_secs(5)).await?;
    Ok(took.as_secs_f64() * 1000.0)
}
