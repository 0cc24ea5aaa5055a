//! A hundred platforms, one of which never answers or is a hundred times as slow: what the other 99 feel of it.

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

/// A hundred times as long as a platform that answers at once takes here, in the crowd of this bench.
const SLOW: Duration = Duration::from_millis(100);

/// What the one platform is like.
#[derive(Clone, Copy)]
enum One {
    Quick,
    Dead,
    Slow,
}

/// `one-dead-of-100`, `one-slow-of-100`.
pub async fn run() -> Result<Vec<Figure>, AnyError> {
    println!(
        "one-dead-of-100, one-slow-of-100 ({SLOW:?}): {PER_SECOND} a second over {PLATFORMS} webhooks for {SPAN:?}, then {EACH} for each at once; {ROUNDS} rounds of each kind"
    );
    let (mut p99, mut rates) = ([const { Vec::new() }; 3], [const { Vec::new() }; 3]);
    for _ in 0..ROUNDS {
        for (kind, one) in [One::Quick, One::Dead, One::Slow].into_iter().enumerate() {
            let (latency, rate) = round(one).await?;
            p99[kind].push(latency);
            rates[kind].push(rate);
        }
    }
    let (p99, rates) = (p99.map(median), rates.map(median));
    let mut figures = Vec::new();
    for (kind, case) in [(1, "one-dead-of-100"), (2, "one-slow-of-100")] {
        let figure = |metric, value, unit| Figure { case: case.into(), metric, value, unit };
        figures.push(figure("p99_ratio", p99[kind] / p99[0], "1"));
        figures.push(figure("throughput_ratio", rates[kind] / rates[0], "1"));
        figures.push(figure("p99_ms", p99[kind] * 1000.0, "ms"));
    }
    Ok(figures)
}

/// The 99th percentile from `deliver` to the outcome at a steady rate, in seconds, and deliveries per second at full load; of
/// the other 99.
async fn round(one: One) -> Result<(f64, f64), AnyError> {
    let manner = |number| match one {
        One::Dead if number == 0 => Manner::Dead,
        One::Slow if number == 0 => Manner::Slow(SLOW),
        _ => Manner::Quick,
    };
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
