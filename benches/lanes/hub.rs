//! A hub whose platforms are webhooks to the sink's paths.

use std::sync::Arc;

use notifyhub::{
    Hub, HubBuilder, Notification,
    config::{Config, DeliveryConfig, PlatformConfig, PoolConfig},
    store::{MemoryLimits, MemoryStore},
};
use serde_json::json;

use super::{AnyError, sink::Sink};

/// A webhook per path, all with these settings, and room for so many notifications.
pub async fn start(sink: &Sink, delivery: DeliveryConfig, pool: PoolConfig, room: usize) -> Result<Hub, AnyError> {
    let mut config = Config { pool, ..Config::default() };
    for path in sink.paths.keys() {
        let settings = json!({"url": format!("{}/{path}", sink.url), "allow_http": true, "allow_private_networks": true});
        let platform = PlatformConfig { kind: "webhook".into(), recipient: None, delivery: delivery.clone(), settings };
        config.platforms.insert(path.parse()?, platform);
    }
    let limits = MemoryLimits { waiting_max: room as u64, ..MemoryLimits::default() };
    let store = MemoryStore::new(limits, Arc::new(notifyhub::clock::SystemClock));
    let hub: HubBuilder = Hub::builder().config(config).store(Arc::new(store)).seed(1);
    Ok(hub.start().await?)
}

/// Notifications for one platform.
pub fn to(platform: &str, count: usize) -> Vec<Notification> {
    (0..count).map(|_| Notification::text("disk full on db-3").to(platform)).collect()
}

/// Keeps at least `waiting` notifications waiting for a platform, for ever.
pub async fn feed(hub: Hub, platform: String, path: Arc<std::collections::HashMap<String, super::sink::Path>>, waiting: u64) {
    let mut sent = 0;
    loop {
        let done = path[&platform].seen().0;
        if sent < done + waiting {
            let more = (done + waiting - sent).max(waiting / 4);
            // A hub that shuts down takes no more.
            if hub.send_all(to(&platform, more as usize)).await.is_err() {
                return;
            }
            sent += more;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
