//! Sending in one shot: a hub in memory that lives as long as the command does.

use std::{sync::Arc, time::Duration};

use notifyhub_platforms::Registry;

use super::{ending::Cause, input::Batch};
use crate::{
    Hub, HubError, Outcome, TargetMistake,
    cli::{Exit, Failure, exit::note, progress::Progress},
};

/// Time for what is under way when the wait is over.
const GRACE: Duration = Duration::from_secs(1);

/// How often it is looked whether too many threads are blocked.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What became of everything.
#[derive(Debug)]
pub struct Delivered {
    /// One per notification, in order; not final where the time ran out.
    pub outcomes: Vec<Arc<Outcome>>,
    /// Why it ended.
    pub cause: Cause,
}

/// Sends `batch` and waits until all is final, `wait` is over, the user has had enough, or waiting is in vain.
pub async fn deliver(
    hub: Hub,
    registry: &Registry,
    batch: Batch,
    wait: Duration,
    mut progress: Progress,
) -> Result<Delivered, Failure> {
    let Batch { notifications, lines } = batch;
    let work = async {
        let accepted = hub.send_all(notifications).await;
        let accepted = accepted.map_err(|error| refused(error, lines.as_deref(), &hub, registry))?;
        accepted.outcomes(|_| progress.advance()).await.map_err(|error| Failure::new(Exit::Bug, error.to_string()))
    };
    tokio::pin!(work);
    let cause = tokio::select! {
        // In this order, so that Ctrl-C is listened for before anything is sent.
        biased;
        () = interrupted() => Cause::Interrupted,
        outcomes = &mut work => {
            // Everything is final, so there is nothing to wait for.
            let _ = hub.shutdown(GRACE).await;
            return Ok(Delivered { outcomes: outcomes?, cause: Cause::Finished });
        }
        () = exhausted(&hub) => Cause::Exhausted,
        () = tokio::time::sleep(wait) => Cause::WaitOver,
    };
    // What is under way and does not end in the grace counts as unfinished; the rows say so.
    let (outcomes, _) = tokio::join!(work, hub.shutdown(GRACE));
    Ok(Delivered { outcomes: outcomes?, cause })
}

/// Ends when adapters block so many threads for good that waiting is in vain: only a new process gets them back.
async fn exhausted(hub: &Hub) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let health = hub.health();
        if health.exhausted {
            return note(&format!("error: too many threads are blocked: {}", health.reasons.join("; ")));
        }
    }
}

async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Nobody can interrupt us then.
        std::future::pending::<()>().await;
    }
}

/// A mistake in a URL says itself what is expected.
fn names_no_url(mistake: &TargetMistake) -> bool {
    !mistake.target.contains("://")
}

/// Nothing was accepted.
pub fn refused(error: HubError, lines: Option<&[usize]>, hub: &Hub, registry: &Registry) -> Failure {
    let (line, error) = match error {
        HubError::InBatch { index, error } => (lines.and_then(|lines| lines.get(index)), *error),
        other => (None, other),
    };
    let exit = match error {
        HubError::Store(_) => Exit::Unfinished,
        _ => Exit::BadInput,
    };
    let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let hint = match error {
        HubError::Targets(ref mistakes) if hub.platforms().is_empty() && mistakes.iter().any(names_no_url) => {
            let schemes = registry.kinds().flat_map(|kind| registry.schemes(kind)).map(|scheme| format!("{scheme}://"));
            format!("; without a configuration a target is a URL: {}", schemes.collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    };
    Failure::new(exit, format!("{place}{error}{hint}"))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use async_trait::async_trait;
    use notifyhub_platforms::{
        Platform,
        contract::{Capabilities, Envelope, Receipt, SendError},
    };

    use super::*;
    use crate::{Notification, cli::planes::Planes, config::PoolConfig};

    /// Holds its thread until it is let go.
    struct Stone(std::sync::Mutex<mpsc::Receiver<()>>);

    #[async_trait]
    impl Platform for Stone {
        fn capabilities(&self) -> Capabilities {
            Capabilities::default()
        }

        async fn send(&self, _envelope: &Envelope) -> Result<Receipt, SendError> {
            let _ = self.0.lock().expect("one send").recv();
            Ok(Receipt::accepted())
        }

        async fn check(&self) -> Result<(), SendError> {
            Ok(())
        }
    }

    #[test]
    fn what_adapters_block_for_good_is_given_up_and_told_as_unfinished() {
        let pool = PoolConfig { threads: 1, health_check_interval: Duration::from_millis(100), ..PoolConfig::default() };
        let planes = Planes::new(&pool).expect("threads");
        let (let_go, held) = mpsc::channel();
        let stone = Stone(std::sync::Mutex::new(held));
        let delivered = planes.block_on(async {
            let builder = Hub::builder().pool(pool).platform("stone", stone).delivery_runtime(planes.delivery());
            let hub = builder.start().await.expect("starts");
            let batch = Batch { notifications: vec![Notification::text("b").to("stone")], lines: None };
            deliver(hub, &Registry::empty(), batch, Duration::from_secs(60), Progress::new(1, true)).await.expect("outcomes")
        });
        assert_eq!(delivered.cause, Cause::Exhausted);
        assert!(!delivered.outcomes[0].is_final(), "the row is there, and says that it is not finished");
        drop(let_go);
    }
}
