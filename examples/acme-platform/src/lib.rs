//! Acme Pager, as a platform of notifyhub: what a third party's adapter looks like.
//!
//! Acme is made up, and so is its API: one request per page, a bearer token, JSON both ways.
//!
//! ```toml
//! [platforms.pager]
//! type = "acme"
//! token = { env = "ACME_TOKEN" }
//! recipient = "team-red"
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `config` | the keys of the table, and URLs that stand for them |
//! | `page` | from a message to Acme's JSON |
//! | `answer` | from Acme's answer to a receipt or an error |
//!
//! The crate depends on `notifyhub-platforms` alone, so it knows no queue, no retry and no worker. It is put into a
//! binary by `Registry::builtin().with::<AcmePager>()`.

mod answer;
mod config;
mod page;

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, Method, header};
use notifyhub_platforms::{
    Adapter, Platform,
    contract::{
        Capabilities, Clock, ConfigError, Endpoint, Envelope, HttpRequest, HttpResponse, Idempotency, NetworkPolicy, Parts,
        Receipt, RecipientRule, Secret, SendError, Transport, UrlTarget,
    },
    http::{Protocol, exchange, redact, verdict},
};

pub use config::AcmeConfig;

/// Pages people through Acme.
pub struct AcmePager {
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    token: Secret,
    authorization: HeaderValue,
    pages: Endpoint,
    account: Endpoint,
    network: NetworkPolicy,
}

impl AcmePager {
    fn request_to(&self, method: Method, url: &Endpoint) -> HttpRequest {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, self.authorization.clone())]);
        HttpRequest { headers, network: self.network, ..HttpRequest::new(method, url.clone()) }
    }
}

impl Protocol for AcmePager {
    fn request(&self, envelope: &Envelope) -> Result<HttpRequest, SendError> {
        let recipient = envelope.recipient.as_deref();
        page::check_recipient(recipient)?;
        let mut request = self.request_to(Method::POST, &self.pages);
        let id = HeaderValue::try_from(envelope.id.to_string()).expect("a UUID is fit for a header");
        request.headers.insert("idempotency-key", id);
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        request.body = page::json(recipient.unwrap_or_default(), &envelope.message).into();
        Ok(request)
    }

    fn classify(&self, response: &HttpResponse) -> Result<Receipt, SendError> {
        answer::classify(response, self.clock.wall())
    }

    fn secrets(&self) -> Vec<&Secret> {
        vec![&self.token]
    }
}

#[async_trait]
impl Platform for AcmePager {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            body: Some(page::TEXT_LIMIT),
            idempotency: Idempotency::Platform,
            recipient: RecipientRule::Required,
            ..Capabilities::default()
        }
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        page::check_recipient(recipient)
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        exchange(self, &*self.transport, envelope).await
    }

    /// Asks for the account, which pages nobody.
    async fn check(&self) -> Result<(), SendError> {
        let mut response = self.transport.exchange(self.request_to(Method::GET, &self.account)).await?;
        redact(&mut response, self.secrets());
        verdict::check_status(&response, self.clock.wall())
    }
}

impl Adapter for AcmePager {
    const KIND: &'static str = "acme";
    const SUMMARY: &'static str = "Acme Pager: pages to people and teams";
    const SCHEMES: &'static [&'static str] = &["acme"];

    type Config = AcmeConfig;

    fn build(config: AcmeConfig, parts: &Parts) -> Result<Self, ConfigError> {
        let private = config.allow_private_networks || parts.allow_private_networks;
        let base = config.base(private)?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", config.token.expose()))
            .map_err(|_| ConfigError::at("token", "holds characters that no token has"))?;
        authorization.set_sensitive(true);
        Ok(Self {
            transport: parts.transport.clone(),
            clock: parts.clock.clone(),
            token: config.token.clone(),
            authorization,
            pages: Endpoint::new(format!("{base}/v1/pages")),
            account: Endpoint::new(format!("{base}/v1/account")),
            network: if private { NetworkPolicy::AllowPrivate } else { NetworkPolicy::PublicOnly },
        })
    }

    fn from_url(url: &str) -> Result<UrlTarget<AcmeConfig>, ConfigError> {
        config::from_url(url)
    }
}
