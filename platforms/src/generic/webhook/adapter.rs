//! The request, and the traits of an adapter.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::{
    address, body::Body, build, cloudevents::CloudEvents, config::WebhookConfig, destination::Destinations, template::Template,
    verdict::Verdict,
};
use crate::{
    contract::{
        Adapter, Capabilities, Clock, ConfigError, Envelope, ErrorKind, Format, HttpRequest, HttpResponse, Idempotency, Parts,
        Platform, Receipt, RecipientRule, Secret, SendError, Transport, UrlTarget,
    },
    http::{
        Protocol, exchange, redact,
        signature::{HUB_SIGNATURE, HubKey, SigningKey, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign},
        verdict,
    },
};

/// Sends HTTP requests to any URL. See the [module](super).
pub struct Webhook {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) destinations: Destinations,
    pub(super) method: Method,
    /// The headers of every request; what differs is a placeholder.
    pub(super) headers: HeaderMap,
    /// The same with credentials, for trusted destinations.
    pub(super) credentials: HeaderMap,
    /// Headers whose values are made of the message.
    pub(super) templated: Vec<(HeaderName, Template)>,
    pub(super) body: Body,
    pub(super) signing_keys: Vec<SigningKey>,
    pub(super) hub_key: Option<HubKey>,
    pub(super) idempotency: Option<HeaderName>,
    pub(super) verdict: Verdict,
    pub(super) secrets: Vec<Secret>,
}

impl Webhook {
    fn unix_seconds(&self) -> u64 {
        self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
    }

    /// Writes the headers that are made of the message.
    fn describe(&self, headers: &mut HeaderMap, envelope: &Envelope) -> Result<(), SendError> {
        if let Some(events) = self.body.binary() {
            events.write_headers(envelope, headers);
        }
        for (name, template) in &self.templated {
            let value = template.render(envelope);
            if value.is_empty() {
                headers.remove(name);
                continue;
            }
            let value = HeaderValue::from_str(&value).map_err(|_| {
                let reason = "a line break or another control character of this message would stand in it";
                SendError::invalid_message(format!("header `{name}`: {reason}"))
            })?;
            headers.insert(name, value);
        }
        Ok(())
    }

    /// Writes the id, the time and the signatures into `headers`.
    fn seal(&self, headers: &mut HeaderMap, envelope: &Envelope, body: &[u8]) {
        let mut text = [0; 36];
        let id = envelope.id.encode(&mut text);
        let now = self.unix_seconds();
        if !self.signing_keys.is_empty() {
            headers.insert(WEBHOOK_SIGNATURE, sign(&self.signing_keys, id, now, body));
        }
        if let Some(key) = &self.hub_key {
            headers.insert(HUB_SIGNATURE, key.sign(body));
        }
        let id = HeaderValue::from_str(id).expect("a UUID is fit for a header");
        if let Some(name) = &self.idempotency {
            headers.insert(name, id.clone());
        }
        headers.insert(WEBHOOK_ID, id);
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(now));
    }
}

impl Webhook {
    /// Takes out all headers that are about a message.
    fn forget_message(&self, headers: &mut HeaderMap) {
        for name in [&WEBHOOK_ID, &WEBHOOK_TIMESTAMP, &WEBHOOK_SIGNATURE, &HUB_SIGNATURE, &header::CONTENT_TYPE] {
            headers.remove(name);
        }
        for name in self.idempotency.iter().chain(self.templated.iter().map(|(name, _)| name)) {
            headers.remove(name);
        }
        for name in self.body.binary().into_iter().flat_map(CloudEvents::header_names) {
            headers.remove(name);
        }
    }
}

impl Protocol for Webhook {
    fn request(&self, envelope: &Envelope) -> Result<HttpRequest, SendError> {
        let destination = self.destinations.find(envelope.recipient.as_deref())?;
        let body = self.body.bytes(envelope);
        let mut headers = if destination.trusted { self.credentials.clone() } else { self.headers.clone() };
        if let Some(authorization) = destination.authorization {
            headers.insert(header::AUTHORIZATION, authorization);
        }
        self.describe(&mut headers, envelope)?;
        self.seal(&mut headers, envelope, &body);
        Ok(HttpRequest {
            method: self.method.clone(),
            url: destination.endpoint,
            headers,
            body: body.into(),
            network: destination.network,
        })
    }

    fn classify(&self, response: &HttpResponse) -> Result<Receipt, SendError> {
        self.verdict.on(response, &*self.clock)
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.secrets.iter().collect()
    }
}

#[async_trait]
impl Platform for Webhook {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: &[Format::Text, Format::Markdown, Format::Html],
            idempotency: Idempotency::Receiver,
            attachments: self.body.carries_attachments(),
            recipient: if self.destinations.fixed.is_some() { RecipientRule::Optional } else { RecipientRule::Required },
            ..Capabilities::default()
        }
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        self.destinations.find(recipient).map(|_| ())
    }

    fn lane(&self, recipient: Option<&str>) -> Option<String> {
        self.destinations.lane(recipient)
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        exchange(self, &*self.transport, envelope).await
    }

    /// Asks for `url` with HEAD, which notifies nobody. Every answer proves that somebody is there, but 401, 403 and
    /// 5xx; receivers that only know POST answer 404 or 405. Without `url` there is nobody to ask.
    async fn check(&self) -> Result<(), SendError> {
        let Some(fixed) = &self.destinations.fixed else { return Ok(()) };
        let mut request = HttpRequest::new(Method::HEAD, fixed.destination.endpoint.clone());
        request.network = fixed.destination.network;
        request.headers = self.credentials.clone();
        self.forget_message(&mut request.headers);
        if let Some(authorization) = &fixed.destination.authorization {
            request.headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let mut response = self.transport.exchange(request).await?;
        redact(&mut response, &self.secrets());
        match response.status.as_u16() {
            401 | 403 => Err(verdict::error(ErrorKind::Unauthorized, &response, self.clock.wall())),
            500.. => Err(verdict::error(ErrorKind::Unavailable, &response, self.clock.wall())),
            _ => Ok(()),
        }
    }
}

impl Adapter for Webhook {
    const KIND: &'static str = "webhook";
    const SUMMARY: &'static str = "HTTP requests to any URL, signed by Standard Webhooks";
    const SCHEMES: &'static [&'static str] = &["json", "jsons", "webhook", "webhooks"];

    type Config = WebhookConfig;

    fn build(config: WebhookConfig, parts: &Parts) -> Result<Self, ConfigError> {
        build::webhook(config, parts)
    }

    fn from_url(url: &str) -> Result<UrlTarget<WebhookConfig>, ConfigError> {
        address::read(url)
    }

    fn shown_url(url: &str) -> Option<String> {
        address::shown(url)
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.destinations.fixed.as_ref().map(|fixed| &fixed.destination.endpoint);
        f.debug_struct("Webhook").field("url", &url).finish_non_exhaustive()
    }
}
