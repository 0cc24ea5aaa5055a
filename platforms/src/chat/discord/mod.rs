//! Discord: webhooks.
//!
//! | what | how |
//! |---|---|
//! | recipient | none: the webhook's channel; or the id of a thread in it |
//! | accepted | 200 and a message with an id, because every send asks Discord to wait for it to be saved |
//! | receipt | id of the message, its channel |
//! | files | in the message, as `multipart/form-data` |
//!
//! Short text is content, everything else embeds in the colour of the priority. Text never pings anybody, because
//! `allowed_mentions` names exactly the message's [`mentions`](crate::contract::Extras::mentions). A `thread_key` is used
//! where it is itself the id of a thread.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | the keys, and the address they make |
//! | `scheme` | `discord://` URLs |
//! | `payload` | a message as JSON and files |
//! | `embeds` | title, body, fields and image within the limits |
//! | `mentions` | who is pinged |
//! | `errors` | what Discord's answers mean |
//!
//! Wire facts: <https://docs.discord.com/developers/resources/webhook#execute-webhook>,
//! <https://docs.discord.com/developers/topics/rate-limits>.

mod config;
mod embeds;
mod errors;
mod mentions;
mod payload;
mod scheme;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

pub use config::{DiscordConfig, MentionKind};

use crate::{
    contract::{
        Adapter, Capabilities, Clock, ConfigError, Endpoint, Envelope, Format, HttpRequest, HttpResponse, NetworkPolicy, Parts,
        Platform, Receipt, Secret, SendError, Transport, UrlTarget,
    },
    http::{Protocol, address, exchange, multipart, redact},
};

/// One Discord webhook.
pub struct Discord {
    config: DiscordConfig,
    /// The address without query.
    hook: Secret,
    thread: Option<String>,
    secrets: Vec<Secret>,
    network: NetworkPolicy,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

impl Adapter for Discord {
    const KIND: &'static str = "discord";
    const SUMMARY: &'static str = "Discord channels and threads, by webhook";
    const SCHEMES: &'static [&'static str] = &["discord"];

    type Config = DiscordConfig;

    fn build(config: DiscordConfig, parts: &Parts) -> Result<Self, ConfigError> {
        let allow_private = config.allow_private_networks || parts.allow_private_networks;
        config.check()?;
        let (hook, thread) = config.address(allow_private)?;
        Ok(Self {
            secrets: address::secrets_of(&hook),
            hook,
            thread: config.thread_id.clone().or(thread),
            config,
            network: if allow_private { NetworkPolicy::AllowPrivate } else { NetworkPolicy::PublicOnly },
            transport: parts.transport.clone(),
            clock: parts.clock.clone(),
        })
    }

    fn from_url(url: &str) -> Result<UrlTarget<DiscordConfig>, ConfigError> {
        scheme::read(url)
    }
}

impl Discord {
    /// The thread a message goes into: its recipient, its thread key if that is an id, or the configured one.
    fn thread<'a>(&'a self, envelope: &'a Envelope) -> Option<&'a str> {
        let key = envelope.message.extras().thread_key.as_deref().filter(|key| config::is_snowflake(key));
        envelope.recipient.as_deref().or(key).or(self.thread.as_deref())
    }

    fn url(&self, thread: Option<&str>, has_components: bool) -> Endpoint {
        let mut url = format!("{}?wait=true", self.hook.expose());
        if let Some(thread) = thread {
            url.push_str("&thread_id=");
            url.extend(url::form_urlencoded::byte_serialize(thread.as_bytes()));
        }
        // Without it, components of webhooks that belong to no application are dropped silently.
        if has_components {
            url.push_str("&with_components=true");
        }
        Endpoint::new(url)
    }
}

impl Protocol for Discord {
    fn request(&self, envelope: &Envelope) -> Result<HttpRequest, SendError> {
        self.verify(envelope.recipient.as_deref())?;
        let thread = self.thread(envelope);
        let message = &*envelope.message;
        let payload = payload::payload(message, &self.config, thread.is_none())?;
        let url = self.url(thread, payload.contains_key("components"));
        let json = serde_json::Value::Object(payload).to_string();
        let (content_type, body) = if payload::files(message).next().is_some() {
            multipart::encode(&envelope.id.to_string(), &payload::parts(json, message))
        } else {
            (HeaderValue::from_static("application/json; charset=utf-8"), Bytes::from(json))
        };
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
        Ok(HttpRequest { method: Method::POST, url, headers, body, network: self.network })
    }

    fn classify(&self, response: &HttpResponse) -> Result<Receipt, SendError> {
        errors::accepted(response, self.clock.wall())
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.secrets.iter().collect()
    }
}

#[async_trait]
impl Platform for Discord {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: &[Format::Text, Format::Markdown],
            body: Some(embeds::chars(embeds::TOTAL_CHARS_MAX)),
            attachments: true,
            ..Capabilities::default()
        }
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        match recipient {
            Some(thread) if !config::is_snowflake(thread) => {
                Err(SendError::invalid_recipient("this is no thread of discord, expected its id (15 to 20 digits) or nothing"))
            }
            _ => Ok(()),
        }
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        exchange(self, &*self.transport, envelope).await
    }

    /// Reads the webhook, which notifies nobody.
    async fn check(&self) -> Result<(), SendError> {
        let request = HttpRequest { network: self.network, ..HttpRequest::new(Method::GET, Endpoint::new(self.hook.expose())) };
        let mut response = self.transport.exchange(request).await?;
        redact(&mut response, &self.secrets());
        self.classify(&response).map(drop)
    }
}
