//! How a send can fail: what it is, and what to do about it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Longest reason that is kept, in bytes: platforms answer with whole web pages at times.
const REASON_BYTES_MAX: usize = 256;

/// What kind of failure it is. The kind decides what the engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// This message can never be accepted as written. Never retried.
    InvalidMessage,
    /// This recipient does not exist or no longer does. Never retried.
    InvalidRecipient,
    /// This endpoint says itself that it is gone for good. Never retried, and nothing more is sent to it.
    Gone,
    /// The credential or the account is refused. Not retried; the operator must act.
    Unauthorized,
    /// Asked to slow down; the message was not accepted. Waited for, then tried again.
    RateLimited,
    /// Definitely not accepted: nothing was sent, or the platform said that it failed. Retried with backoff.
    Unavailable,
    /// It may have been accepted: the request began to leave and no definite answer came. Retried or not, by policy.
    Ambiguous,
    /// An answer the adapter's sheet does not know and that does not say "accepted". Retried with backoff.
    Unexpected,
}

impl ErrorKind {
    /// All kinds, in the order of their documentation.
    pub const ALL: [Self; 8] = [
        Self::InvalidMessage,
        Self::InvalidRecipient,
        Self::Gone,
        Self::Unauthorized,
        Self::RateLimited,
        Self::Unavailable,
        Self::Ambiguous,
        Self::Unexpected,
    ];

    /// The kind as users see it in output and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidMessage => "invalid_message",
            Self::InvalidRecipient => "invalid_recipient",
            Self::Gone => "gone",
            Self::Unauthorized => "unauthorized",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Ambiguous => "ambiguous",
            Self::Unexpected => "unexpected",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a rate limit covers, and so what has to wait.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// This recipient only.
    Target,
    /// Everything on the same lane.
    #[default]
    Lane,
    /// The whole account, all its lanes.
    Platform,
}

/// A failed send. Printed, it reads `kind (code): reason`; it never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendError {
    kind: ErrorKind,
    reason: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Box<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry_after: Option<Duration>,
    #[serde(default)]
    scope: LimitScope,
}

impl SendError {
    /// A failure of `kind`. The reason is for people: lower case, no full stop, no secret; control characters
    /// become spaces and it is cut at 256 bytes.
    pub fn new(kind: ErrorKind, reason: impl AsRef<str>) -> Self {
        Self { kind, reason: printable(reason.as_ref()), code: None, retry_after: None, scope: LimitScope::default() }
    }

    /// This message can never be accepted as written.
    pub fn invalid_message(reason: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::InvalidMessage, reason)
    }

    /// This recipient does not exist or no longer does.
    pub fn invalid_recipient(reason: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::InvalidRecipient, reason)
    }

    /// The credential or the account is refused.
    pub fn unauthorized(reason: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Unauthorized, reason)
    }

    /// Asked to slow down.
    pub fn rate_limited(reason: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::RateLimited, reason)
    }

    /// Definitely not accepted.
    pub fn unavailable(reason: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Unavailable, reason)
    }

    /// May have been accepted.
    pub fn ambiguous(reason: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Ambiguous, reason)
    }

    /// An answer nobody knows.
    pub fn unexpected(reason: impl AsRef<str>) -> Self {
        Self::new(ErrorKind::Unexpected, reason)
    }

    /// Adds the platform's own code (`channel_not_found`, `550 5.1.1`, `503`).
    #[must_use]
    pub fn with_code(mut self, code: impl AsRef<str>) -> Self {
        self.code = Some(printable(code.as_ref()));
        self
    }

    /// Adds how long the platform asked us to wait.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// Says what the limit covers. Default: the lane.
    #[must_use]
    pub fn with_scope(mut self, scope: LimitScope) -> Self {
        self.scope = scope;
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened, for people.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// The platform's own code, where it gave one.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// How long the platform asked us to wait, where it did.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What the limit covers; meaningful where there is something to wait for.
    pub fn scope(&self) -> LimitScope {
        self.scope
    }

    /// Whether trying again can help.
    pub fn is_retryable(&self) -> bool {
        use ErrorKind::{Ambiguous, RateLimited, Unavailable, Unexpected};
        matches!(self.kind, RateLimited | Unavailable | Ambiguous | Unexpected)
    }

    /// Whether the platform may have accepted the message all the same.
    pub fn is_ambiguous(&self) -> bool {
        self.kind == ErrorKind::Ambiguous
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code}): {}", self.kind, self.reason),
            None => write!(f, "{}: {}", self.kind, self.reason),
        }
    }
}

impl std::error::Error for SendError {}

/// One line without control characters, at most [`REASON_BYTES_MAX`] bytes, cut between characters.
fn printable(text: &str) -> Box<str> {
    let mut out = String::with_capacity(text.len().min(REASON_BYTES_MAX));
    for c in text.trim().chars() {
        let c = if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c };
        if out.len() + c.len_utf8() > REASON_BYTES_MAX - '…'.len_utf8() {
            out.push('…');
            break;
        }
        out.push(c);
    }
    out.into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_printable_line_of_bounded_length() {
        let error = SendError::unexpected(format!("first\r\nsecond\u{1b}[31m {}", "ä".repeat(400))).with_code("5\n00");
        assert!(!error.to_string().chars().any(char::is_control));
        assert!(error.reason().len() <= REASON_BYTES_MAX && error.reason().ends_with('…'));
        assert_eq!(error.code(), Some("5 00"));
    }

    #[test]
    fn only_kinds_that_can_get_better_are_retryable() {
        let retryable: Vec<_> =
            ErrorKind::ALL.into_iter().filter(|kind| SendError::new(*kind, "x").is_retryable()).map(ErrorKind::as_str).collect();
        assert_eq!(retryable, ["rate_limited", "unavailable", "ambiguous", "unexpected"]);
    }
}
