//! Ten thousand notifications at once, with progress, through a platform that fails now and then:
//! `cargo run --example many`.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use notifyhub::{
    Hub, Notification,
    config::{Backoff, DeliveryConfig},
    platforms::contract::SendError,
    testing::{FakePlatform, Reaction},
};

const COUNT: usize = 10_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // It fails every other time for the first thousand tries, and then recovers.
    let flaky = FakePlatform::new();
    for _ in 0..500 {
        flaky.push(SendError::unavailable("down for repair"));
        flaky.push(Reaction::accept());
    }
    let backoff = Backoff { initial: Duration::from_millis(50), max: Duration::from_secs(1), factor_permille: 2000 };
    let delivery = DeliveryConfig { backoff, ..DeliveryConfig::default() };
    let hub = Hub::builder().platform_with("flaky", Arc::new(flaky.clone()), delivery).start().await?;

    let mut stdout = io::stdout();
    let batch = hub.send_all((0..COUNT).map(|n| Notification::text(format!("notification {n}")).to("flaky"))).await?;
    let outcomes = batch
        .outcomes(|progress| {
            if progress.finished % (COUNT / 10) == 0 {
                // Nobody may be reading; that is no reason to stop.
                let _ = writeln!(io::stdout(), "{} of {} delivered", progress.delivered, progress.total);
            }
        })
        .await?;

    let retried = outcomes.iter().filter(|outcome| outcome.targets[0].attempts.len() > 1).count();
    writeln!(stdout, "{} outcomes, {retried} of them after more than one attempt", outcomes.len())?;
    writeln!(stdout, "the platform was tried {} times", flaky.sent().len())?;
    hub.shutdown(Duration::from_secs(10)).await?;
    Ok(())
}
