//! `notifyhub send`: one shot. A hub in memory, the targets that were typed, and an exit code that says how it went.
//!
//! | file | what it does |
//! |---|---|
//! | `input` | from arguments, stdin and files to notifications |
//! | `lines` | `--from`: one notification in JSON per line |
//! | `attach` | `--attach`: a file and its media type |
//! | `when` | `--at`: a moment, as people write it |
//! | `delivery` | sends them, and waits as long as it may |
//! | `queue` | `--queue`: commits them to the store of a service |
//! | `retries` | tells of every attempt that failed and is made again |
//! | `rows` | one row per target, as a line or as JSON |
//! | `ending` | the exit code |

mod attach;
mod delivery;
mod ending;
mod input;
pub(super) mod lines;
mod queue;
mod retries;
mod rows;
mod when;

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use notifyhub_platforms::contract::{Format as BodyFormat, Priority};

use self::{delivery::Delivered, rows::Row};
use super::{Context, Exit, Failure, Format, listeners::Listeners, planes::Planes, progress::Progress};
use crate::{
    HubBuilder, UrlTargets,
    clock::{Clock, SystemClock},
    config::{OnUnauthorized, duration},
    store::{MemoryLimits, MemoryStore},
};

/// Send a notification now, and wait until it is delivered
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  notifyhub send --to ops:#alerts -t 'db-3' 'disk full'
  df -h | notifyhub send --to slack://… --to mail:ada@example.com -
  notifyhub send --from notifications.ndjson -o ndjson")]
pub struct SendArgs {
    /// Where to: platform, platform:recipient, @group or a URL; repeatable
    #[arg(long, value_name = "TARGET", required_unless_present = "from")]
    to: Vec<String>,
    /// One line above the body
    #[arg(short, long)]
    title: Option<String>,
    /// How the body is written: text, markdown or html
    #[arg(short, long, value_name = "FORMAT", default_value = "text", value_parser = word::<BodyFormat>)]
    format: BodyFormat,
    /// How urgent it is: low, normal, high or urgent
    #[arg(short, long, default_value = "normal", value_parser = word::<Priority>)]
    priority: Priority,
    /// What kind of message it is, a word of your own
    #[arg(long, value_name = "WORD")]
    kind: Option<String>,
    /// Not before this: RFC 3339, or `in 5m`
    #[arg(long, value_name = "TIME", value_parser = when::parse)]
    at: Option<when::When>,
    /// Not once this long has passed
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    expires: Option<Duration>,
    /// The same key with the same content is sent once
    #[arg(long, value_name = "IDEMPOTENCY")]
    key: Option<String>,
    /// Your own id for it, in everything that is logged about it
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// A file that goes along; repeatable
    #[arg(long, value_name = "FILE")]
    attach: Vec<PathBuf>,
    /// A file with one notification in JSON per line, `-` for stdin; lines without `to` go to the --to targets
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["title", "format", "priority", "kind", "at", "expires", "key", "correlation_id", "attach", "body"]
    )]
    from: Option<PathBuf>,
    /// Commit it to the configured store for `notifyhub serve`, and return
    #[arg(long, conflicts_with = "wait")]
    queue: bool,
    /// How long to try before giving up
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration::parse)]
    wait: Duration,
    /// What it says; `-`, or nothing, for stdin
    body: Option<String>,
}

impl SendArgs {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        // The rows tell everything that would be logged.
        let loaded = context.load_and_log("error")?;
        if self.queue {
            // Whoever delivers it waits as long as it takes.
            let queued = Self { wait: Duration::MAX, ..self };
            return queue::queue(context, &loaded, queued.notifications(SystemClock.wall())?);
        }
        let planes = Planes::new(&loaded.config.pool)?;
        let listeners = planes.block_on(Listeners::bind(&loaded, false))?;
        let builder = planes.block_on(async { HubBuilder::from_sources(&context.sources(), context.registry.clone()) })?;
        let wait = self.wait;
        let batch = self.notifications(SystemClock.wall())?;
        let one = batch.notifications.len() == 1;
        let progress = Progress::new(batch.notifications.len() as u64, context.global.quiet || one);
        // Whoever names a URL here runs this very program.
        let store = Arc::new(MemoryStore::new(MemoryLimits::default(), Arc::new(SystemClock)));
        // Nobody sees to a refused credential while this command waits.
        let builder = builder
            .on_unauthorized(OnUnauthorized::Dead)
            .store(store)
            .url_targets(UrlTargets::Trusted)
            .delivery_runtime(planes.delivery());
        let hub = planes.block_on(builder.start())?;
        let retries = (one && !context.global.quiet).then(|| hub.subscribe());
        let delivering = delivery::deliver(hub, &context.registry, batch, wait, progress);
        let Delivered { outcomes, cause } = planes.block_on(answering(listeners, retries::told_while(delivering, retries)))?;
        let rows: Vec<_> = outcomes.iter().flat_map(|outcome| Row::of_notification(outcome)).collect();
        match print(context, &rows) {
            // Whoever read has enough; how it went is still in the exit code.
            Ok(()) | Err(Failure::Closed) => {}
            Err(failure) => return Err(failure),
        }
        Ok(ending::exit(&rows, cause))
    }
}

/// Does the work, and answers Prometheus as long as it lasts.
async fn answering<T>(listeners: Listeners, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = listeners.answer(None) => match never {},
    }
}

fn print(context: &Context, rows: &[Row]) -> Result<(), Failure> {
    let mut output = context.output();
    match output.format() {
        Format::Table => output.text(&rows::lines(rows))?,
        Format::Json | Format::Ndjson => {
            let records: Vec<_> = rows.iter().map(|row| serde_json::to_value(row).expect("a row is JSON")).collect();
            output.list(&[], &records)?;
        }
    }
    Ok(())
}

/// Reads one of the words that serde knows `T` by.
fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    let parsed = T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text));
    parsed.map_err(|error| error.to_string())
}
