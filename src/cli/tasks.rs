//! `notifyhub tasks` and `notifyhub dead`: what is in the store, and what a person does with it. The store's file is
//! opened, so no other process may own it; `show` asks the service that does.

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Context, Exit, Failure, exit::note, planes, remote};
use crate::{
    Hub, HubBuilder, NotificationId, PlatformName, StartError, TaskId, TaskState,
    clock::{Clock, SystemClock},
    config::{Loaded, StoreKind, duration},
    server,
    store::{OpenError, TaskFilter},
};

/// Tasks asked for at once.
const PAGE: usize = 500;

/// Columns of a list.
const COLUMNS: [&str; 7] = ["task", "target", "state", "attempts", "accepted", "due", "reason"];

/// List, show or cancel tasks in the store
#[derive(Debug, Subcommand)]
pub enum Tasks {
    /// List tasks, newest first
    List(ListTasks),
    /// Show everything about a task or a notification
    Show(Shown),
    /// Cancel what has not been sent of these notifications
    Cancel {
        /// Notifications' ids
        #[arg(required = true)]
        ids: Vec<NotificationId>,
    },
}

/// List dead letters, show, requeue or drop them
#[derive(Debug, Subcommand)]
pub enum Dead {
    /// List dead letters, newest first
    List(Which),
    /// Show everything about one
    Show(Shown),
    /// Let them be tried anew, at most 1,000 a second
    Requeue(Chosen),
    /// Forget them, at most 1,000 a second
    Drop(Chosen),
}

/// What to show, and who is asked.
#[derive(Debug, Args)]
pub struct Shown {
    /// A task's id, or a notification's
    id: String,
    /// Ask this service, as in `http://127.0.0.1:8420` [default: the store, or the service that owns it, at `server.listen`]
    #[arg(long, value_name = "URL", env = "NOTIFYHUB_SERVER")]
    server: Option<String>,
}

/// A list of tasks.
#[derive(Debug, Args)]
pub struct ListTasks {
    /// In this state: waiting, leased, delivered, dead, cancelled or expired; repeatable
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<TaskState>,
    #[command(flatten)]
    which: Which,
}

/// Which tasks.
#[derive(Debug, Args)]
pub struct Which {
    /// For this platform
    #[arg(long, value_name = "NAME")]
    platform: Option<PlatformName>,
    /// Dead for this reason, such as `out_of_attempts`
    #[arg(long, value_name = "WORD")]
    reason: Option<String>,
    /// Accepted within this time
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    since: Option<Duration>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: usize,
}

/// Which dead letters.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct Chosen {
    /// These tasks
    ids: Vec<TaskId>,
    /// All that are dead
    #[arg(long, conflicts_with_all = ["ids", "platform", "reason", "since"])]
    all: bool,
    /// All for this platform
    #[arg(long, value_name = "NAME")]
    platform: Option<PlatformName>,
    /// All dead for this reason
    #[arg(long, value_name = "WORD")]
    reason: Option<String>,
    /// All accepted within this time
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    since: Option<Duration>,
}

fn state(word: &str) -> Result<TaskState, String> {
    let known = TaskState::ALL.into_iter().find(|state| state.as_str() == word);
    known.ok_or_else(|| format!("expected one of: {}", TaskState::ALL.map(TaskState::as_str).join(", ")))
}

impl Which {
    fn filter(&self, states: Vec<TaskState>) -> TaskFilter {
        let (platform, reason) = (self.platform.clone(), self.reason.clone());
        TaskFilter { states, platform, reason, since: self.since.map(ago), ..TaskFilter::default() }
    }
}

impl Chosen {
    fn filter(self) -> TaskFilter {
        let Self { ids, all: _, platform, reason, since } = self;
        TaskFilter { ids, platform, reason, since: since.map(ago), ..TaskFilter::default() }
    }
}

fn ago(span: Duration) -> SystemTime {
    let now = SystemClock.wall();
    now.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH)
}

impl Tasks {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        planes::one_for_all()?.block_on(async {
            match self {
                Self::List(list) => {
                    let filter = list.which.filter(list.state.clone());
                    self::list(context, &open(context).await?, &filter, list.which.limit).await
                }
                Self::Show(shown) => show(context, &shown).await,
                Self::Cancel { ids } => cancel(context, &open(context).await?, &ids).await,
            }
        })
    }
}

impl Dead {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        planes::one_for_all()?.block_on(async {
            let (word, count) = match self {
                Self::List(which) => {
                    let filter = which.filter(vec![TaskState::Dead]);
                    return list(context, &open(context).await?, &filter, which.limit).await;
                }
                Self::Show(shown) => return show(context, &shown).await,
                Self::Requeue(chosen) => ("requeued", open(context).await?.dead().requeue(chosen.filter()).await),
                Self::Drop(chosen) => ("dropped", open(context).await?.dead().drop(chosen.filter()).await),
            };
            let count = count.map_err(failed)?;
            context.output().list(&[word], &[json!({ word: count })])?;
            Ok(if count == 0 { Exit::Failed } else { Exit::Done })
        })
    }
}

/// A hub on the configured store that delivers nothing.
pub(super) async fn open(context: &Context) -> Result<Hub, Failure> {
    stored(context)?;
    Ok(queue_only(context).await?)
}

async fn queue_only(context: &Context) -> Result<Hub, StartError> {
    HubBuilder::from_sources(&context.sources(), context.registry.clone())?.queue_only().start().await
}

/// The configuration, if it has a store that outlives its process.
fn stored(context: &Context) -> Result<Loaded, Failure> {
    let loaded = context.load_and_log("error")?;
    if loaded.config.store.kind == StoreKind::Memory {
        let message = "the store is in memory, which is gone with its process; nothing can be looked up in it (`store.type`)";
        return Err(Failure::new(Exit::Config, message));
    }
    Ok(loaded)
}

async fn list(context: &Context, hub: &Hub, filter: &TaskFilter, limit: usize) -> Result<Exit, Failure> {
    let (mut records, mut after) = (Vec::new(), None);
    while records.len() < limit {
        let page = hub.tasks(filter, after.as_ref(), PAGE.min(limit - records.len())).await.map_err(failed)?;
        records.extend(page.tasks.iter().map(server::record));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    context.output().list(&COLUMNS, &records)?;
    if after.is_some() {
        note(&format!("more than {limit}; --limit shows more"));
    }
    Ok(Exit::Done)
}

/// Asks the service that was named; else looks into the store, and asks the service where that owns the store, or may know more.
async fn show(context: &Context, shown: &Shown) -> Result<Exit, Failure> {
    let id = &shown.id;
    let bad = |_| Failure::new(Exit::Usage, format!("`{id}` is no id, expected a UUID such as `tasks list` shows"));
    let task: TaskId = id.parse().map_err(bad)?;
    let records = match &shown.server {
        Some(server) => remote::tasks(server, task).await?,
        None => found(context, task).await?,
    };
    if records.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("{id} is not known (any more)")));
    }
    context.output().json(&Value::Array(records))?;
    Ok(Exit::Done)
}

async fn found(context: &Context, task: TaskId) -> Result<Vec<Value>, Failure> {
    let loaded = stored(context)?;
    let listen = &loaded.config.server.listen;
    let service = format!("http://{listen}");
    match queue_only(context).await {
        Ok(hub) => {
            let records = server::records(&hub, task).await.map_err(failed)?;
            let goes_on = |record: &Value| record["state"] == "waiting" || record["state"] == "leased";
            let is_shared = loaded.config.store.kind == StoreKind::Postgres && !listen.is_empty();
            // Of what a node has in hand only that node knows what it waits for; whether one runs here is not known.
            match is_shared && records.iter().any(goes_on) {
                true => Ok(remote::tasks(&service, task).await.ok().filter(|known| !known.is_empty()).unwrap_or(records)),
                false => Ok(records),
            }
        }
        Err(StartError::Store(owned @ OpenError::Owned { .. })) if !listen.is_empty() => {
            let hint = "(`server.listen`, or --server)";
            match remote::tasks(&service, task).await {
                Ok(none) if none.is_empty() => {
                    Err(Failure::new(Exit::Failed, format!("{owned}; the service at {service} {hint} does not know {task}")))
                }
                Err(Failure::Other(exit, why)) => Err(Failure::new(exit, format!("{owned}; {why} {hint}"))),
                known => known,
            }
        }
        Err(error) => Err(error.into()),
    }
}

async fn cancel(context: &Context, hub: &Hub, ids: &[NotificationId]) -> Result<Exit, Failure> {
    let mut records = Vec::new();
    for id in ids {
        let reached = hub.cancel(*id).await.map_err(failed)?;
        records.push(json!({ "notification": id, "cancelled": reached.cancelled }));
    }
    context.output().list(&["notification", "cancelled"], &records)?;
    Ok(Exit::Done)
}

pub(super) fn failed(error: crate::HubError) -> Failure {
    Failure::new(Exit::Unreachable, error.to_string())
}
