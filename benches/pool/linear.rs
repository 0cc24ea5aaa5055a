//! Throughput by the number of workers, against platforms that take 50 ms: a worker is one send under way.

use std::time::{Duration, Instant};

use super::{AnyError, Figure, figures::median, load};

const TAKES: Duration = Duration::from_millis(50);
/// Sends of each worker in a round.
const EACH: usize = 60;
const ROUNDS: usize = 3;
/// Sends of each worker before a round.
const WARM_UP: usize = 20;

/// `linear`.
pub fn run() -> Result<Vec<Figure>, AnyError> {
    println!(
        "linear: 1 slot, sends of {TAKES:?}, {EACH} for each worker after {WARM_UP} to warm up, 8 platforms, {ROUNDS} rounds"
    );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut rates = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (workers, rates) in [1, 10, 100].into_iter().zip(&mut rates) {
            rates.push(runtime.block_on(round(workers))?);
        }
    }
    let [one, ten, hundred] = rates.map(median);
    let figure = |metric, value, unit| Figure { case: "linear".into(), metric, value, unit };
    Ok(vec![
        figure("efficiency_10_over_1", ten / one, "1"),
        figure("efficiency_100_over_1", hundred / one, "1"),
        figure("per_second_1", one, "1/s"),
    ])
}

/// Sends a second, once all workers have work.
async fn round(workers: usize) -> Result<f64, AnyError> {
    let hub = load::hub(workers, 1, TAKES).await?;
    let count = workers * EACH;
    // A platform is trusted with little at first: this is about workers, not about that.
    hub.send_all(load::notifications(WARM_UP * workers)).await?.outcomes(|_| {}).await?;
    let began = Instant::now();
    let batch = hub.send_all(load::notifications(count)).await?;
    batch.outcomes(|_| {}).await?;
    let took = began.elapsed();
    hub.shutdown(Duration::from_secs(5)).await?;
    Ok(count as f64 / took.as_secs_f64())
}
