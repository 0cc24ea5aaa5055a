//! Access tokens by a refresh token (RFC 6749 section 6), kept until shortly before their end.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use http::{
    HeaderValue, Method,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::OAuth2;
use crate::{
    contract::{
        Clock, ConfigError, Endpoint, ErrorKind, HttpRequest, HttpResponse, LimitScope, NetworkPolicy, Parts, Secret, SendError,
        Transport, TransportError, TransportErrorKind,
    },
    http::{address, redact, verdict},
};

/// How long a token is taken to live whose life the server does not tell.
const LIFE_UNTOLD: Duration = Duration::from_secs(600);
/// Longer than this no token is kept, whatever its life.
const LIFE_MAX: Duration = Duration::from_secs(86_400);
/// How long before its end a token is not used any more, unless a tenth of its life is less.
const MARGIN_MAX: Duration = Duration::from_secs(300);

/// Where access tokens come from. One is asked for at a time, however many connections need one.
pub(super) struct Tokens {
    url: Endpoint,
    config: OAuth2,
    network: NetworkPolicy,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    /// The refresh token in force; locked while a token is asked for.
    refresh: tokio::sync::Mutex<Secret>,
    /// The last token, for two lines and never over an await.
    last: Mutex<Option<Token>>,
}

struct Token {
    secret: Secret,
    good_until: Instant,
}

/// A good answer. What else is in it does not matter.
#[derive(Deserialize)]
struct Grant {
    access_token: String,
    /// A number; some servers write it as a text.
    #[serde(default)]
    expires_in: Value,
    #[serde(default)]
    refresh_token: Option<String>,
}

/// A bad one (RFC 6749 section 5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

impl Tokens {
    /// # Errors
    ///
    /// [`ConfigError`] for an address that is no https URL.
    pub(super) fn new(config: &OAuth2, network: NetworkPolicy, parts: &Parts) -> Result<Self, ConfigError> {
        address::check(&config.token_url, network == NetworkPolicy::AllowPrivate)
            .map_err(|reason| ConfigError::at("oauth2.token_url", reason))?;
        Ok(Self {
            url: Endpoint::new(&*config.token_url),
            network,
            transport: parts.transport.clone(),
            clock: parts.clock.clone(),
            refresh: tokio::sync::Mutex::new(config.refresh_token.clone()),
            last: Mutex::default(),
            config: config.clone(),
        })
    }

    /// A token that is good for now.
    ///
    /// # Errors
    ///
    /// [`SendError`] when none can be had; nothing of any mail has been sent.
    pub(super) async fn token(&self) -> Result<Secret, SendError> {
        if let Some(token) = self.good() {
            return Ok(token);
        }
        let mut refresh = self.refresh.lock().await;
        if let Some(token) = self.good() {
            return Ok(token);
        }
        let answer = self.transport.exchange(self.request(&refresh)).await.map_err(not_reached);
        let mut response = answer?;
        // The answer to a good request holds secrets of its own, which only an error could show.
        if !response.status.is_success() {
            redact(&mut response, self.config.client_secret.iter().chain([&*refresh]));
        }
        let grant = self.classify(&response)?;
        if let Some(newer) = grant.refresh_token.filter(|token| !token.is_empty()) {
            *refresh = Secret::new(newer);
        }
        let seconds = grant.expires_in.as_u64().or_else(|| grant.expires_in.as_str()?.parse().ok());
        let life = seconds.map_or(LIFE_UNTOLD, Duration::from_secs).min(LIFE_MAX);
        let good_until = self.clock.now() + (life - MARGIN_MAX.min(life / 10));
        let secret = Secret::new(grant.access_token);
        *self.last() = Some(Token { secret: secret.clone(), good_until });
        Ok(secret)
    }

    /// Drops a token that was refused. Whether it was the one in use, so that another one may do better.
    pub(super) fn forget(&self, secret: &Secret) -> bool {
        let now = self.clock.now();
        match &mut *self.last() {
            Some(last) if last.secret == *secret => {
                last.good_until = now;
                true
            }
            _ => false,
        }
    }

    /// The last token, good or not.
    pub(super) fn seen(&self) -> Vec<Secret> {
        self.last().iter().map(|token| token.secret.clone()).collect()
    }

    fn good(&self) -> Option<Secret> {
        let now = self.clock.now();
        self.last().as_ref().filter(|token| now < token.good_until).map(|token| token.secret.clone())
    }

    fn last(&self) -> MutexGuard<'_, Option<Token>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn request(&self, refresh: &Secret) -> HttpRequest {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token");
        form.append_pair("refresh_token", refresh.expose());
        form.append_pair("client_id", &self.config.client_id);
        if let Some(secret) = &self.config.client_secret {
            form.append_pair("client_secret", secret.expose());
        }
        if let Some(scope) = &self.config.scope {
            form.append_pair("scope", scope);
        }
        let mut request = HttpRequest::new(Method::POST, self.url.clone());
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.body = form.finish().into();
        request.network = self.network;
        request
    }

    fn classify(&self, response: &HttpResponse) -> Result<Grant, SendError> {
        let wrong = |kind, reason: &str| {
            let error = verdict::error(kind, response, self.clock.wall());
            let told = SendError::new(kind, format!("no access token: {reason}")).with_retry_after(error.retry_after());
            told.with_code(error.code().unwrap_or_default()).with_scope(LimitScope::Platform)
        };
        let Some(kind) = verdict::kind_of(response.status) else {
            let grant = serde_json::from_slice(&response.body).ok().filter(|grant: &Grant| is_token(&grant.access_token));
            return grant.ok_or_else(|| wrong(ErrorKind::Unexpected, "the answer holds none"));
        };
        let told: Option<Refused> = serde_json::from_slice(&response.body).ok();
        let kind = match (kind, told.as_ref().map(|told| &*told.error)) {
            (_, Some("temporarily_unavailable" | "server_error")) => ErrorKind::Unavailable,
            // The request is ours and the same for every mail: no mail and no recipient is to blame.
            (ErrorKind::InvalidMessage | ErrorKind::InvalidRecipient, _) => ErrorKind::Unauthorized,
            (kind, _) => kind,
        };
        let reason = match told {
            Some(Refused { error, error_description: Some(more) }) => format!("{error}: {more}"),
            Some(Refused { error, .. }) => error,
            None => verdict::reason(response),
        };
        Err(wrong(kind, &reason))
    }
}

/// Whether it can be sent as a bearer token (RFC 6750 section 2.1).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// No mail has been sent, so nothing is ambiguous.
fn not_reached(error: TransportError) -> SendError {
    let reason = format!("no access token: {}", error.detail);
    match error.kind {
        TransportErrorKind::Blocked => SendError::unauthorized(reason).with_code("address_blocked"),
        TransportErrorKind::Invalid => SendError::unauthorized(reason),
        _ => SendError::unavailable(reason),
    }
}
