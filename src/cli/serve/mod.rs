//! `notifyhub serve`: delivers what is in the configured store, until it is told to stop.
//!
//! | file | what it holds |
//! |---|---|
//! | `intake` | `--from`: notifications that come in as lines |
//!
//! The first SIGTERM or Ctrl-C drains: nothing more is claimed, what is under way may finish. The second ends at once: what
//! was under way is taken up by the next start.

mod intake;

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{Context, Exit, Failure, exit::note, listeners::Listeners, planes::Planes};
use crate::{Hub, HubBuilder, config::duration};

/// How often it is looked whether the store or too many threads have failed for good.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Deliver what is in the store, until told to stop
#[derive(Debug, Args)]
#[command(after_help = "\
The first SIGTERM or Ctrl-C drains, the second ends at once. Exit codes: 0 stopped as told; 70 adapters block too many \
threads for good; 74 the store's disk failed. Both of these ask for a restart.")]
pub struct Serve {
    /// How long what is under way may take to finish when told to stop
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = duration::parse)]
    grace: Duration,
    /// Take notifications in meanwhile: one in JSON per line, `-` for stdin; each is answered on stdout once it is kept
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// End once there is nothing left to do
    #[arg(long)]
    until_empty: bool,
}

/// Why it ends.
enum Cause {
    Told,
    Empty,
    Exhausted(String),
    Broken(String),
    Unreadable(String),
}

impl Serve {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let loaded = context.load()?;
        let planes = Planes::new(&loaded.config.pool)?;
        planes.block_on(async {
            let mut signals = Signals::new()?;
            let listeners = Listeners::bind(&loaded, true).await?;
            let builder = HubBuilder::from_sources(&context.sources(), context.registry.clone())?;
            let hub = builder.delivery_runtime(planes.delivery()).start().await?;
            let cause = tokio::select! {
                biased;
                () = signals.next() => Cause::Told,
                cause = failed(&hub) => cause,
                cause = self.work(&hub) => cause,
                never = listeners.answer(Some(hub.clone())) => match never {},
            };
            self.end(hub, cause, &mut signals).await
        })
    }

    /// Takes in what comes, and ends when nothing is left to do, if that is wanted.
    async fn work(&self, hub: &Hub) -> Cause {
        if let Some(path) = &self.from
            && let Err(error) = intake::take_in(hub, path).await
        {
            return Cause::Unreadable(format!("cannot go on with {}: {error}", path.display()));
        }
        if !self.until_empty {
            std::future::pending::<()>().await;
        }
        loop {
            let tasks = hub.stats().tasks;
            if tasks.waiting + tasks.leased == 0 {
                return Cause::Empty;
            }
            tokio::time::sleep(LOOK_EVERY / 10).await;
        }
    }

    async fn end(&self, hub: Hub, cause: Cause, signals: &mut Signals) -> Result<Exit, Failure> {
        let exit = match &cause {
            Cause::Told => {
                tracing::info!("told to stop: finishing what is under way, for {} at most", duration::written(self.grace));
                Exit::Done
            }
            Cause::Empty => {
                tracing::info!("nothing is left to do");
                Exit::Done
            }
            Cause::Unreadable(reason) => {
                note(&format!("error: {reason}"));
                Exit::BadInput
            }
            Cause::Exhausted(reasons) => {
                note(&format!("error: too many threads are blocked: {reasons}"));
                Exit::Bug
            }
            Cause::Broken(reason) => {
                note(&format!("error: {reason}"));
                return Ok(Exit::Disk);
            }
        };
        tokio::select! {
            biased;
            ended = hub.shutdown(self.grace) => if let Err(error) = ended {
                tracing::warn!("{error}; the next start takes them up again");
            },
            () = signals.next() => tracing::warn!("told to stop again: ending at once; the next start takes up what was under way"),
        }
        Ok(exit)
    }
}

/// Ends when the hub can do its work no more.
async fn failed(hub: &Hub) -> Cause {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Some(error) = hub.broken() {
            return Cause::Broken(error.to_string());
        }
        let health = hub.health();
        if health.exhausted {
            return Cause::Exhausted(health.reasons.join("; "));
        }
    }
}

/// What asks a service to stop.
struct Signals {
    #[cfg(unix)]
    term: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(|error| Failure::new(Exit::Bug, format!("cannot listen for signals: {error}")));
        Ok(Self { term: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    #[cfg(not(unix))]
    fn new() -> Result<Self, Failure> {
        Ok(Self {})
    }

    /// The next one.
    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
