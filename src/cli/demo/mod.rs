//! `notifyhub demo`: ten thousand notifications to platforms that misbehave, and a count at the far end.
//!
//! Everything runs in this process and on loopback; nothing is configured, nothing is left behind. The platforms are
//! made and sent to as any user's are; the sink answers with 503, 429, late, or not at all, and writes down every id. What
//! is accepted lies in a SQLite file in a temporary folder.
//!
//! | file | what it holds |
//! |---|---|
//! | `crash` | `--crash`: the engine as a process that is killed half-way |
//! | `faults` | what goes wrong, decided from a seed |
//! | `sink` | the HTTP server that does it and writes down what arrived |
//! | `flow` | sending in groups, with a bound on what is under way |
//! | `folder` | where the store's file lies meanwhile |
//! | `pool` | how the worker pool grew and shrank; workers killed on purpose |
//! | `verdict` | whether everything arrived, and nothing too often |
//! | `summary` | what is printed |

mod crash;
mod faults;
mod flow;
mod folder;
mod pool;
mod sink;
mod summary;
mod verdict;

use std::{sync::Arc, time::Duration};

use clap::Args;
use rand::{TryRngCore, rngs::OsRng};
use serde_json::json;

use self::{
    faults::{CHARACTERS, Character},
    flow::Flow,
    folder::Folder,
    pool::PoolStory,
    sink::Sink,
    summary::Summary,
    verdict::Verdict,
};
use super::{Context, Exit, Failure, Format, planes, progress::Progress};
use crate::{
    Config, Hub, PlatformName, Registry,
    clock::{Clock, SystemClock},
    config::{Backoff, BreakerConfig, DeliveryConfig, PlatformConfig, PoolConfig, StoreConfig, StoreKind, Strategy},
};

/// Time for what is under way when the hub ends; nothing should be.
const GRACE: Duration = Duration::from_secs(5);

/// Send to platforms that misbehave, and count what arrives
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// How many notifications are sent
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Decides the faults; the same seed decides the same [default: random]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many platforms they go to
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    platforms: u8,
    /// How a batch finds its worker
    #[arg(long, value_name = "NAME", default_value_t)]
    strategy: Strategy,
    /// So many workers all the time [default: as many as are needed, 2 to 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Keep what is accepted in memory [default: in a SQLite file in a temporary folder]
    #[arg(long)]
    memory: bool,
    /// Run the engine as a process of its own, kill it half-way without warning, and start it again
    #[arg(long, conflicts_with_all = ["memory", "chaos", "workers"])]
    crash: bool,
    /// Kill ten workers while it runs
    #[arg(long)]
    chaos: bool,
}

impl DemoArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        let progress = Progress::new(self.count, context.global.quiet);
        if self.crash {
            return planes::one_for_all()?.block_on(self.crash(context, progress));
        }
        let summary = planes::one_for_all()?.block_on(self.summary(progress))?;
        let mut output = context.output();
        match output.format() {
            Format::Table => output.text(&summary.text())?,
            Format::Json => output.json(&summary.json())?,
            Format::Ndjson => output.list(&[], &[summary.json()])?,
        }
        Ok(if summary.complete { Exit::Done } else { Exit::Failed })
    }

    /// Runs it with an engine that is killed.
    async fn crash(&self, context: &Context, progress: Progress) -> Result<Exit, Failure> {
        let seed = self.seed.unwrap_or_else(|| OsRng.try_next_u64().unwrap_or_default());
        let (characters, names) = self.characters();
        let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("the demo cannot go on: {error}"));
        let sink = Sink::start(&characters, seed).await.map_err(failed)?;
        let folder = Folder::new(seed).map_err(failed)?;
        let crash::Crashed { accepted, before, arrived_before, verdict } =
            crash::run(self.count, &names, &sink, &folder, progress).await.map_err(failed)?;
        let complete = verdict.holds() && accepted == self.count;
        let lost = verdict.missing.len() as u64;
        let mut output = context.output();
        let record = json!({
            "seed": seed, "accepted": accepted, "accepted_before_the_kill": before, "arrived_before_the_kill": arrived_before,
            "arrived": accepted - lost, "missing": verdict.missing, "duplicates": verdict.duplicates, "complete": complete,
        });
        match output.format() {
            Format::Table => output.text(&format!(
                "accepted   {before} notifications; {arrived_before} had arrived when the engine was killed\n\
                 restarted  it took up what was under way, and {} more were accepted\n\
                 arrived    {} of {accepted}, with {} copies of what was under way at the kill or not answered\n\
                 {}\n",
                accepted - before,
                accepted - lost,
                verdict.duplicates,
                if complete {
                    format!("every one of {accepted} notifications arrived")
                } else {
                    format!("{lost} are missing: {verdict:?}")
                },
            ))?,
            Format::Json => output.json(&record)?,
            Format::Ndjson => output.list(&[], &[record])?,
        }
        Ok(if complete { Exit::Done } else { Exit::Failed })
    }

    fn characters(&self) -> (Vec<Character>, Vec<String>) {
        let characters: Vec<_> = (0..usize::from(self.platforms)).map(|number| CHARACTERS[number % CHARACTERS.len()]).collect();
        let names = characters.iter().enumerate().map(|(number, character)| name(number, character)).collect();
        (characters, names)
    }

    /// Runs it all. A notification that does not arrive is in the summary.
    async fn summary(&self, progress: Progress) -> Result<Summary, Failure> {
        let seed = self.seed.unwrap_or_else(|| OsRng.try_next_u64().unwrap_or_default());
        let (characters, names) = self.characters();
        let sink = Sink::start(&characters, seed).await;
        let sink = sink.map_err(|error| Failure::new(Exit::Unreachable, format!("cannot listen on 127.0.0.1: {error}")))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let pool = PoolConfig { strategy: self.strategy, ..pool::config() };
        let folder = Folder::new(seed).map_err(|error| Failure::new(Exit::Failed, format!("cannot make a folder: {error}")))?;
        let store = match self.memory {
            true => StoreConfig { kind: StoreKind::Memory, ..StoreConfig::default() },
            false => StoreConfig { path: folder.path().join("notifyhub.db"), ..StoreConfig::default() },
        };
        let config = Config { pool, store, ..config(&names, sink.urls()) };
        let builder = Hub::builder().config(config).registry(Registry::builtin()).clock(clock.clone());
        let hub = builder.seed(seed).start().await.map_err(bug)?;
        if let Some(workers) = self.workers {
            hub.workers().scale_to(workers.into()).await.map_err(bug)?;
        }
        let (mut story, mut events, began) = (PoolStory::default(), hub.subscribe(), clock.now());
        let flow = async {
            let killing = async {
                match self.chaos {
                    true => pool::chaos(&hub, &clock, seed).await,
                    false => std::future::pending().await,
                }
            };
            let flowed = tokio::select! {
                flowed = Flow::new(&hub, clock.clone(), &names, progress).run(self.count) => flowed,
                () = killing => unreachable!("it never ends"),
            };
            let stats = hub.stats();
            pool::shrunk(&hub, &clock).await;
            flowed.map(|(sent, measured)| (sent, measured, stats))
        };
        let flowed = tokio::select! {
            flowed = flow => flowed,
            () = story.watch(&mut events, began, &*clock) => unreachable!("it watches for ever"),
        };
        let (sent, measured, stats) = flowed.map_err(bug)?;
        // Everything is final, so there is nothing to wait for.
        let _ = hub.shutdown(GRACE).await;
        let verdict = Verdict::of(&sent, &sink.take_arrivals());
        Ok(Summary::new(seed, &names, measured, &stats, story, &verdict))
    }
}

/// The demo made the configuration and the notifications itself.
fn bug(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Bug, error.to_string())
}

/// `flaky`, and `flaky-2` for the second of them.
fn name(number: usize, character: &Character) -> String {
    match number / CHARACTERS.len() {
        0 => character.name.to_owned(),
        round => format!("{}-{}", character.name, round + 1),
    }
}

/// The configuration of a user with these webhooks, in a hurry: short waits between attempts.
fn config(names: &[String], urls: &[String]) -> Config {
    let backoff = Backoff { initial: Duration::from_millis(50), max: Duration::from_secs(2), factor_permille: 2000 };
    // Whoever watches does not wait a minute for a platform whose dice fell badly five times in a row.
    let breaker = BreakerConfig { recovery_timeout: Duration::from_secs(1), ..BreakerConfig::default() };
    let delivery = DeliveryConfig { backoff, breaker, ..DeliveryConfig::default() };
    let platform = |(name, url): (&String, &String)| {
        let name: PlatformName = name.parse().expect("a character's name is a platform's name");
        let settings = json!({ "url": url, "allow_http": true, "allow_private_networks": true });
        let platform = PlatformConfig { kind: "webhook".into(), recipient: None, delivery: delivery.clone(), settings };
        (name, platform)
    };
    Config { platforms: names.iter().zip(urls).map(platform).collect(), ..Config::default() }
}
