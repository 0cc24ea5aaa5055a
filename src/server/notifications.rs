//! `POST /v1/notifications`: accepts a notification, or says why not and when to come back.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::problem::Problem;
use crate::{Accepted, Hub, TaskState, task::Draft};

/// The largest body that is read: 8 MiB. Larger attachments are given as URLs.
pub(super) const BODY_MAX: usize = 8 * 1024 * 1024;

/// Requests whose bodies are held at once; one more is told to come back.
const UNDER_WAY_MAX: usize = 1024;

/// How long a body may take to come.
const BODY_WAIT: Duration = Duration::from_secs(30);

/// When whoever is one too many should come back: by then the others are done.
const TOO_MANY_WAIT: Duration = Duration::from_secs(1);

/// What is needed to accept.
#[derive(Clone)]
pub(super) struct Intake {
    hub: Hub,
    under_way: Arc<Semaphore>,
}

impl Intake {
    /// For this hub.
    pub(super) fn new(hub: Hub) -> Self {
        Self { hub, under_way: Arc::new(Semaphore::new(UNDER_WAY_MAX)) }
    }
}

/// One notification: 202 once it is stored, as safely as `durability` says.
pub(super) async fn post(State(Intake { hub, under_way }): State<Intake>, request: Request) -> Result<Response, Problem> {
    let _place = under_way.try_acquire().map_err(|_| Problem::busy("too many requests are under way", TOO_MANY_WAIT))?;
    let headers = request.headers().clone();
    // A web page of others cannot say so without being allowed to (CORS), which it never is.
    if !is_json(&headers) {
        return Err(Problem::unsupported("expected a body in JSON, with `Content-Type: application/json`"));
    }
    let body = body(request).await?;
    let mut draft = Draft::from_json(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    draft.idempotency_key = key(&headers, draft.idempotency_key)?;
    let dedupes = draft.dedupe.is_some();
    let notification = draft.into_notification().map_err(|error| Problem::bad_request(error.to_string()))?;
    let accepted = hub.try_send(notification).await?;
    let tasks = tasks(&hub, &accepted, dedupes).await;
    let location = HeaderValue::try_from(format!("/v1/notifications/{}", accepted.id)).expect("an id is visible ASCII");
    let answer = json!({
        "id": accepted.id,
        "durability": accepted.durability,
        "correlation_id": accepted.correlation_id.to_string(),
        "tasks": tasks,
    });
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(answer)).into_response())
}

/// Its tasks. How those stand that were accepted before, or may have been repeated, the store knows.
async fn tasks(hub: &Hub, accepted: &Accepted, dedupes: bool) -> Value {
    let mut tasks = accepted.tasks().peekable();
    if tasks.peek().is_some() && !dedupes {
        return tasks.map(|task| json!({ "id": task.id, "target": task.target, "state": TaskState::Waiting })).collect();
    }
    // It is accepted whatever can be told of it.
    let known = hub.outcome(accepted.id).await.ok().flatten();
    let targets = known.iter().flat_map(|outcome| &outcome.targets);
    targets.map(|target| json!({ "id": target.task, "target": target.target(), "state": target.state })).collect()
}

/// Its body, if that is not too large and comes in time.
async fn body(request: Request) -> Result<Bytes, Problem> {
    let reading = tokio::time::timeout(BODY_WAIT, Bytes::from_request(request, &()));
    let read = reading.await.map_err(|_| Problem::too_slow(format!("the body did not come within {} s", BODY_WAIT.as_secs())))?;
    read.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(format!("the body is longer than {BODY_MAX} bytes")),
        _ => Problem::bad_request(format!("the body cannot be read: {error}")),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The key of the header, or of the body.
fn key(headers: &HeaderMap, in_body: Option<String>) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(in_body) };
    let key = value.to_str().ok().filter(|key| !key.is_empty());
    let key = key.ok_or_else(|| Problem::bad_request("`Idempotency-Key`: expected visible ASCII characters"))?;
    match in_body {
        Some(other) if other != key => Err(Problem::bad_request("`Idempotency-Key` and `idempotency_key` differ; give one")),
        _ => Ok(Some(key.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::SystemClock,
        store::{MemoryLimits, MemoryStore},
        testing::TestHub,
    };

    async fn asked(intake: &Intake, body: &'static str) -> Response {
        let mut request = Request::new(body.into());
        let kind = HeaderValue::from_static("Application/JSON; charset=utf-8");
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        post(State(intake.clone()), request).await.unwrap_or_else(IntoResponse::into_response)
    }

    fn retry_after(response: &Response) -> u64 {
        let value = response.headers().get(header::RETRY_AFTER).expect("a time to come back");
        value.to_str().expect("text").parse().expect("whole seconds")
    }

    #[tokio::test]
    async fn who_comes_while_the_store_is_full_or_too_many_are_under_way_is_told_when_to_come_back() {
        let limits = MemoryLimits { waiting_max: 2, ..MemoryLimits::default() };
        let store = Arc::new(MemoryStore::new(limits, Arc::new(SystemClock)));
        let test = TestHub::start_with(|hub| hub.store(store)).await.expect("starts");
        test.hub.lanes().pause(&"test".parse().expect("a name")).await.expect("known");
        let intake = Intake::new(test.hub.clone());
        // What its lane holds is in nobody's way until it is back in the store.
        let busy = loop {
            let response = asked(&intake, r#"{"to": ["test"], "body": "x"}"#).await;
            if response.status() != StatusCode::ACCEPTED {
                break response;
            }
            tokio::task::yield_now().await;
        };
        assert_eq!((busy.status(), retry_after(&busy)), (StatusCode::SERVICE_UNAVAILABLE, 1));
        let more_than_ever_fits = asked(&intake, r#"{"to": ["test", "test:a", "test:b"], "body": "x"}"#).await;
        assert_eq!(more_than_ever_fits.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert!(more_than_ever_fits.headers().get(header::RETRY_AFTER).is_none());

        test.hub.lanes().resume(&"test".parse().expect("a name")).await.expect("known");
        let all = intake.under_way.clone().try_acquire_many_owned(UNDER_WAY_MAX as u32).expect("nobody asks");
        let crowded = asked(&intake, r#"{"to": ["test"], "body": "x"}"#).await;
        assert_eq!((crowded.status(), retry_after(&crowded)), (StatusCode::SERVICE_UNAVAILABLE, 1));
        drop(all);
        while asked(&intake, r#"{"to": ["test"], "body": "x"}"#).await.status() != StatusCode::ACCEPTED {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for_for_ever() {
        let never = futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
        let refused = body(Request::new(axum::body::Body::from_stream(never))).await.expect_err("nothing comes");
        assert_eq!(refused.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    }
}
