//! A connection that listens to the other nodes. What it hears is a hint; what is true is in the tables, and looked for.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio_postgres::AsyncMessage;

use super::{connect::Way, core::Core, life::CHANNEL};

/// Wait before another connection is made.
const RETRY: Duration = Duration::from_secs(2);

/// Listens until it is dropped.
pub async fn listen(core: Arc<Core>, way: Way) {
    let mut missed = false;
    loop {
        if let Err(error) = until_lost(&core, &way, missed).await {
            tracing::debug!(%error, "cannot listen to the other nodes; looking for what they leave");
        }
        missed = true;
        core.pause(RETRY).await;
    }
}

async fn until_lost(core: &Core, way: &Way, missed: bool) -> Result<(), tokio_postgres::Error> {
    let (client, mut connection) = way.config.connect(way.tls.clone()).await?;
    let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
    let statement = format!("LISTEN {CHANNEL}");
    let mut listening = pin!(client.batch_execute(&statement));
    let mut begun = false;
    loop {
        tokio::select! {
            biased;
            began = &mut listening, if !begun => {
                began?;
                begun = true;
                if missed {
                    core.ring();
                }
            }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(_))) => core.ring(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
        }
    }
}
