//! A hundred platforms, one of which never answers: what the other 99 feel of it.

use std::time::{Duration, Instant};

use notifyhub::{
    Notification,
    config::{DeliveryConfig, PoolConfig},
};
use tokio::task::JoinSet;

use super::{
    AnyError, Figure,
    figures::median,
    hub,
    sink::{Manner, Sink},
};

const PLATFORMS: usize = 100;
const PER_SECOND: u64 = 1_000;
const SPAN: Duration = Duration::from_secs(6);
const EACH: usize = 300;
const ROUNDS: usize = 5;

/// `one-dead-of-100`.
pub async fn run() -> Result<Vec<Figure>, AnyError> {
    println!(
        "one-dead-of-100: {PER_SECOND} a second over {PLATFORMS} webhooks for {SPAN:?}, then {EACH} for each at once; {ROUNDS} rounds of each kind"
    );
    let (mut p99, mut rates) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..ROUNDS {
        for dead in [0, 1] {
            let (latency, rate) = round(dead == 1).await?;
            p99[dead].push(latency);
            rates[dead].push(rate);
        }
    }
    let [p99_without, p99_with] = p99.map(median);
    let [rate_without, rate_with] = rates.map(median);
    let figure = |metric, value, unit| Figure { case: "one-dead-of-100".into(), metric, value, unit };
    Ok(vec![
        figure("p99_ratio", p99_with / p99_without, "1"),
        figure("throughput_ratio", rate_with / rate_without, "1"),
        figure("p99_ms", p99_with * 1000.0, "ms"),
    ])
}

/// The 99th percentile from `deliver` to the outcome at a steady rate, in seconds, and deliveries per second at full load; of
/// the other 99.
async fn round(dead: bool) -> Result<(f64, f64), AnyError> {
    let manner = |number| if dead && number == 0 { Manner::Dead } else { Manner::Quick };
    let sink = Sink::start((0..PLATFORMS).map(|number| (format!("p{number}"), manner(number))))?;
    let hub = hub::start(&sink, DeliveryConfig::default(), PoolConfig::default(), 1_000_000).await?;
    let (mut deliveries, mut ticks) = (JoinSet::new(), tokio::time::interval(Duration::from_millis(10)));
    let start = Instant::now();
    let mut sent = 0;
    while start.elapsed() < SPAN {
        ticks.tick().await;
        while sent < (start.elapsed().as_secs_f64() * PER_SECOND as f64) as usize {
            let (hub, number) = (hub.clone(), sent % PLATFORMS);
            sent += 1;
            let notification = Notification::text("disk full on db-3").to(format!("p{number}"));
            if number == 0 {
                hub.send(notification).await?;
                continue;
            }
            deliveries.spawn(async move {
                let began = Instant::now();
                let delivered = hub.deliver(notification).await.is_ok_and(|outcome| outcome.all_delivered());
                delivered.then(|| began.elapsed().as_secs_f64())
            });
        }
    }
    let mut latencies = Vec::new();
    while let Some(latency) = deliveries.join_next().await {
        latencies.push(latency?.ok_or("a delivery to a platform that works failed")?);
    }
    latencies.sort_by(f64::total_cmp);
    let p99 = latencies[latencies.len() * 99 / 100];
    hub.send_all(hub::to("p0", EACH)).await?;
    let others = (0..EACH).flat_map(|_| (1..PLATFORMS).map(|number| Notification::text("x").to(format!("p{number}"))));
    let others: Vec<_> = others.collect();
    let (count, began) = (others.len(), Instant::now());
    hub.send_all(others).await?.outcomes(|_| ()).await?;
    let rate = count as f64 / began.elapsed().as_secs_f64();
    // What the dead platform holds is stopped.
    let _ = hub.shutdown(Duration::ZERO).await;
    Ok((p99, rate))
}
