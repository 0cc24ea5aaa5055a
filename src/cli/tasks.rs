//! `notifyhub tasks` and `notifyhub dead`: what is in the store, and what a person does with it. The store's file is
//! opened, so no other process may own it.

use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Context, Exit, Failure, exit::note, planes};
use crate::{
    Hub, HubBuilder, NotificationId, PlatformName, TaskId, TaskState,
    clock::{Clock, SystemClock},
    config::{StoreKind, duration},
    hub::explained,
    store::{ListedTask, TaskFilter},
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
    Show {
        /// A task's id, or a notification's
        id: String,
    },
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
    Show {
        /// A task's id, or a notification's
        id: String,
    },
    /// Let them be tried anew, at most 1,000 a second
    Requeue(Chosen),
    /// Forget them, at most 1,000 a second
    Drop(Chosen),
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
            let hub = open(context).await?;
            match self {
                Self::List(list) => self::list(context, &hub, &list.which.filter(list.state.clone()), list.which.limit).await,
                Self::Show { id } => show(context, &hub, &id).await,
                Self::Cancel { ids } => cancel(context, &hub, &ids).await,
            }
        })
    }
}

impl Dead {
    pub(super) fn run(self, context: &Context) -> Result<Exit, Failure> {
        planes::one_for_all()?.block_on(async {
            let hub = open(context).await?;
            let (word, count) = match self {
                Self::List(which) => return list(context, &hub, &which.filter(vec![TaskState::Dead]), which.limit).await,
                Self::Show { id } => return show(context, &hub, &id).await,
                Self::Requeue(chosen) => ("requeued", hub.dead().requeue(chosen.filter()).await),
                Self::Drop(chosen) => ("dropped", hub.dead().drop(chosen.filter()).await),
            };
            let count = count.map_err(failed)?;
            context.output().list(&[word], &[json!({ word: count })])?;
            Ok(if count == 0 { Exit::Failed } else { Exit::Done })
        })
    }
}

/// A hub on the configured store that delivers nothing.
pub(super) async fn open(context: &Context) -> Result<Hub, Failure> {
    let loaded = context.load_and_log("error")?;
    if loaded.config.store.kind == StoreKind::Memory {
        let message = "the store is in memory, which is gone with its process; nothing can be looked up in it (`store.type`)";
        return Err(Failure::new(Exit::Config, message));
    }
    Ok(HubBuilder::from_sources(&context.sources(), context.registry.clone())?.queue_only().start().await?)
}

async fn list(context: &Context, hub: &Hub, filter: &TaskFilter, limit: usize) -> Result<Exit, Failure> {
    let (mut records, mut after) = (Vec::new(), None);
    while records.len() < limit {
        let page = hub.tasks(filter, after.as_ref(), PAGE.min(limit - records.len())).await.map_err(failed)?;
        records.extend(page.tasks.iter().map(record));
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

async fn show(context: &Context, hub: &Hub, id: &str) -> Result<Exit, Failure> {
    let bad = |_| Failure::new(Exit::Usage, format!("`{id}` is no id, expected a UUID such as `tasks list` shows"));
    let task: TaskId = id.parse().map_err(bad)?;
    let ids = match task.index() {
        Some(_) => vec![task],
        None => {
            let outcome = hub.outcome(task.notification()).await.map_err(failed)?;
            outcome.iter().flat_map(|outcome| outcome.targets.iter().map(|target| target.task)).collect()
        }
    };
    let filter = TaskFilter { ids: ids.clone(), ..TaskFilter::default() };
    let page = hub.tasks(&filter, None, ids.len().max(1)).await.map_err(failed)?;
    if ids.is_empty() || page.tasks.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("{id} is not known (any more)")));
    }
    context.output().json(&Value::Array(page.tasks.iter().map(whole).collect()))?;
    Ok(Exit::Done)
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

pub(super) fn time(moment: SystemTime) -> String {
    let moment = jiff::Timestamp::try_from(moment).unwrap_or_default();
    moment.round(jiff::Unit::Second).unwrap_or(moment).to_string()
}

fn record(task: &ListedTask) -> Value {
    let outcome = &task.outcome;
    json!({
        "task": outcome.task,
        "target": outcome.target(),
        "state": outcome.state,
        "attempts": outcome.attempts.len(),
        "accepted": time(task.accepted_at),
        "due": task.due.map(time),
        "reason": outcome.reason(),
    })
}

/// Everything, every attempt included.
fn whole(task: &ListedTask) -> Value {
    let attempts = task.outcome.attempts.iter().map(|attempt| {
        let (receipt, error) = (attempt.result.as_ref().ok(), attempt.result.as_ref().err());
        json!({
            "number": attempt.number,
            "at": time(attempt.started_at),
            "seconds": attempt.took.as_secs_f64(),
            "node": attempt.node,
            "worker": attempt.worker,
            "class": error.map_or("delivered", |error| error.kind().as_str()),
            "receipt": receipt,
            "error": error.map(ToString::to_string),
        })
    });
    let mut record = record(task);
    record["notification"] = json!(task.outcome.task.notification());
    record["correlation_id"] = json!(task.correlation_id.to_string());
    // Nothing is delivered here, so a task is nowhere but in the store.
    record["explained"] = json!(explained(task, None, SystemClock.wall()));
    record["attempts"] = attempts.collect();
    let left = task.outcome.left.iter().map(|step| {
        json!({
            "route": step.route,
            "target": step.target,
            "attempts": step.attempts,
            "at": time(step.at),
            "why": step.why.as_str(),
        })
    });
    record["left"] = left.collect();
    record
}
