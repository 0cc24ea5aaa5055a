//! Cases over real sockets, each in a process of its own: what monitoring costs, and what native batches bring.

use std::{
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use notifyhub::{
    Hub, Notification,
    config::{Config, DeliveryConfig, PlatformConfig, PoolConfig, StoreConfig, StoreKind},
};
use serde_json::json;
use tokio::task::JoinSet;

use super::{AnyError, Figure, SENDER_CORE, SINK_CORE, figures::median, machine, sink::Sink};

const BODY_BYTES: usize = 256;
const PAIRS: usize = 10;
/// Runs of each kind in a pair, alternating; their median counts, because the machine has moods that last for one or two.
const PAIR_RUNS: usize = 16;
const PAIR_COUNT: usize = 20_000;
const PAIR_CALLERS: usize = 64;
const BATCH_ROUNDS: usize = 5;
const BATCH_COUNT: usize = 50_000;
/// Student's t for a one-sided bound of 95 % and nine degrees of freedom.
const T_95_OF_10: f64 = 1.833;

/// `monitoring`: the bound below which the overhead lies, by pairs that are run one after the other.
pub fn monitoring() -> Result<Vec<Figure>, AnyError> {
    println!(
        "monitoring: {PAIRS} pairs, each the median of {PAIR_RUNS} neighbouring runs of {PAIR_COUNT} webhooks of {BODY_BYTES} bytes, {PAIR_CALLERS} callers, sender on core {SENDER_CORE}, sink on core {SINK_CORE};\n  \
         watched: heartbeats every second, a subscriber, the binary's Prometheus recorder with upkeep, metrics as text and stats once a second; not watched: a heartbeat every six minutes"
    );
    let sink = Sink::start()?;
    let mut percents = Vec::new();
    for _ in 0..PAIRS {
        let mut ratios = Vec::new();
        for run in 0..PAIR_RUNS {
            // Whoever is first changes, so that a trend of the machine does not count.
            let (watched, unwatched) = if run % 2 == 0 {
                let watched = child("watched", &sink.url)?;
                (watched, child("unwatched", &sink.url)?)
            } else {
                let unwatched = child("unwatched", &sink.url)?;
                (child("watched", &sink.url)?, unwatched)
            };
            ratios.push(watched / unwatched);
        }
        let percent = (median(ratios) - 1.0) * 100.0;
        eprintln!("monitoring: {percent:+.1} %");
        percents.push(percent);
    }
    let mean = percents.iter().sum::<f64>() / PAIRS as f64;
    let variance = percents.iter().map(|percent| (percent - mean).powi(2)).sum::<f64>() / (PAIRS - 1) as f64;
    let bound = mean + T_95_OF_10 * (variance / PAIRS as f64).sqrt();
    let figure = |metric, value| Figure { case: "monitoring".into(), metric, value, unit: "%" };
    Ok(vec![figure("overhead_percent_mean", mean), figure("overhead_percent_p95", bound)])
}

/// `batch`: how many more deliveries a second batches of 10 bring.
pub fn batch() -> Result<Vec<Figure>, AnyError> {
    println!(
        "batch: {BATCH_COUNT} webhooks in JSON arrays, max_in_flight 256, {BATCH_ROUNDS} rounds, sender on core {SENDER_CORE}, sink on core {SINK_CORE}"
    );
    let sink = Sink::start()?;
    let mut gains = Vec::new();
    for _ in 0..BATCH_ROUNDS {
        let (one, ten) = (child("batch/1", &sink.url)?, child("batch/10", &sink.url)?);
        gains.push((ten / one - 1.0) * 100.0);
        eprintln!("batch: {one:.0}/s by ones, {ten:.0}/s by tens");
    }
    Ok(vec![Figure { case: "batch".into(), metric: "gain_percent_10_over_1", value: median(gains), unit: "%" }])
}

/// Runs a case in a process of its own; what it measured is the last line it prints.
fn child(case: &str, url: &str) -> Result<f64, AnyError> {
    let output = Command::new(std::env::current_exe()?).args(["--case", case, "--url", url]).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("case {case} ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.lines().last().unwrap_or_default().parse()?)
}

/// Runs one case in this process, of so many deliveries.
pub fn measure(case: &str, url: &str, count: Option<usize>) -> Result<(), AnyError> {
    machine::pin_to(SENDER_CORE)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().event_interval(512).build()?;
    let measured = runtime.block_on(async {
        match case {
            "watched" => watched(url, count.unwrap_or(PAIR_COUNT)).await,
            "unwatched" => unwatched(url, count.unwrap_or(PAIR_COUNT)).await,
            "batch/1" => batches_of(1, url).await,
            "batch/10" => batches_of(10, url).await,
            other => Err(format!("unknown case {other}").into()),
        }
    })?;
    println!("{measured}");
    Ok(())
}

async fn hub(url: &str, pool: PoolConfig, max_batch: Option<usize>) -> Result<Hub, AnyError> {
    let delivery = DeliveryConfig { max_in_flight: 256, ..DeliveryConfig::default() };
    let mut settings = json!({"url": url, "allow_http": true, "allow_private_networks": true});
    if let Some(max) = max_batch {
        settings["max_batch"] = max.into();
    }
    let hook = PlatformConfig { kind: "webhook".into(), recipient: None, delivery, settings };
    let pool = PoolConfig { min_workers: 2, max_workers: 2, slots: 256, ..pool };
    let store = StoreConfig { kind: StoreKind::Memory, ..StoreConfig::default() };
    let config = Config { pool, store, platforms: [("hook".parse()?, hook)].into(), ..Config::default() };
    Ok(Hub::builder().config(config).start().await?)
}

async fn watched(url: &str, count: usize) -> Result<f64, AnyError> {
    let recorder = notifyhub::bench::recorder();
    let upkeep = recorder.handle();
    metrics::set_global_recorder(recorder)?;
    let pool = PoolConfig { health_check_interval: Duration::from_secs(10), ..PoolConfig::default() };
    let hub = hub(url, pool, None).await?;
    let (mut events, watching) = (hub.subscribe(), hub.clone());
    let mut watchers = JoinSet::new();
    watchers.spawn(async move { while events.next().await.is_some() {} });
    watchers.spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            upkeep.run_upkeep();
            std::hint::black_box((watching.prometheus(), watching.stats()));
        }
    });
    cpu_seconds(&hub, count).await
}

async fn unwatched(url: &str, count: usize) -> Result<f64, AnyError> {
    let pool = PoolConfig { health_check_interval: Duration::from_secs(3600), ..PoolConfig::default() };
    cpu_seconds(&hub(url, pool, None).await?, count).await
}

async fn cpu_seconds(hub: &Hub, count: usize) -> Result<f64, AnyError> {
    deliver(hub, 2_000).await?;
    let before = machine::cpu_time()?;
    deliver(hub, count).await?;
    Ok(machine::cpu_time()?.saturating_sub(before).as_secs_f64())
}

async fn deliver(hub: &Hub, count: usize) -> Result<(), AnyError> {
    let remaining = Arc::new(AtomicUsize::new(count));
    let mut callers = JoinSet::new();
    for _ in 0..PAIR_CALLERS {
        let (hub, remaining) = (hub.clone(), remaining.clone());
        callers.spawn(async move {
            while remaining.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                hub.deliver(Notification::text("x".repeat(BODY_BYTES)).to("hook")).await?;
            }
            Ok::<_, AnyError>(())
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Deliveries a second of a backlog that is there at once.
async fn batches_of(size: usize, url: &str) -> Result<f64, AnyError> {
    let hub = hub(url, PoolConfig { batch_size: size, ..PoolConfig::default() }, Some(10)).await?;
    let notifications = |count| (0..count).map(|_| Notification::text("x".repeat(BODY_BYTES)).to("hook"));
    hub.send_all(notifications(2_000)).await?.outcomes(|_| {}).await?;
    let began = Instant::now();
    let outcomes = hub.send_all(notifications(BATCH_COUNT)).await?.outcomes(|_| {}).await?;
    let took = began.elapsed();
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()), "everything is delivered");
    hub.shutdown(Duration::from_secs(5)).await?;
    Ok(BATCH_COUNT as f64 / took.as_secs_f64())
}
