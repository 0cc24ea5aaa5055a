//! Passes the hub's metrics on, once a second.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{clock::Clock, dispatch::Command, telemetry::Publisher};

/// How often metrics are published. Nothing waits for it.
const PUBLISH_EVERY: Duration = Duration::from_secs(1);

/// Publishes until it is dropped, and then a last time.
pub async fn publish(mut publisher: Publisher, commands: mpsc::Sender<Command>, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep_until(clock.now() + PUBLISH_EVERY).await;
        publisher.publish();
        // Answered on the board, by the next time. A dispatcher that is too busy to be asked is asked again then.
        let _ = commands.try_send(Command::ShowLanes);
    }
}
