//! The traits of an adapter.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, future::join_all, stream};
use http::Method;

use super::{
    address, build,
    config::WebhookConfig,
    destination::{Destination, Destinations},
    handshake::Handshake,
    request::Requests,
    verdict::Verdict,
};
use crate::{
    contract::{
        Adapter, Capabilities, Clock, ConfigError, Envelope, ErrorKind, Format, HttpRequest, HttpResponse, Idempotency,
        LimitScope, Parts, Platform, Receipt, RecipientRule, Secret, SendError, Transport, UrlTarget,
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
    pub(super) handshake: Option<Handshake>,
    pub(super) verdict: Verdict,
    pub(super) secrets: Vec<Secret>,
}

/// Bytes of the messages of one batch: a list of them is to stay well below the megabyte that servers take by default.
const BATCH_BYTES_MAX: usize = 512 * 1024;

/// Requests that are under way at once for the messages of a batch that was taken apart.
const APART_AT_ONCE: usize = 8;

impl Webhook {
    /// Sends messages for one recipient in one request: what came of each, or what kept all of them from being accepted.
    async fn deliver(&self, batch: &[&Envelope]) -> Result<Vec<Result<Receipt, SendError>>, SendError> {
        let first = batch.first().expect("a request carries a message");
        let destination = self.destinations.find(first.recipient.as_deref())?;
        let request = self.requests.sending(batch, &destination, self.unix_seconds())?;
        let response = match &self.handshake {
            None => self.answered(&destination, request).await?,
            // Few ask for permission: elsewhere there is no room for it in what waits for an answer.
            Some(handshake) => self.permitted(handshake, &destination, request).boxed().await?,
        };
        let results = match &self.requests.batches {
            Some(batches) => batches.results(&self.verdict, &response, batch.len(), &*self.clock),
            None => self.verdict.on(&response, &*self.clock).map(|receipt| vec![Ok(receipt)]),
        };
        results.map_err(|error| if destination.trusted { error } else { of_one_endpoint(error) })
    }

    /// What came of the messages at these places of a batch, all for one recipient.
    async fn deliver_group(&self, batch: &[Envelope], group: Vec<usize>) -> Vec<(usize, Result<Receipt, SendError>)> {
        let members: Vec<_> = group.iter().map(|index| &batch[*index]).collect();
        let results = match self.deliver(&members).await {
            Ok(results) => results,
            Err(error) if error.kind() == ErrorKind::InvalidMessage && members.len() > 1 => {
                let sends: Vec<_> = members.iter().map(|envelope| self.send(envelope)).collect();
                stream::iter(sends).buffered(APART_AT_ONCE).collect().await
            }
            Err(error) => vec![Err(error); members.len()],
        };
        group.into_iter().zip(results).collect()
    }

    /// The answer to a request that may be sent only with permission.
    async fn permitted(
        &self,
        handshake: &Handshake,
        destination: &Destination,
        request: HttpRequest,
    ) -> Result<HttpResponse, SendError> {
        handshake.pass(&destination.endpoint, &*self.clock, self.permission(handshake, destination)).await?;
        self.answered(destination, request).await
    }

    /// Asks for permission to send to a destination.
    async fn permission(&self, handshake: &Handshake, destination: &Destination) -> Result<HttpResponse, SendError> {
        let mut request = self.requests.asking(destination, Method::OPTIONS);
        handshake.ask(&mut request);
        self.answered(destination, request).await
    }

    fn answered<'a>(
        &'a self,
        destination: &Destination,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpResponse, SendError>> + Send + 'a {
        let identified = self.identified.as_ref().filter(|_| destination.trusted);
        answered(&**identified.unwrap_or(&self.transport), request, &self.secrets)
    }

    fn unix_seconds(&self) -> u64 {
        self.clock.wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs()
    }
}

/// A refusal of an endpoint that a recipient named: the operator's credentials are not meant, and other endpoints of that
/// host are none of its business.
fn of_one_endpoint(error: SendError) -> SendError {
    if error.kind() == ErrorKind::Unauthorized { error.with_scope(LimitScope::Target) } else { error }
}

#[async_trait]
impl Platform for Webhook {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: &[Format::Text, Format::Markdown, Format::Html],
            idempotency: Idempotency::Receiver,
            batch_max: self.requests.batches.as_ref().map_or(1, |batches| batches.max),
            batch_bytes_max: BATCH_BYTES_MAX,
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
        let mut results = self.deliver(&[envelope]).await?;
        results.pop().expect("one result for one message")
    }

    /// One request for each recipient, all at once. A request that is refused as invalid is taken apart: each of its
    /// messages is sent alone, so that one bad message costs no other.
    async fn send_batch(&self, batch: &[Envelope]) -> Vec<Result<Receipt, SendError>> {
        let are_lists = self.requests.batches.is_some();
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for (index, envelope) in batch.iter().enumerate() {
            let fits = |group: &&mut Vec<usize>| are_lists && batch[group[0]].recipient == envelope.recipient;
            match groups.iter_mut().find(fits) {
                Some(group) => group.push(index),
                None => groups.push(vec![index]),
            }
        }
        let sends: Vec<_> = groups.into_iter().map(|group| self.deliver_group(batch, group)).collect();
        let mut results: Vec<_> = join_all(sends).await.into_iter().flatten().collect();
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// Asks for `url` with HEAD, which notifies nobody. Every answer proves that somebody is there, but 401, 403 and
    /// 5xx; receivers that only know POST answer 404 or 405. With `handshake` the question is whether deliveries are
    /// permitted. Without `url` there is nobody to ask.
    async fn check(&self) -> Result<(), SendError> {
        let Some(fixed) = &self.destinations.fixed else { return Ok(()) };
        if let Some(handshake) = &self.handshake {
            let response = self.permission(handshake, &fixed.destination).await?;
            return handshake.judge(&response, &*self.clock);
        }
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
