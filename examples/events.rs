//! Everything that happens in a hub, as it happens: `cargo run --example events`.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use notifyhub::{
    Hub, Notification,
    config::{Backoff, DeliveryConfig},
    event::EventKind,
    platforms::contract::SendError,
    testing::FakePlatform,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let platform = FakePlatform::new();
    platform.push(SendError::unavailable("down for repair"));
    platform.push(SendError::rate_limited("slow down").with_retry_after(Some(Duration::from_millis(100))));
    let backoff = Backoff { initial: Duration::from_millis(100), ..Backoff::default() };
    let delivery = DeliveryConfig { backoff, ..DeliveryConfig::default() };
    let hub = Hub::builder().platform_with("ops", Arc::new(platform), delivery).start().await?;

    let mut events = hub.subscribe();
    hub.send(Notification::text("disk full").to("ops:#alerts").correlation_id("order-7")).await?;

    let mut stdout = io::stdout();
    while let Some(event) = events.next().await {
        let event = event?;
        let about = event.correlation_id.as_ref().map(ToString::to_string).unwrap_or_default();
        write!(stdout, "{} {about:<8} ", event.number)?;
        match &event.kind {
            EventKind::Accepted { tasks, .. } => writeln!(stdout, "accepted, {tasks} target(s)")?,
            EventKind::Retrying { platform, attempt, error, .. } => {
                writeln!(stdout, "attempt {attempt} on {platform} failed, will be tried again: {error}")?;
            }
            EventKind::LaneParked { lane, wait } => writeln!(stdout, "{lane} rests for {wait:?}")?,
            EventKind::Delivered { platform, attempt, .. } => {
                writeln!(stdout, "delivered to {platform} by attempt {attempt}")?;
                break;
            }
            other => writeln!(stdout, "{other:?}")?,
        }
    }
    hub.shutdown(Duration::from_secs(10)).await?;
    Ok(())
}
