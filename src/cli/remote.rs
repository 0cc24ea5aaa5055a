//! Asking a running service over HTTP.

use std::time::Duration;

use notifyhub_platforms::{
    contract::{Endpoint, HttpRequest, NetworkPolicy, Transport},
    http::{ReqwestTransport, TransportConfig},
};
use serde_json::Value;

use super::{Exit, Failure};
use crate::TaskId;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of an answer: a notification may have a thousand tasks, each with all its attempts.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Everything the service at `server` knows of a task, or of all tasks of a notification; empty if it knows none.
///
/// # Errors
///
/// When nobody answers there (exit 69), or something else than a service.
pub(super) async fn tasks(server: &str, id: TaskId) -> Result<Vec<Value>, Failure> {
    let kind = if id.index().is_some() { "tasks" } else { "notifications" };
    let Some(mut answer) = get(server, &format!("/v1/{kind}/{id}")).await? else { return Ok(Vec::new()) };
    Ok(match answer.get_mut("tasks").map(Value::take) {
        Some(Value::Array(tasks)) => tasks,
        _ => vec![answer],
    })
}

/// The JSON at a path; `None` where there is none.
async fn get(server: &str, path: &str) -> Result<Option<Value>, Failure> {
    let unreachable =
        |why: &dyn std::fmt::Display| Failure::new(Exit::Unreachable, format!("cannot ask the service at {server}: {why}"));
    let config = TransportConfig { timeout: Some(TIMEOUT), ..TransportConfig::default() };
    let transport = ReqwestTransport::new(config).map_err(|error| unreachable(&error))?;
    let url = Endpoint::new(format!("{}{path}", server.trim_end_matches('/')));
    let mut request = HttpRequest::new(axum::http::Method::GET, url);
    (request.network, request.answer_bytes_max) = (NetworkPolicy::AllowPrivate, Some(ANSWER_BYTES_MAX));
    let answer = transport.exchange(request).await.map_err(|error| unreachable(&error))?;
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match answer.status {
        status if status.is_success() && body.is_object() => Ok(Some(body)),
        // A service says what it does not know; whatever else answers 404 is none.
        axum::http::StatusCode::NOT_FOUND if body["detail"].is_string() => Ok(None),
        status => {
            let detail = body["detail"].as_str().unwrap_or("this is no notifyhub");
            Err(unreachable(&format!("it answers {status}: {detail}")))
        }
    }
}
