//! A hub that works: platforms that take a while, and a caller who always has more for them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use notifyhub::{
    Hub, Notification,
    config::{DeliveryConfig, PoolConfig},
    platforms::{
        Platform,
        contract::{Capabilities, Envelope, Receipt, SendError},
    },
};

use super::AnyError;

/// Platforms the work is spread over: one lane alone may not use all slots.
const PLATFORMS: usize = 8;

/// Accepts everything after a while.
struct After(Duration);

#[async_trait]
impl Platform for After {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, _envelope: &Envelope) -> Result<Receipt, SendError> {
        tokio::time::sleep(self.0).await;
        Ok(Receipt::accepted())
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

/// A hub with so many workers of so many slots, whose platforms take so long; a hundred workers are allowed.
pub async fn hub(workers: usize, slots: usize, takes: Duration) -> Result<Hub, AnyError> {
    let pool = PoolConfig { min_workers: workers, max_workers: 100, slots, batch_size: 1, ..PoolConfig::default() };
    let delivery = DeliveryConfig { max_in_flight: 1_000, ..DeliveryConfig::default() };
    let mut builder = Hub::builder().pool(pool).seed(1);
    for number in 0..PLATFORMS {
        builder = builder.platform_with(format!("p{number}"), Arc::new(After(takes)), delivery.clone());
    }
    let hub = builder.start().await?;
    hub.workers().scale_to(workers).await?;
    while hub.workers().list().len() < workers {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(hub)
}

/// Notifications to all platforms in turn.
pub fn notifications(count: usize) -> impl Iterator<Item = Notification> {
    (0..count).map(|number| Notification::text("b").to(format!("p{}", number % PLATFORMS)))
}

/// Keeps at least `waiting` notifications waiting, until it is dropped.
pub async fn feed(hub: Hub, waiting: u64) -> Result<(), AnyError> {
    loop {
        if hub.stats().tasks.waiting < waiting {
            hub.send_all(notifications(200)).await?;
        } else {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
