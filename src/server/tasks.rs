//! `GET /v1/tasks/{id}` and `GET /v1/notifications/{id}`: what happened to tasks, and what they wait for.

use std::time::SystemTime;

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::{Value, json};

use super::problem::Problem;
use crate::{
    Hub, HubError, TaskId,
    store::{ListedTask, TaskFilter},
};

/// One task, with all its attempts.
pub(super) async fn task(State(hub): State<Hub>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let id: TaskId = id.parse().map_err(|_| Problem::bad_request(format!("`{id}` is no id, expected a UUID")))?;
    if id.index().is_none() {
        return Err(Problem::not_found(format!("{id} is a notification's id; it is at /v1/notifications/{id}")));
    }
    let task = records(&hub, id).await?.pop();
    task.map(Json).ok_or_else(|| Problem::not_found(format!("task {id} is not known (any more)")))
}

/// One notification, with all its tasks.
pub(super) async fn notification(State(hub): State<Hub>, Path(id): Path<String>) -> Result<Json<Value>, Problem> {
    let task: TaskId = id.parse().map_err(|_| Problem::bad_request(format!("`{id}` is no id, expected a UUID")))?;
    if task.index().is_some() {
        return Err(Problem::not_found(format!("{task} is a task's id; it is at /v1/tasks/{task}")));
    }
    match records(&hub, task).await? {
        tasks if tasks.is_empty() => Err(Problem::not_found(format!("notification {task} is not known (any more)"))),
        tasks => Ok(Json(json!({ "id": task, "tasks": tasks }))),
    }
}

/// Everything about a task, or about all tasks of a notification; empty if there is none (any more).
///
/// # Errors
///
/// [`HubError::Store`] if the store cannot be read.
pub async fn records(hub: &Hub, id: TaskId) -> Result<Vec<Value>, HubError> {
    let ids = match id.index() {
        Some(_) => vec![id],
        None => {
            let outcome = hub.outcome(id.notification()).await?;
            outcome.iter().flat_map(|outcome| outcome.targets.iter().map(|target| target.task)).collect()
        }
    };
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let most = ids.len();
    let page = hub.tasks(&TaskFilter { ids, ..TaskFilter::default() }, None, most).await?;
    let mut records = Vec::with_capacity(page.tasks.len());
    for task in &page.tasks {
        records.push(whole(task, &hub.explained(task).await));
    }
    Ok(records)
}

/// A time, as people read it.
pub fn time(moment: SystemTime) -> String {
    let moment = jiff::Timestamp::try_from(moment).unwrap_or_default();
    moment.round(jiff::Unit::Second).unwrap_or(moment).to_string()
}

/// A task as lists show it.
pub fn record(task: &ListedTask) -> Value {
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
fn whole(task: &ListedTask, explained: &str) -> Value {
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
    record["explained"] = json!(explained);
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
