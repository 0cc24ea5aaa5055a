//! What is done with the store now and then: what is finished and old is forgotten, a slice at a time, and what others make of
//! endpoints is looked up.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;

use crate::{clock::Clock, dispatch::Command, store::Store};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(1);

/// How often it is looked what other processes have made of endpoints.
const FOLLOW_EVERY: Duration = Duration::from_secs(30);

/// The pause between two slices: others write in between.
const PAUSE: Duration = Duration::from_millis(20);

/// Forgets what may be forgotten, until the hub ends.
pub async fn keep_small(store: Arc<dyn Store>, clock: Arc<dyn Clock>) {
    let mut wait = EVERY;
    loop {
        clock.sleep_until(clock.now() + wait).await;
        wait = match store.prune().await {
            Ok(true) => PAUSE,
            Ok(false) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "cannot forget what is finished and old, trying again");
                EVERY
            }
        };
    }
}

/// Tells the dispatcher what other processes on the store have made of endpoints, until the hub ends.
pub async fn follow_endpoints(store: Arc<dyn Store>, commands: mpsc::Sender<Command>, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep_until(clock.now() + FOLLOW_EVERY).await;
        match store.endpoints().await {
            Ok(kept) => {
                if commands.send(Command::Endpoints(kept)).await.is_err() {
                    return;
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look up what others have made of endpoints, trying again"),
        }
    }
}
