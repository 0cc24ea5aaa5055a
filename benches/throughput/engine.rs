//! The engine with everything on: a store, webhook adapter, retries, every attempt on record, events, counters.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use notifyhub::{
    Hub, Notification,
    config::{Config, DeliveryConfig, PlatformConfig, PoolConfig, SecretSource, StoreConfig, StoreKind},
};
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{AnyError, POSTGRES, SENDER_CORE, machine, memory, note, postgres};

/// Which store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// In memory.
    Memory,
    /// On disk, synced.
    Sqlite,
    /// In PostgreSQL, synced.
    Postgres,
}

/// A hub, and the folder its file lies in: beside the build, so on a real disk.
async fn hub(keeps: Keeps, url: &str, in_flight: usize) -> Result<(Hub, TempDir), AnyError> {
    let folder = TempDir::new_in(std::env::current_exe()?.parent().ok_or("no folder")?)?;
    let pool = PoolConfig { slots: in_flight.max(64), ..PoolConfig::default() };
    let delivery = DeliveryConfig { max_in_flight: in_flight.max(64), ..DeliveryConfig::default() };
    let settings = json!({"url": url, "allow_http": true, "allow_private_networks": true});
    let hook = PlatformConfig { kind: "webhook".into(), recipient: None, delivery, settings };
    let kind = match keeps {
        Keeps::Memory => StoreKind::Memory,
        Keeps::Sqlite => StoreKind::Sqlite,
        Keeps::Postgres => StoreKind::Postgres,
    };
    let database = match keeps {
        Keeps::Postgres => Some(SecretSource::inline(&postgres::database(&std::env::var(POSTGRES)?).await?)),
        Keeps::Memory | Keeps::Sqlite => None,
    };
    let store = StoreConfig { kind, url: database, path: folder.path().join("notifyhub.db"), ..StoreConfig::default() };
    let config = Config { pool, store, platforms: [("hook".parse()?, hook)].into(), ..Config::default() };
    Ok((Hub::builder().config(config).start().await?, folder))
}

/// `in_flight` callers, each sending and waiting for the settled outcome, over and over.
pub async fn run(keeps: Keeps, url: &str, in_flight: usize, count: usize) -> Result<(Duration, Duration), AnyError> {
    let (hub, _folder) = hub(keeps, url, in_flight).await?;
    // Threads made before it run where there is room: that of the store, beside the sink.
    machine::pin_to(SENDER_CORE)?;
    let target: Arc<str> = "hook".into();
    deliver(&hub, &target, in_flight, in_flight * 20).await?;
    let (began, cpu) = (Instant::now(), machine::cpu_time()?);
    deliver(&hub, &target, in_flight, count).await?;
    let measured = (began.elapsed(), machine::cpu_time()?.saturating_sub(cpu));
    hub.shutdown(Duration::from_secs(5)).await?;
    Ok(measured)
}

async fn deliver(hub: &Hub, target: &Arc<str>, in_flight: usize, count: usize) -> Result<(), AnyError> {
    let remaining = Arc::new(AtomicUsize::new(count));
    let mut callers = JoinSet::new();
    for _ in 0..in_flight {
        let (hub, target, remaining) = (hub.clone(), target.clone(), remaining.clone());
        callers.spawn(async move {
            while let Ok(number) = remaining.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) {
                let outcome = hub.deliver(Notification::text(note::text(number)).to(target.clone())).await?;
                assert!(outcome.all_delivered(), "{outcome:?}");
            }
            Ok::<_, AnyError>(())
        });
    }
    while let Some(ended) = callers.join_next().await {
        ended??;
    }
    Ok(())
}

/// Resident memory with `count` distinct notifications waiting for their time.
pub async fn waiting(url: &str, count: usize) -> Result<f64, AnyError> {
    let (hub, _folder) = hub(Keeps::Memory, url, 64).await?;
    let target: Arc<str> = "hook".into();
    let later = SystemTime::now() + Duration::from_secs(3600);
    for number in 0..count {
        hub.send(Notification::text(note::text(number)).to(target.clone()).not_before(later)).await?;
    }
    assert_eq!(hub.stats().tasks.waiting, count as u64);
    memory::rss_mib()
}
