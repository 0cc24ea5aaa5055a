//! Three times as much as can be done: what does not fit is refused, what was accepted is delivered, and the memory stays.

use std::{
    fs,
    time::{Duration, Instant},
};

use notifyhub::{
    HubError,
    config::{DeliveryConfig, PoolConfig},
};

use super::{
    AnyError, Figure, hub,
    sink::{Manner, Sink},
};

const TAKES: Duration = Duration::from_millis(20);
const AT_ONCE: usize = 16;
const SPAN: Duration = Duration::from_secs(120);
const ROOM: usize = 20_000;

/// `overload`.
pub async fn run() -> Result<Vec<Figure>, AnyError> {
    let offered = 3.0 * AT_ONCE as f64 / TAKES.as_secs_f64();
    println!("overload: {offered} a second for {SPAN:?} to a platform that does a third, room for {ROOM}");
    let busy = Manner::Busy { takes: TAKES, permits: tokio::sync::Semaphore::new(AT_ONCE) };
    let sink = Sink::start([("busy".to_owned(), busy)])?;
    let hub = hub::start(&sink, DeliveryConfig::default(), PoolConfig::default(), ROOM).await?;
    let (start, mut ticks) = (Instant::now(), tokio::time::interval(Duration::from_millis(10)));
    let (mut sent, mut accepted, mut refused, mut full_at, mut half) = (0u64, 0u64, 0u64, None, 0.0);
    while start.elapsed() < SPAN {
        ticks.tick().await;
        while sent < (start.elapsed().as_secs_f64() * offered) as u64 {
            sent += 1;
            match hub.try_send(hub::to("busy", 1).remove(0)).await {
                Ok(_) => accepted += 1,
                Err(HubError::Busy { .. }) => {
                    refused += 1;
                    full_at.get_or_insert_with(|| start.elapsed());
                }
                Err(error) => return Err(error.into()),
            }
        }
        if half == 0.0 && start.elapsed() > SPAN / 2 {
            half = rss_mib()?;
        }
    }
    let end = rss_mib()?;
    println!(
        "overload: full after {full_at:?}; {accepted} accepted, {refused} refused; {half:.1} MiB half-way, {end:.1} at the end"
    );
    while hub.stats().tasks.waiting + hub.stats().tasks.leased > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let delivered = sink.paths["busy"].seen().0;
    hub.shutdown(Duration::from_secs(5)).await?;
    let figure = |metric, value, unit| Figure { case: "overload".into(), metric, value, unit };
    Ok(vec![
        figure("rss_mib", end, "MiB"),
        figure("rss_growth_mib", end - half, "MiB"),
        figure("refused_percent", 100.0 * refused as f64 / sent as f64, "%"),
        figure("lost", accepted.saturating_sub(delivered) as f64, "1"),
    ])
}

/// What this process holds in memory, the sink and the bench included.
fn rss_mib() -> Result<f64, AnyError> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).and_then(|rest| rest.split_whitespace().next());
    Ok(kib.ok_or("no VmRSS")?.parse::<f64>()? / 1024.0)
}
