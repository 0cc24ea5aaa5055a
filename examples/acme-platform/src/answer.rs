//! From Acme's answer to a receipt or an error.
//!
//! | status, `error.code` | kind |
//! |---|---|
//! | 200, 201, 202 with a `page_id` | accepted |
//! | the same without one | ambiguous |
//! | 400 `text_empty`, 413 | invalid message |
//! | 400 `unknown_recipient`, 404, 410 | invalid recipient |
//! | 401, 402 (account not paid), 403 | unauthorized |
//! | 409 `in_progress`: an earlier copy is not finished | ambiguous |
//! | 429 with `Retry-After` | rate limited |
//! | 5xx | unavailable |

use std::time::SystemTime;

use notifyhub_platforms::{
    contract::{ErrorKind, HttpResponse, Receipt, SendError},
    http::verdict,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Accepted {
    page_id: String,
}

#[derive(Default, Deserialize)]
struct Refused {
    error: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    code: String,
    #[serde(default)]
    message: String,
}

/// What the answer means, received at `now`.
pub fn classify(response: &HttpResponse, now: SystemTime) -> Result<Receipt, SendError> {
    let Some(kind) = verdict::kind_of(response.status) else { return accepted(response) };
    let details = serde_json::from_slice::<Refused>(&response.body).unwrap_or_default().error;
    let kind = match (response.status.as_u16(), &*details.code) {
        (400, "unknown_recipient") => ErrorKind::InvalidRecipient,
        (409, "in_progress") => ErrorKind::Ambiguous,
        _ => kind,
    };
    let error = verdict::error(kind, response, now);
    if details.code.is_empty() {
        return Err(error);
    }
    let reason = if details.message.is_empty() { error.reason() } else { &details.message };
    let refined = SendError::new(kind, reason).with_code(&details.code);
    Err(refined.with_retry_after(error.retry_after()).with_scope(error.scope()))
}

/// A 2xx alone proves nothing: a captive portal answers 200 as well.
fn accepted(response: &HttpResponse) -> Result<Receipt, SendError> {
    match serde_json::from_slice::<Accepted>(&response.body) {
        Ok(Accepted { page_id }) if !page_id.is_empty() => Ok(Receipt::with_id(page_id)),
        _ => Err(SendError::ambiguous("the answer holds no page_id").with_code(response.status.as_str())),
    }
}
