//! A platform whose latency rises with concurrency, beyond a knee that then shifts.

use std::{
    sync::atomic::AtomicUsize,
    time::{Duration, Instant},
};

use notifyhub::config::{DeliveryConfig, PoolConfig};

use super::{
    AnyError, Figure, hub,
    sink::{Manner, Sink},
};

const BASE: Duration = Duration::from_millis(50);
const KNEES: [usize; 3] = [24, 8, 40];
const FOUND_WITHIN: Duration = Duration::from_secs(30);
const SPAN: Duration = Duration::from_secs(10);

/// `latency-knee`.
pub async fn run() -> Result<Vec<Figure>, AnyError> {
    println!(
        "latency-knee: {BASE:?} for {KNEES:?} at once, one after the other, slower beyond; {SPAN:?} after {FOUND_WITHIN:?} of each"
    );
    let crowded = || Manner::Crowded { base: BASE, knee: AtomicUsize::new(KNEES[0]) };
    let (bare, sink) = (Sink::start([("k".to_owned(), crowded())])?, Sink::start([("k".to_owned(), crowded())])?);
    let pool = PoolConfig { min_workers: 4, ..PoolConfig::default() };
    let hub = hub::start(&sink, DeliveryConfig::default(), pool, 1_000_000).await?;
    let feeding = tokio::spawn(hub::feed(hub.clone(), "k".into(), sink.paths.clone(), 400));
    let mut ratios = Vec::new();
    for knee in KNEES {
        bare.paths["k"].shift(knee);
        sink.paths["k"].shift(knee);
        tokio::time::sleep(FOUND_WITHIN).await;
        let (before, began) = (sink.paths["k"].seen().0, Instant::now());
        tokio::time::sleep(SPAN).await;
        let done = (sink.paths["k"].seen().0 - before) as f64 / began.elapsed().as_secs_f64();
        let mut best = 0.0_f64;
        for concurrency in [knee * 3 / 4, knee, knee + 1, knee * 5 / 4] {
            best = best.max(fixed(&bare, concurrency).await?);
        }
        let limit = hub.lanes().list().await?.first().map_or(0, |lane| lane.limit);
        println!("latency-knee: knee {knee}: {done:.0} a second under a limit of {limit}, at best {best:.0}");
        ratios.push(done / best);
    }
    feeding.abort();
    let _ = hub.shutdown(Duration::ZERO).await;
    let figure = |metric, value| Figure { case: "latency-knee".into(), metric, value, unit: "1" };
    let after = ratios[1..].iter().copied().fold(f64::INFINITY, f64::min);
    Ok(vec![figure("goodput_ratio_to_best", ratios[0]), figure("goodput_ratio_after_shift", after)])
}

/// What a bare loop gets done per second at a fixed concurrency.
async fn fixed(sink: &Sink, concurrency: usize) -> Result<f64, AnyError> {
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty()) // the sink speaks plain HTTP
        .with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build()?;
    let url = format!("{}/k", sink.url);
    let span = SPAN / 3;
    let (mut loops, began) = (tokio::task::JoinSet::new(), Instant::now());
    for _ in 0..concurrency {
        let (client, url) = (client.clone(), url.clone());
        loops.spawn(async move {
            let mut done = 0u32;
            while began.elapsed() < span {
                client.post(&url).body("disk full on db-3").send().await?.bytes().await?;
                done += 1;
            }
            Ok::<_, reqwest::Error>(done)
        });
    }
    let mut done = 0;
    while let Some(one) = loops.join_next().await {
        done += one??;
    }
    Ok(f64::from(done) / began.elapsed().as_secs_f64())
}
