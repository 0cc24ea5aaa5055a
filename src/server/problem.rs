//! Errors as `application/problem+json` (RFC 9457).

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{HubError, store::StoreError};

/// When whoever finds the disk full should come back: space is looked for again by then.
const DISK_FULL_WAIT: Duration = Duration::from_secs(10);

/// Why a request got no answer, for programs (its status) and for people (the rest).
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    detail: String,
    /// When it is worth asking again, if that is known.
    retry_after: Option<Duration>,
}

impl Problem {
    fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), retry_after: None }
    }

    /// 400: the request makes no sense.
    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 403: the request is not answered, whoever sends it.
    pub(super) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: there is no such thing.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405: there is such a thing, but nothing like that can be done with it.
    pub(super) fn not_allowed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, detail)
    }

    /// 408: the body does not come.
    pub(super) fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, detail)
    }

    /// 413: the body is larger than is read.
    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// 415: the body is of another kind than is read.
    pub(super) fn unsupported(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 503: not now, but after `retry_after`.
    pub(super) fn busy(detail: impl Into<String>, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }
}

/// 503 where it may be otherwise later, 409 for a key that was used for something else, 422 for what can never be done.
impl From<HubError> for Problem {
    fn from(error: HubError) -> Self {
        let (detail, status) = (error.to_string(), status(&error));
        let retry_after = match error {
            HubError::Busy { retry_after, .. } => Some(retry_after),
            HubError::Store(StoreError::DiskFull) => Some(DISK_FULL_WAIT),
            _ => None,
        };
        Self { status, detail, retry_after }
    }
}

fn status(error: &HubError) -> StatusCode {
    match error {
        HubError::Conflict { .. } => StatusCode::CONFLICT,
        HubError::Targets(_) | HubError::TooManyTargets(_) | HubError::NoSuchPlatform { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        // More than ever fits.
        HubError::Store(StoreError::Unstorable(_) | StoreError::Full { .. }) => StatusCode::UNPROCESSABLE_ENTITY,
        HubError::InBatch { error, .. } => status(error),
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or_default();
        let mut body = json!({ "type": "about:blank", "title": title, "status": self.status.as_u16(), "detail": self.detail });
        if let Some(wait) = self.retry_after {
            body["retry_after"] = json!(wait.as_secs_f64());
        }
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            // Whole seconds (RFC 9110, section 10.2.3).
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::NotificationId;

    #[test]
    fn what_may_be_otherwise_later_is_503_and_says_when_if_that_is_known() {
        let busy = HubError::Busy { waiting: 10, max: 10, retry_after: Duration::from_millis(2100) };
        let conflict = HubError::Conflict { key: "k".into(), first: NotificationId::from_bits(1) };
        for (error, status, wait) in [
            (busy, 503, Some("3")),
            (HubError::Store(StoreError::DiskFull), 503, Some("10")),
            (HubError::ShuttingDown, 503, None),
            (HubError::Store(StoreError::Unavailable("away".to_owned())), 503, None),
            (HubError::Store(StoreError::Full { waiting: 1, max: 1 }), 422, None),
            (HubError::Targets(Vec::new()), 422, None),
            (conflict, 409, None),
        ] {
            let text = error.to_string();
            let response = Problem::from(error).into_response();
            let told = response.headers().get(header::RETRY_AFTER).map(|wait| wait.to_str().expect("text").to_owned());
            assert_eq!((response.status().as_u16(), told.as_deref()), (status, wait), "{text}");
        }
    }
}
