//! Discord: webhooks and bots.
//!
//! | what | webhook | bot (`token`) |
//! |---|---|---|
//! | recipient | none: the webhook's channel; or the id of a thread in it | required: the id of a channel or a thread |
//! | accepted | 200 and a message with an id, because every send asks Discord to wait for it to be saved | the same |
//! | receipt | id of the message, its channel | the same |
//! | copies | not recognised | recognised for a few minutes, by a `nonce` made of the envelope's id |
//! | files | in the message, as `multipart/form-data` | the same |
//!
//! Short text is content, everything else embeds in the colour of the priority. Text never pings anybody, because
//! `allowed_mentions` names exactly the message's [`mentions`](crate::contract::Extras::mentions).
//!
//! A `thread_key` that is itself the id of a thread leads there. In a forum (a webhook with `thread_name`) any other key
//! opens a thread of that name, which is remembered as long as the process lives; one that is gone or locked is opened
//! anew.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | the keys |
//! | `road` | webhook or bot, and their addresses |
//! | `scheme` | `discord://` URLs |
//! | `payload` | a message as JSON and files |
//! | `embeds` | title, body, fields and image within the limits |
//! | `mentions` | who is pinged |
//! | `errors` | what Discord's answers mean |
//!
//! Wire facts: <https://docs.discord.com/developers/resources/webhook#execute-webhook>,
//! <https://docs.discord.com/developers/resources/message#create-message>,
//! <https://docs.discord.com/developers/topics/rate-limits>.

mod config;
mod embeds;
mod errors;
mod mentions;
mod payload;
mod road;
mod scheme;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, header};

pub use config::{DiscordConfig, MentionKind};
use errors::Posted;
use road::{Place, Road};

use super::memory::Memory;
use crate::{
    contract::{
        Adapter, Capabilities, Clock, ConfigError, Envelope, Format, HttpRequest, HttpResponse, Idempotency, LimitScope,
        NetworkPolicy, Parts, Platform, Receipt, RecipientRule, Secret, SendError, Transport, UrlTarget,
    },
    http::{Protocol, answered, multipart},
    render::limit::{self, Markup},
};

/// One Discord webhook, or one bot.
pub struct Discord {
    road: Road,
    config: DiscordConfig,
    /// Which thread each key has opened in the forum.
    threads: Memory,
    secrets: Vec<Secret>,
    network: NetworkPolicy,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

impl Adapter for Discord {
    const KIND: &'static str = "discord";
    const SUMMARY: &'static str = "Discord channels and threads, by webhook or bot token";
    const SCHEMES: &'static [&'static str] = &["discord"];

    type Config = DiscordConfig;

    fn build(config: DiscordConfig, parts: &Parts) -> Result<Self, ConfigError> {
        let allow_private = config.allow_private_networks || parts.allow_private_networks;
        config.check()?;
        let road = Road::of(&config, allow_private)?;
        Ok(Self {
            secrets: road.secrets(),
            road,
            config,
            threads: Memory::default(),
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
    /// Where a message goes: its recipient, its thread key if that is an id, the configured thread, or a new one. A
    /// bot's recipient is the channel, so there the key, which names a thread in it, comes first.
    fn place<'a>(&'a self, envelope: &'a Envelope) -> Result<Place<'a>, SendError> {
        self.verify(envelope.recipient.as_deref())?;
        let recipient = envelope.recipient.as_deref();
        let key = thread_key(envelope).filter(|key| config::is_snowflake(key));
        let thread = match &self.road {
            Road::Bot { .. } => {
                let channel = key.or(recipient).expect("a bot's recipient was verified");
                return Ok(Place::Channel(channel));
            }
            Road::Webhook { thread, .. } => recipient.or(key).or(thread.as_deref()),
        };
        Ok(match (thread, &self.config.thread_name) {
            (Some(thread), _) => Place::Thread(thread),
            (None, Some(name)) => Place::NewThread(name),
            (None, None) => Place::Webhook,
        })
    }

    fn message_request(&self, envelope: &Envelope, place: Place<'_>) -> Result<HttpRequest, SendError> {
        let message = &*envelope.message;
        let payload = payload::payload(envelope, &self.config, place)?;
        let url = self.road.messages(place, payload.contains_key("components"));
        let json = serde_json::Value::Object(payload).to_string();
        let (content_type, body) = if payload::files(message).next().is_some() {
            multipart::encode(&envelope.id.to_string(), &payload::parts(json, message))
        } else {
            (HeaderValue::from_static("application/json; charset=utf-8"), Bytes::from(json))
        };
        let mut request = HttpRequest { network: self.network, body, ..HttpRequest::new(Method::POST, url) };
        request.headers.insert(header::CONTENT_TYPE, content_type);
        self.authorize(&mut request);
        Ok(request)
    }

    fn authorize(&self, request: &mut HttpRequest) {
        let Road::Bot { token, .. } = &self.road else { return };
        let mut bot = HeaderValue::try_from(format!("Bot {}", token.expose())).expect("the token was checked to be ASCII");
        bot.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, bot);
    }

    async fn carry(&self, request: HttpRequest) -> Result<Posted, SendError> {
        let response = answered(&*self.transport, request, self.secrets()).await?;
        self.posted(&response)
    }

    fn posted(&self, response: &HttpResponse) -> Result<Posted, SendError> {
        // A bot has a bucket for every channel, a webhook has one.
        let bucket = if matches!(self.road, Road::Bot { .. }) { LimitScope::Target } else { LimitScope::Lane };
        errors::accepted(response, bucket, self.clock.wall())
    }

    /// Posts into the thread that `name` has opened, or opens it; at most two requests.
    async fn post_in_forum(&self, envelope: &Envelope, name: &str) -> Result<Posted, SendError> {
        let slot = self.threads.slot(name);
        let mut open = slot.lock().await;
        if let Some(thread) = open.clone() {
            // Only opening takes turns.
            drop(open);
            let posted = self.carry(self.message_request(envelope, Place::Thread(&thread))?).await;
            if !posted.as_ref().is_err_and(errors::is_thread_lost) {
                return posted;
            }
            open = slot.lock().await;
            if let Some(other) = open.clone().filter(|other| *other != thread) {
                drop(open);
                return self.carry(self.message_request(envelope, Place::Thread(&other))?).await;
            }
            *open = None;
        }
        let posted = self.carry(self.message_request(envelope, Place::NewThread(name))?).await?;
        open.clone_from(&posted.channel);
        Ok(posted)
    }
}

/// What the message's thread key says, on one line; `None` where that is nothing.
fn thread_key(envelope: &Envelope) -> Option<&str> {
    envelope.message.extras().thread_key.as_deref().map(str::trim).filter(|key| !key.is_empty())
}

/// The name of the thread a key opens.
fn thread_name(key: &str) -> String {
    let words: Vec<&str> = key.split_whitespace().collect();
    limit::truncate(&words.join(" "), embeds::chars(config::THREAD_NAME_CHARS_MAX), Markup::Plain).into_owned()
}

impl Protocol for Discord {
    fn request(&self, envelope: &Envelope) -> Result<HttpRequest, SendError> {
        self.message_request(envelope, self.place(envelope)?)
    }

    fn classify(&self, response: &HttpResponse) -> Result<Receipt, SendError> {
        Ok(self.posted(response)?.receipt())
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.secrets.iter().collect()
    }
}

#[async_trait]
impl Platform for Discord {
    fn capabilities(&self) -> Capabilities {
        let (idempotency, recipient) = match self.road {
            Road::Webhook { .. } => (Idempotency::None, RecipientRule::Optional),
            Road::Bot { .. } => (Idempotency::Platform, RecipientRule::Required),
        };
        Capabilities {
            formats: &[Format::Text, Format::Markdown],
            body: Some(embeds::chars(embeds::TOTAL_CHARS_MAX)),
            attachments: true,
            idempotency,
            recipient,
            ..Capabilities::default()
        }
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        const CHANNEL: &str = "expected the id of a channel or a thread (15 to 20 digits)";
        match (&self.road, recipient) {
            (_, Some(id)) if config::is_snowflake(id) => Ok(()),
            (Road::Webhook { .. }, None) => Ok(()),
            (Road::Webhook { .. }, Some(_)) => {
                Err(SendError::invalid_recipient("this is no thread of discord, expected its id (15 to 20 digits) or nothing"))
            }
            (Road::Bot { .. }, None) => Err(SendError::invalid_recipient(format!("a bot of discord needs a channel, {CHANNEL}"))),
            (Road::Bot { .. }, Some(_)) => Err(SendError::invalid_recipient(format!("this is no channel of discord, {CHANNEL}"))),
        }
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let place = self.place(envelope)?;
        let posted = match (place, thread_key(envelope)) {
            (Place::NewThread(_), Some(key)) => self.post_in_forum(envelope, &thread_name(key)).await,
            _ => self.carry(self.message_request(envelope, place)?).await,
        };
        Ok(posted?.receipt())
    }

    /// Reads the webhook, or who the bot is, which notifies nobody.
    async fn check(&self) -> Result<(), SendError> {
        let mut request = HttpRequest { network: self.network, ..HttpRequest::new(Method::GET, self.road.own()) };
        self.authorize(&mut request);
        self.carry(request).await.map(drop)
    }
}
