//! The traits of an adapter.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use http::Method;

use super::{
    address, build,
    config::WebhookConfig,
    destination::{Destination, Destinations},
    request::Requests,
    verdict::Verdict,
};
use crate::{
    contract::{
        Adapter, Capabilities, Clock, ConfigError, Envelope, ErrorKind, Format, HttpRequest, HttpResponse, Idempotency, Parts,
        Platform, Receipt, RecipientRule, Secret, SendError, Transport, UrlTarget,
    },
    http::{answered, verdict},
};

/// Sends HTTP requests to any URL. See the [module](super).
pub struct Webhook {
    pub(super) transport: Arc<dyn Transport>,
    /// The transport that shows the client's certificate, for trusted destinations.
    pub(super) identified: Option<Arc<dyn Transport>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) destinations: Destinations,
    pub(super) requests: Requests,
    pub(super) verdict: Verdict,
    pub(super) secrets: Vec<Secret>,
}

impl Webhook {
    async fn answered(&self, destination: &Destination, request: HttpRequest) -> Result<HttpResponse, SendError> {
        let identified = self.identified.as_ref().filter(|_| destination.trusted);
        let secrets: Vec<_> = self.secrets.iter().collect();
        answered(&**identified.unwrap_or(&self.transport), request, &secrets).await
    }

    fn unix_seconds(&self) -> u64 {
        self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
    }
}

#[async_trait]
impl Platform for Webhook {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: &[Format::Text, Format::Markdown, Format::Html],
            idempotency: Idempotency::Receiver,
            attachments: self.requests.body.carries_attachments(),
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
        let destination = self.destinations.find(envelope.recipient.as_deref())?;
        let request = self.requests.sending(envelope, &destination, self.unix_seconds())?;
        let response = self.answered(&destination, request).await?;
        self.verdict.on(&response, &*self.clock)
    }

    /// Asks for `url` with HEAD, which notifies nobody. Every answer proves that somebody is there, but 401, 403 and
    /// 5xx; receivers that only know POST answer 404 or 405. Without `url` there is nobody to ask.
    async fn check(&self) -> Result<(), SendError> {
        let Some(fixed) = &self.destinations.fixed else { return Ok(()) };
        let request = self.requests.asking(&fixed.destination, Method::HEAD);
        let response = self.answered(&fixed.destination, request).await?;
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
        f.debug_struct("Webhook").field("url", &url).field("body", &self.requests.body).finish_non_exhaustive()
    }
}
