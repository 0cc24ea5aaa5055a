//! Status, headers and transport failures to [`SendError`], in one place.
//!
//! This is the default table; an adapter's sheet refines it from the body. Connection errors split on one question:
//! can any byte of the request have left? If not the attempt is `Unavailable`, else `Ambiguous`.

use std::time::SystemTime;

use http::StatusCode;

use super::retry_after;
use crate::contract::{ErrorKind, HttpResponse, SendError, TransportError, TransportErrorKind};

/// The default meaning of a status; `None` for 2xx, which the adapter must judge by its body.
pub fn kind_of(status: StatusCode) -> Option<ErrorKind> {
    Some(match status.as_u16() {
        200..=299 => return None,
        408 | 425 => ErrorKind::Unavailable,
        429 => ErrorKind::RateLimited,
        300..=399 | 401 | 402 | 403 | 407 => ErrorKind::Unauthorized,
        404 | 410 => ErrorKind::InvalidRecipient,
        400..=499 => ErrorKind::InvalidMessage,
        500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Unexpected,
    })
}

/// The default verdict on an answer.
///
/// # Errors
///
/// For every status but 2xx, as [`kind_of`] says.
pub fn check_status(response: &HttpResponse, now: SystemTime) -> Result<(), SendError> {
    match kind_of(response.status) {
        None => Ok(()),
        Some(kind) => Err(error(kind, response, now)),
    }
}

/// An error of `kind` for this answer: the status as its code, the start of the body as its reason, the wait from its headers.
pub fn error(kind: ErrorKind, response: &HttpResponse, now: SystemTime) -> SendError {
    SendError::new(kind, reason(response))
        .with_code(response.status.as_str())
        .with_retry_after(retry_after::from_headers(&response.headers, now))
}

/// What to tell people about an answer: the start of a text body, else the name of its status.
pub fn reason(response: &HttpResponse) -> String {
    if response.status.is_redirection() {
        return "the platform redirects elsewhere, and redirects are never followed: update the URL".into();
    }
    let head = String::from_utf8_lossy(&response.body[..response.body.len().min(512)]);
    let head = head.trim();
    if head.is_empty() || head.starts_with('<') {
        return response.status.canonical_reason().unwrap_or("unknown status").to_lowercase();
    }
    head.to_owned()
}

impl From<TransportError> for SendError {
    fn from(error: TransportError) -> Self {
        match error.kind {
            TransportErrorKind::Invalid => Self::invalid_message(error.detail),
            TransportErrorKind::Blocked => Self::invalid_recipient(error.detail).with_code("address_blocked"),
            _ if error.is_definitely_not_sent() => Self::unavailable(error.detail),
            _ => Self::ambiguous(error.detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue, header};

    use super::*;

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        let status = StatusCode::from_u16(status).expect("three digits");
        HttpResponse { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()), truncated: false }
    }

    #[test]
    fn every_status_has_a_verdict() {
        for code in 100..=999 {
            let status = StatusCode::from_u16(code).expect("three digits");
            assert_eq!(kind_of(status).is_none(), status.is_success(), "{code}");
        }
    }

    #[test]
    fn a_verdict_carries_code_reason_and_wait() {
        let mut response = answer(503, "down for repair");
        response.headers.insert(header::RETRY_AFTER, HeaderValue::from_static("7"));
        let error = check_status(&response, SystemTime::UNIX_EPOCH).expect_err("503");
        assert_eq!(error.to_string(), "unavailable (503): down for repair");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_web_page_or_a_redirect_is_not_quoted() {
        assert_eq!(reason(&answer(502, "<html>…")), "bad gateway");
        assert!(reason(&answer(302, "https://elsewhere/s3cret")).contains("never followed"));
    }

    #[test]
    fn what_was_not_sent_is_unavailable_and_what_may_have_been_is_ambiguous() {
        use TransportErrorKind::{Blocked, Connect, Dns, Invalid, Lost, Timeout, Tls};
        for (kind, expected) in [
            (Invalid, ErrorKind::InvalidMessage),
            (Blocked, ErrorKind::InvalidRecipient),
            (Dns, ErrorKind::Unavailable),
            (Connect, ErrorKind::Unavailable),
            (Tls, ErrorKind::Unavailable),
            (Lost, ErrorKind::Ambiguous),
            (Timeout, ErrorKind::Ambiguous),
        ] {
            assert_eq!(SendError::from(TransportError::new(kind, "x")).kind(), expected);
        }
    }
}
