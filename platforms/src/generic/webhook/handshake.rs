//! The abuse protection of CloudEvents webhooks: a receiver is asked whether it wants to be sent to, and how often.
//!
//! Before the first delivery to a URL, and once an hour, `OPTIONS` asks for permission. What was permitted is kept per
//! URL; who asks for the same URL meanwhile waits for that answer. The permitted rate is kept to here: what is too much is
//! refused as rate limited before anything is sent, and the engine rests the lane.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::{HeaderName, HeaderValue};

use super::config::HandshakeConfig;
use crate::{
    contract::{Clock, ConfigError, Endpoint, ErrorKind, HttpRequest, HttpResponse, SendError},
    http::verdict,
};

/// Says who sends, in the question and in every delivery.
pub(super) const REQUEST_ORIGIN: HeaderName = HeaderName::from_static("webhook-request-origin");
const REQUEST_RATE: HeaderName = HeaderName::from_static("webhook-request-rate");
const ALLOWED_ORIGIN: HeaderName = HeaderName::from_static("webhook-allowed-origin");
const ALLOWED_RATE: HeaderName = HeaderName::from_static("webhook-allowed-rate");

/// How long a permission is believed.
const PERMISSION_KEPT: Duration = Duration::from_secs(60 * 60);

/// URLs whose permissions are kept at most; the others are asked again.
const PERMISSIONS_MAX: usize = 4096;

/// What a rate counts in.
const MINUTE: Duration = Duration::from_secs(60);

/// Asks for permissions and keeps them.
pub(super) struct Handshake {
    origin: String,
    rate: Option<NonZeroU32>,
    /// Locked for a look-up only, never while somebody is asked.
    kept: Mutex<HashMap<Arc<str>, Arc<Kept>>>,
}

/// What is known about one URL; its lock is held while it is asked.
type Kept = tokio::sync::Mutex<Option<Known>>;

struct Known {
    at: Instant,
    answer: Result<Permission, SendError>,
}

/// What a receiver permits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Permission {
    /// Requests per minute; `None` is as many as there are.
    rate: Option<NonZeroU32>,
    /// The minute that is counted, and the requests in it.
    minute: Instant,
    requests: u32,
}

impl Handshake {
    pub(super) fn new(config: &HandshakeConfig) -> Result<Self, ConfigError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if config.origin.is_empty() || !config.origin.bytes().all(allowed) {
            return Err(ConfigError::at("handshake.origin", "not a DNS name, expected something like \"notifyhub.example.com\""));
        }
        let rate = match config.rate {
            None => None,
            Some(rate) => Some(NonZeroU32::new(rate).ok_or_else(|| {
                ConfigError::at("handshake.rate", "asks for no requests at all, expected 1 or more per minute")
            })?),
        };
        Ok(Self { origin: config.origin.clone(), rate, kept: Mutex::default() })
    }

    /// The header that says who sends.
    pub(super) fn origin(&self) -> HeaderValue {
        HeaderValue::from_str(&self.origin).expect("a DNS name is fit for a header")
    }

    /// Makes `request` the one that asks for permission.
    pub(super) fn ask(&self, request: &mut HttpRequest) {
        if let Some(rate) = self.rate {
            request.headers.insert(REQUEST_RATE, rate.get().into());
        }
    }

    /// Lets one delivery to `endpoint` pass, after asking with `answer` where nothing is known.
    ///
    /// # Errors
    ///
    /// That the receiver does not permit it, or not now; nothing was sent then.
    pub(super) async fn pass(
        &self,
        endpoint: &Endpoint,
        clock: &dyn Clock,
        answer: impl Future<Output = Result<HttpResponse, SendError>>,
    ) -> Result<(), SendError> {
        let came = clock.now();
        let kept = self.kept_for(endpoint, came);
        let mut known = kept.lock().await;
        // A refusal counts for those who waited for it; whoever comes later asks again.
        let is_fresh = |known: &Known| match &known.answer {
            Ok(_) => came.saturating_duration_since(known.at) < PERMISSION_KEPT,
            Err(_) => known.at > came,
        };
        if !known.as_ref().is_some_and(is_fresh) {
            let answer = answer.await.map_err(not_sent);
            let at = clock.now();
            let answer = answer.and_then(|response| self.permission(&response, at, clock));
            *known = Some(Known { at, answer });
        }
        match &mut known.as_mut().expect("it was just asked").answer {
            Ok(permission) => permission.take(clock.now()),
            Err(error) => Err(error.clone()),
        }
    }

    /// Whether the receiver permits deliveries, for a check: asks, and keeps nothing.
    pub(super) fn judge(&self, response: &HttpResponse, clock: &dyn Clock) -> Result<(), SendError> {
        self.permission(response, clock.now(), clock).map(|_| ())
    }

    fn kept_for(&self, endpoint: &Endpoint, now: Instant) -> Arc<Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(endpoint.expose()) {
            return found.clone();
        }
        if kept.len() >= PERMISSIONS_MAX {
            make_room(&mut kept, now);
        }
        kept.entry(endpoint.expose().into()).or_default().clone()
    }

    /// What an answer permits. The status proves nothing: only the header is consent.
    fn permission(&self, response: &HttpResponse, now: Instant, clock: &dyn Clock) -> Result<Permission, SendError> {
        let word = |name: HeaderName| response.headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let consents = word(ALLOWED_ORIGIN).is_some_and(|origin| origin == "*" || origin.eq_ignore_ascii_case(&self.origin));
        if !consents {
            return Err(self.refusal(response, clock));
        }
        let rate = match word(ALLOWED_RATE) {
            Some("*") => None,
            // Who names no rate that can be read has agreed to the one that was asked for.
            written => written.and_then(|rate| rate.parse().ok()).or(self.rate),
        };
        Ok(Permission { rate, minute: now, requests: 0 })
    }

    fn refusal(&self, response: &HttpResponse, clock: &dyn Clock) -> SendError {
        match verdict::kind_of(response.status) {
            Some(kind @ (ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::Unauthorized)) => {
                verdict::error(kind, response, clock.wall())
            }
            _ => SendError::invalid_recipient(format!("the receiver does not agree to deliveries from {}", self.origin))
                .with_code(response.status.as_str()),
        }
    }
}

impl Permission {
    /// Counts one request.
    fn take(&mut self, now: Instant) -> Result<(), SendError> {
        let Some(rate) = self.rate else { return Ok(()) };
        let since = now.saturating_duration_since(self.minute);
        if since >= MINUTE {
            (self.minute, self.requests) = (now, 0);
        } else if self.requests >= rate.get() {
            let reason = format!("the receiver permits {rate} requests per minute");
            return Err(SendError::rate_limited(reason).with_retry_after(Some(MINUTE - since)));
        }
        self.requests += 1;
        Ok(())
    }
}

/// Whatever became of the question, the message was not sent.
fn not_sent(error: SendError) -> SendError {
    match error.kind() {
        ErrorKind::Ambiguous => SendError::unavailable(format!("no answer to the handshake: {}", error.reason())),
        _ => error,
    }
}

/// Forgets what is out of date, and where nothing is, any one nobody is waiting for.
fn make_room(kept: &mut HashMap<Arc<str>, Arc<Kept>>, now: Instant) {
    let is_idle = |kept: &Arc<Kept>| Arc::strong_count(kept) == 1;
    let is_current = |kept: &Arc<Kept>| match kept.try_lock() {
        Ok(known) => known.as_ref().is_some_and(|known| now.saturating_duration_since(known.at) < PERMISSION_KEPT),
        Err(_) => true,
    };
    let before = kept.len();
    kept.retain(|_, kept| !is_idle(kept) || is_current(kept));
    if kept.len() == before {
        let idle = kept.iter().find(|(_, kept)| is_idle(kept)).map(|(url, _)| url.clone());
        idle.map(|url| kept.remove(&url));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::FixedClock;

    #[test]
    fn permissions_of_any_number_of_urls_take_a_bounded_place() {
        let handshake = Handshake::new(&HandshakeConfig { origin: "a.example".into(), rate: None }).expect("a DNS name");
        let now = FixedClock::at_unix(0).now();
        let asked_now = handshake.kept_for(&Endpoint::new("https://b.example/asked-now"), now);
        for number in 0..PERMISSIONS_MAX + 10 {
            handshake.kept_for(&Endpoint::new(format!("https://b.example/{number}")), now);
        }
        let kept = handshake.kept.lock().expect("nobody panics with it");
        assert!(kept.len() <= PERMISSIONS_MAX);
        assert!(Arc::ptr_eq(&asked_now, &kept["https://b.example/asked-now"]), "nobody loses what he waits for");
    }
}
