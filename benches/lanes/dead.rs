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
const SPAN: Duration = Duration::from_secs(3);
const EACH: usize = 600;
const ROUNDS: usize = 15;

/// A hundred times as long as a platform that answers at once takes here, in the crowd of this bench.
const SLOW: Duration = Duration::from_millis(100);

/// What the one platform is like.
#[derive(Clone, Copy)]
enum One {
    Quick,
    Dead,
    Slow,
}

/// The 99th percentile and the deliveries per second with each kind.
type Round = [(f64, f64); 3];

/// `one-dead-of-100`, `one-slow-of-100`.
pub async fn run() -> Result<Vec<Figure>, AnyError> {
    println!(
        "one-dead-of-100, one-slow-of-100 ({SLOW:?}): {PER_SECOND} a second over {PLATFORMS} webhooks for {SPAN:?}, then {EACH} for each at once; {ROUNDS} rounds of each kind"
    );
    let mut rounds = Vec::new();
    for turn in 0..ROUNDS {
        let mut of_round: Round = [(0.0, 0.0); 3];
        // Each kind is first, second and third equally often.
        for place in 0..3 {
            let kind = (turn + place) % 3;
            of_round[kind] = round([One::Quick, One::Dead, One::Slow][kind]).await?;
        }
        rounds.push(of_round);
        let shown = rounds.last().map(|round| round.map(|(p99, rate)| format!("{:.2} ms, {rate:.0}/s", p99 * 1000.0)));
        println!("without, dead, slow: {shown:?}");
    }
    // The machine is quicker in one round than in another: each is compared with itself.
    let of = |kind, what: fn(&Round, usize) -> f64| median(rounds.iter().map(|round| what(round, kind)));
    let mut figures = Vec::new();
    for (kind, case) in [(1, "one-dead-of-100"), (2, "one-slow-of-100")] {
        let figure = |metric, value, unit| Figure { case: case.into(), metric, value, unit };
        figures.push(figure("p99_ratio", of(kind, |round, kind| round[kind].0 / round[0].0), "1"));
        figures.push(figure("throughput_ratio", of(kind, |round, kind| round[kind].1 / round[0].1), "1"));
        figures.push(figure("p99_ms", of(kind, |round, kind| round[kind].0 * 1000.0), "ms"));
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
