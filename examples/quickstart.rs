//! A hub, a platform of our own, one notification and its outcome: `cargo run --example quickstart`.

use std::{
    io::{self, Write},
    time::Duration,
};

use async_trait::async_trait;
use notifyhub::{
    Hub, Notification, Priority,
    platforms::{
        Platform,
        contract::{Capabilities, Envelope, Receipt, SendError},
    },
};

/// Writes every notification to stdout.
struct Console;

#[async_trait]
impl Platform for Console {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let (to, message) = (envelope.recipient.as_deref().unwrap_or("everybody"), &envelope.message);
        let title = message.title.as_deref().unwrap_or("(no title)");
        let written = writeln!(io::stdout(), "to {to}: {title}: {}", message.body);
        written.map_err(|error| SendError::unavailable(error.to_string()))?;
        Ok(Receipt::accepted())
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hub = Hub::builder().platform("console", Console).group("oncall", ["console:ada", "console:bob"]).start().await?;

    let notification = Notification::text("disk full").title("db-3").priority(Priority::Urgent).to("@oncall");
    let accepted = hub.send(notification).await?;
    let outcome = accepted.outcome().await?;

    for target in &outcome.targets {
        writeln!(io::stdout(), "{} is {} after {} attempt(s)", target.target(), target.state, target.attempts.len())?;
    }
    hub.shutdown(Duration::from_secs(10)).await?;
    Ok(())
}
