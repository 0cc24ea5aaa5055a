//! Keeping the store small: what is finished and old is forgotten, a slice at a time.

use std::{sync::Arc, time::Duration};

use crate::{clock::Clock, store::Store};

/// How often it is looked for.
const EVERY: Duration = Duration::from_secs(1);

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
