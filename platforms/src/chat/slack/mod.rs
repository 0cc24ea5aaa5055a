//! Slack: incoming webhooks, workflow triggers and the Web API.
//!
//! | what | incoming webhook | Web API (`token`) |
//! |---|---|---|
//! | recipient | none; overrides the channel on legacy webhooks only, those of apps ignore it | required: a channel or a user |
//! | accepted | 200 and `ok` | 2xx and `"ok": true` |
//! | receipt | none | `ts` and channel |
//! | files | links only | uploaded into the message's thread |
//!
//! A message whose layout Slack refuses is sent once more in a simpler one, in the end as plain text; one whose thread is
//! gone once more outside of it. Text never pings anybody; [`mentions`](crate::contract::Extras::mentions) do.
//!
//! A `thread_key` that is itself the `ts` of a message leads to its thread. With a bot token any other key (or what
//! `thread_by` makes) opens a thread with its first message in a channel, which is remembered as long as the process
//! lives. A recipient may be a mail address, which is looked up once.
//!
//! Messages are not edited or deleted: nothing above this adapter asks for it.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | the keys, and which road they choose |
//! | `scheme` | `slack://` URLs |
//! | `payload` | an envelope as JSON |
//! | `form` | in which form, and the simpler one after a refusal |
//! | `thread` | which thread a message belongs to |
//! | `people` | who has a mail address |
//! | `blocks`, `text` | a message as blocks, and as one text |
//! | `files` | the upload of attachments |
//! | `errors` | what Slack's answers mean |
//!
//! Wire facts: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>,
//! <https://docs.slack.dev/reference/methods/chat.postMessage>.

mod blocks;
mod config;
mod errors;
mod files;
mod form;
mod payload;
mod people;
mod scheme;
#[cfg(test)]
mod tests;
mod text;
mod thread;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

use config::Road;
pub use config::{Layout, MarkdownMode, SlackConfig};
use form::Form;

use super::memory::Memory;
use crate::{
    contract::{
        Adapter, Capabilities, Clock, ConfigError, Endpoint, Envelope, Format, HttpRequest, HttpResponse, NetworkPolicy, Parts,
        Platform, Receipt, RecipientRule, Secret, SendError, Transport, UrlTarget,
    },
    http::{Protocol, answered},
    render::template::Template,
};

/// One Slack webhook, or one workspace's bot.
pub struct Slack {
    road: Road,
    config: SlackConfig,
    thread_by: Option<Template>,
    /// The first message of each thread key in each channel.
    threads: Memory,
    /// Who has which mail address.
    users: Memory,
    secrets: Vec<Secret>,
    network: NetworkPolicy,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

/// Where a message went.
#[derive(Default)]
struct Posted {
    channel: Option<String>,
    ts: Option<String>,
    /// The thread it is a reply in.
    thread: Option<String>,
}

impl Posted {
    fn receipt(&self) -> Receipt {
        let receipt = Receipt { id: self.ts.as_deref().map(Into::into), ..Receipt::default() };
        match &self.channel {
            Some(channel) => receipt.detail(format!("channel {channel}")),
            None => receipt,
        }
    }
}

impl Adapter for Slack {
    const KIND: &'static str = "slack";
    const SUMMARY: &'static str = "Slack channels and users, by incoming webhook, workflow trigger or bot token";
    const SCHEMES: &'static [&'static str] = &["slack"];

    type Config = SlackConfig;

    fn build(config: SlackConfig, parts: &Parts) -> Result<Self, ConfigError> {
        let allow_private = config.allow_private_networks || parts.allow_private_networks;
        let road = Road::of(&config, allow_private)?;
        let thread_by = config.thread_by.as_deref().map(Template::parse_key).transpose();
        Ok(Self {
            secrets: road.secrets(),
            road,
            thread_by: thread_by.map_err(|reason| ConfigError::at("thread_by", reason))?,
            threads: Memory::default(),
            users: Memory::default(),
            config,
            network: if allow_private { NetworkPolicy::AllowPrivate } else { NetworkPolicy::PublicOnly },
            transport: parts.transport.clone(),
            clock: parts.clock.clone(),
        })
    }

    fn from_url(url: &str) -> Result<UrlTarget<SlackConfig>, ConfigError> {
        scheme::read(url)
    }
}

impl Slack {
    fn is_web_api(&self) -> bool {
        matches!(self.road, Road::WebApi(..))
    }

    fn message_request(&self, envelope: &Envelope, channel: Option<&str>, form: Form<'_>) -> Result<HttpRequest, SendError> {
        let payload = match &self.road {
            Road::Workflow(_, variables) => payload::workflow(&envelope.message, variables)?,
            road => payload::message(envelope, channel, road, &self.config, form)?,
        };
        let body = Bytes::from(serde_json::Value::Object(payload).to_string());
        Ok(match &self.road {
            Road::WebApi(..) => self.api_request("chat.postMessage", body),
            Road::Webhook(url) | Road::Workflow(url, _) => self.json_request(Endpoint::new(url.expose()), body),
        })
    }

    /// A call of the Web API with a JSON body.
    fn api_request(&self, method: &str, body: Bytes) -> HttpRequest {
        let Road::WebApi(base, token) = &self.road else { return self.json_request(Endpoint::new(""), body) };
        let mut request = self.json_request(Endpoint::new(format!("{base}/{method}")), body);
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose())).expect("the token was checked to be ASCII");
        bearer.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, bearer);
        request
    }

    /// A call of the Web API with a form.
    fn form_request(&self, method: &str, pairs: &[(&str, &str)]) -> HttpRequest {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let mut request = self.api_request(method, Bytes::from(form));
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request
    }

    fn json_request(&self, url: Endpoint, body: Bytes) -> HttpRequest {
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, json)]);
        HttpRequest { headers, body, network: self.network, ..HttpRequest::new(Method::POST, url) }
    }

    async fn carry(&self, request: HttpRequest) -> Result<HttpResponse, SendError> {
        answered(&*self.transport, request, self.secrets()).await
    }

    /// Posts the message, simpler where Slack refuses it as it is; every request says less than the one before.
    async fn post(&self, envelope: &Envelope, channel: Option<&str>, mut form: Form<'_>) -> Result<Posted, SendError> {
        loop {
            let answer = self.carry(self.message_request(envelope, channel, form)?).await?;
            match self.posted(&answer) {
                Err(error) => {
                    let code = error.code().filter(|_| !matches!(self.road, Road::Workflow(..)));
                    form = code.and_then(|code| form.simpler(code)).ok_or(error)?;
                }
                Ok(posted) => return Ok(Posted { thread: form.thread.map(str::to_owned), ..posted }),
            }
        }
    }

    fn posted(&self, response: &HttpResponse) -> Result<Posted, SendError> {
        let now = self.clock.wall();
        match &self.road {
            Road::Webhook(_) => errors::webhook(response, now).map(|()| Posted::default()),
            Road::Workflow(..) => errors::workflow(response, now).map(|()| Posted::default()),
            Road::WebApi(..) => {
                let answer = errors::web_api(response, now)?;
                let text = |key: &str| answer[key].as_str().map(str::to_owned);
                Ok(Posted { channel: text("channel"), ts: text("ts"), thread: None })
            }
        }
    }
}

impl Protocol for Slack {
    fn request(&self, envelope: &Envelope) -> Result<HttpRequest, SendError> {
        let recipient = envelope.recipient.as_deref();
        self.verify(recipient)?;
        let message = &envelope.message;
        self.message_request(envelope, recipient, Form::first(&self.config, message, payload::thread_ts(message)))
    }

    fn classify(&self, response: &HttpResponse) -> Result<Receipt, SendError> {
        Ok(self.posted(response)?.receipt())
    }

    fn secrets(&self) -> Vec<&Secret> {
        self.secrets.iter().collect()
    }
}

#[async_trait]
impl Platform for Slack {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: &[Format::Text, Format::Markdown],
            body: Some(text::TEXT),
            attachments: self.is_web_api(),
            recipient: match self.road {
                Road::WebApi(..) => RecipientRule::Required,
                Road::Webhook(_) => RecipientRule::Optional,
                Road::Workflow(..) => RecipientRule::Never,
            },
            ..Capabilities::default()
        }
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        const SHAPE: &str = "expected #name, a channel id (C…, G…, D…), a user id (U…, W…) or, with a token, a mail address";
        match (&self.road, recipient) {
            (Road::WebApi(..), None) => Err(SendError::invalid_recipient(format!("slack needs a channel, {SHAPE}"))),
            (Road::Workflow(..), Some(_)) => {
                Err(SendError::invalid_recipient("a workflow trigger names its own channel: leave it out"))
            }
            (Road::WebApi(..), Some(person)) if people::is_mail_address(person) => Ok(()),
            (_, Some(channel)) if !is_channel(channel) => {
                Err(SendError::invalid_recipient(format!("this is no slack channel, {SHAPE}")))
            }
            _ => Ok(()),
        }
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let recipient = envelope.recipient.as_deref();
        self.verify(recipient)?;
        if !self.is_web_api() {
            return Ok(self.post_message(envelope, recipient).await?.receipt());
        }
        let user = match recipient.filter(|recipient| people::is_mail_address(recipient)) {
            Some(address) => Some(self.user_of(address).await?),
            None => None,
        };
        let files = self.upload(envelope).await?;
        let posted = self.post_message(envelope, user.as_deref().or(recipient)).await?;
        Ok(self.share(files, posted).await)
    }

    /// Asks the Web API who we are. A webhook cannot be tried without being heard, so only its host is: any answer at
    /// all will do.
    async fn check(&self) -> Result<(), SendError> {
        let url = match &self.road {
            Road::WebApi(..) => {
                let answer = self.carry(self.api_request("auth.test", Bytes::from_static(b"{}"))).await?;
                return errors::web_api(&answer, self.clock.wall()).map(drop);
            }
            Road::Webhook(url) | Road::Workflow(url, _) => url.expose(),
        };
        let host = url::Url::parse(url).and_then(|url| url.join("/")).expect("the URL was parsed when the platform was built");
        let request = HttpRequest { network: self.network, ..HttpRequest::new(Method::GET, Endpoint::new(host.as_str())) };
        self.carry(request).await.map(drop)
    }
}

/// Slack's ids, and names of channels with or without `#`.
fn is_channel(recipient: &str) -> bool {
    let name = recipient.strip_prefix('#').unwrap_or(recipient);
    let is_bad =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '#' | '@' | '<' | '>' | '&' | ',' | '|' | '"' | '/' | ':');
    !name.is_empty() && name.chars().count() <= 80 && !name.contains(is_bad)
}
