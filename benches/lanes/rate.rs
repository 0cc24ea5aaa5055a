//! Platforms with a limit nobody told: what gets through it, and what is refused.

use std::{num::NonZeroU32, time::Duration};

use notifyhub::config::{DeliveryConfig, PoolConfig, RateWindow};

use super::{
    AnyError, Figure, hub,
    sink::{Manner, Sink},
};

const LIMITS: [u32; 3] = [5, 50, 500];
const WARM_UP: Duration = Duration::from_secs(60);
const SPAN: Duration = Duration::from_secs(40);

/// `learned-rate/R`, all at once, and beside them `told-rate/R`.
pub async fn run() -> Result<Vec<Figure>, AnyError> {
    println!(
        "learned-rate: limits of {LIMITS:?} requests per second, 429 with Retry-After: 1 beyond; {SPAN:?} after {WARM_UP:?}"
    );
    let mut figures = measure("learned-rate", &LIMITS, DeliveryConfig::default(), WARM_UP, SPAN).await?;
    for allows in LIMITS {
        let count = NonZeroU32::new(allows).expect("a limit is not zero");
        let rate_limit = vec![RateWindow { count, per: Duration::from_secs(1), burst: NonZeroU32::MIN }];
        let delivery = DeliveryConfig { rate_limit, ..DeliveryConfig::default() };
        figures.extend(measure("told-rate", &[allows], delivery, Duration::ZERO, Duration::from_secs(20)).await?);
    }
    Ok(figures)
}

async fn measure(
    case: &str,
    limits: &[u32],
    delivery: DeliveryConfig,
    warm_up: Duration,
    span: Duration,
) -> Result<Vec<Figure>, AnyError> {
    let sink = Sink::start(limits.iter().map(|allows| (format!("r{allows}"), Manner::Limited(*allows))))?;
    let hub = hub::start(&sink, delivery, PoolConfig::default(), 1_000_000).await?;
    let mut feeding = tokio::task::JoinSet::new();
    for allows in limits {
        feeding.spawn(hub::feed(hub.clone(), format!("r{allows}"), sink.paths.clone(), u64::from(2 * allows) + 100));
    }
    tokio::time::sleep(warm_up).await;
    let before: Vec<_> = limits.iter().map(|allows| sink.paths[&format!("r{allows}")].seen()).collect();
    tokio::time::sleep(span).await;
    let mut figures = Vec::new();
    for (allows, before) in limits.iter().zip(before) {
        let after = sink.paths[&format!("r{allows}")].seen();
        let (accepted, refused) = ((after.0 - before.0) as f64, (after.1 - before.1) as f64);
        let reached = 100.0 * accepted / span.as_secs_f64() / f64::from(*allows);
        let figure = |metric, value| Figure { case: format!("{case}/{allows}"), metric, value, unit: "%" };
        figures.push(figure("reached_percent", reached));
        figures.push(figure("refused_percent", 100.0 * refused / (accepted + refused)));
    }
    feeding.abort_all();
    let _ = hub.shutdown(Duration::ZERO).await;
    Ok(figures)
}
