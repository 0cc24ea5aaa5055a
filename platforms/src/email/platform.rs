//! The adapter: an envelope in, a receipt or a verdict out.

use std::fmt;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::{Certificate, CertificateStore, TlsParameters},
    extension::ClientId,
};

use super::{
    AuthMechanism, EmailConfig, ListUnsubscribe, Security, address, header,
    letter::{self, Letter, Letterhead},
    mailbox,
    pool::{Lent, Pool},
    reply::Stage,
    server::{Login, Server},
};
use crate::contract::{
    Adapter, Capabilities, ConfigError, Envelope, Format, Idempotency, NetworkPolicy, Parts, Platform, Receipt, RecipientRule,
    SendError, UrlTarget,
};

/// Most mails of one batch: they go over one connection, one transaction each.
const BATCH_MAX: usize = 50;
const CONNECTIONS_MAX: usize = 100;

/// Sends mail through one mail server. See [`EmailConfig`] for its keys.
///
/// A receipt's id is the mail's Message-ID, which is the same for every attempt; its detail is the server's last word,
/// usually with its queue id.
pub struct Email {
    letterhead: Letterhead,
    pool: Pool,
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Email")
            .field("server", &self.pool.server.to_string())
            .field("from", &self.letterhead.from)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Platform for Email {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            formats: &[Format::Text, Format::Markdown, Format::Html],
            batch_max: BATCH_MAX,
            idempotency: Idempotency::Receiver,
            attachments: true,
            recipient: RecipientRule::Required,
            ..Capabilities::default()
        }
    }

    fn verify(&self, recipient: Option<&str>) -> Result<(), SendError> {
        letter::recipient(recipient).map(drop)
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let letter = self.letterhead.letter(envelope)?;
        let mut lent = self.pool.lend().await?;
        let outcome = self.deliver(&mut lent, &letter).await;
        self.pool.give_back(lent).await;
        outcome
    }

    /// One transaction per envelope, one after the other over one connection; another one is made when it is lost. When
    /// none can be made, the rest of the batch fails as that attempt did.
    async fn send_batch(&self, batch: &[Envelope]) -> Vec<Result<Receipt, SendError>> {
        let mut results = Vec::with_capacity(batch.len());
        let mut held: Option<Lent<'_>> = None;
        let mut down: Option<SendError> = None;
        for envelope in batch {
            let result = match (self.letterhead.letter(envelope), &down) {
                (Err(error), _) => Err(error),
                (Ok(_), Some(error)) => Err(error.clone()),
                (Ok(letter), None) => match self.held_or_lent(&mut held).await {
                    Ok(mut lent) => {
                        let outcome = self.deliver(&mut lent, &letter).await;
                        held = Some(lent);
                        outcome
                    }
                    Err(error) => {
                        down = Some(error.clone());
                        Err(error)
                    }
                },
            };
            results.push(result);
        }
        if let Some(lent) = held {
            self.pool.give_back(lent).await;
        }
        results
    }

    /// Connects, encrypts, logs in, and asks for nothing.
    async fn check(&self) -> Result<(), SendError> {
        let server = &self.pool.server;
        let mut link = server.dial().await?;
        link.test(server).await.map_err(|trouble| server.refused(Stage::Sender, trouble))?;
        server.in_time(server.timeout, link.quit()).await;
        Ok(())
    }
}

impl Email {
    async fn held_or_lent<'a>(&'a self, held: &mut Option<Lent<'a>>) -> Result<Lent<'a>, SendError> {
        match held.take() {
            Some(lent) if lent.link.is_clean && lent.link.mails < self.pool.mails_max => Ok(lent),
            Some(lent) => {
                self.pool.give_back(lent).await;
                self.pool.lend().await
            }
            None => self.pool.lend().await,
        }
    }

    /// Sends one mail; once more over a new connection where a kept one turns out to be dead.
    async fn deliver(&self, lent: &mut Lent<'_>, letter: &Letter) -> Result<Receipt, SendError> {
        let server = &self.pool.server;
        let mut outcome = lent.link.deliver(letter, server).await;
        if lent.is_reused && matches!(&outcome, Err(refusal) if refusal.is_stale) {
            lent.link = server.dial().await?;
            outcome = lent.link.deliver(letter, server).await;
        }
        lent.is_reused = true;
        outcome.map(|text| Receipt::with_id(&*letter.id).detail(text)).map_err(|refusal| refusal.error)
    }
}

impl Adapter for Email {
    const KIND: &'static str = "email";
    const SUMMARY: &'static str = "E-mail through any SMTP server";
    const SCHEMES: &'static [&'static str] = &["mailto", "mailtos"];
    type Config = EmailConfig;

    fn build(config: EmailConfig, parts: &Parts) -> Result<Self, ConfigError> {
        check_bounds(&config)?;
        let letterhead = letterhead(&config)?;
        let pool =
            Pool::new(server(&config, parts)?, config.max_connections, config.idle_timeout, config.max_messages_per_connection);
        Ok(Self { letterhead, pool })
    }

    fn from_url(url: &str) -> Result<UrlTarget<EmailConfig>, ConfigError> {
        address::parse(url)
    }
}

fn check_bounds(config: &EmailConfig) -> Result<(), ConfigError> {
    if config.host.is_empty() || config.host.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(ConfigError::at("host", "expected a host name or an address, such as `smtp.example.com`"));
    }
    if !(1..=CONNECTIONS_MAX).contains(&config.max_connections) {
        return Err(ConfigError::at("max_connections", format!("expected 1 to {CONNECTIONS_MAX}")));
    }
    if config.max_messages_per_connection == 0 {
        return Err(ConfigError::at("max_messages_per_connection", "expected at least 1"));
    }
    Ok(())
}

fn letterhead(config: &EmailConfig) -> Result<Letterhead, ConfigError> {
    let read = |key: &str, text: &str| mailbox::parse(text).map_err(|reason| ConfigError::at(key, reason));
    let from = read("from", &config.from)?;
    let envelope_from = match config.envelope_from.as_deref() {
        None => Some(from.email.clone()),
        Some("<>") => None,
        Some(text) => Some(mailbox::parse_address(text).map_err(|reason| ConfigError::at("envelope_from", reason))?),
    };
    let headers = config
        .headers
        .iter()
        .map(|(name, value)| header::parse(name, value).map_err(|reason| ConfigError::at("headers", reason)));
    Ok(Letterhead {
        reply_to: config.reply_to.as_deref().map(|text| read("reply_to", text)).transpose()?,
        envelope_from,
        subject: config.subject.clone(),
        headers: headers.collect::<Result<_, _>>()?,
        list_unsubscribe: config.list_unsubscribe.clone().map(checked_list).transpose()?,
        from,
    })
}

fn checked_list(list: ListUnsubscribe) -> Result<ListUnsubscribe, ConfigError> {
    let wrong = |reason: &str| Err(ConfigError::at("list_unsubscribe", reason));
    if list.url.is_none() && list.mailto.is_none() {
        return wrong("expected a `url`, a `mailto` or both");
    }
    if list.url.as_deref().is_some_and(|url| !url.starts_with("https://") || url.contains(['<', '>', ' ']) || !url.is_ascii()) {
        return wrong("`url` must be an https:// URL: one-click unsubscribe (RFC 8058) allows no other");
    }
    if list.mailto.as_deref().is_some_and(|text| mailbox::parse_address(text).is_err()) {
        return wrong("`mailto` must be an address such as `unsubscribe@example.com`");
    }
    Ok(list)
}

fn server(config: &EmailConfig, parts: &Parts) -> Result<Server, ConfigError> {
    let allow_private = config.allow_private_networks || parts.allow_private_networks;
    Ok(Server {
        host: config.host.clone(),
        port: config.port.unwrap_or_else(|| config.security.default_port()),
        security: config.security,
        tls: tls(config)?,
        login: login(config)?,
        hello: hello(config.helo_name.as_deref())?,
        network: if allow_private { NetworkPolicy::AllowPrivate } else { NetworkPolicy::PublicOnly },
        connect_timeout: config.connect_timeout,
        timeout: config.timeout,
        clock: parts.clock.clone(),
    })
}

fn tls(config: &EmailConfig) -> Result<Option<TlsParameters>, ConfigError> {
    if config.security == Security::None {
        return Ok(None);
    }
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let wrong = |reason: String| ConfigError::at("ca_file", format!("`{}`: {reason}", path.display()));
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let authority = Certificate::from_pem(&pem).map_err(|_| wrong("expected certificates in PEM form".into()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    let parameters = builder.build().map_err(|error| ConfigError::new(format!("TLS cannot be set up: {error}")))?;
    Ok(Some(parameters))
}

fn login(config: &EmailConfig) -> Result<Option<Login>, ConfigError> {
    let (secret, default): (_, &[Mechanism]) = match (&config.username, &config.password, &config.access_token) {
        (None, None, None) => return Ok(None),
        (Some(_), Some(_), Some(_)) => {
            return Err(ConfigError::at("access_token", "give a password or an access token, not both"));
        }
        (Some(_), Some(password), None) => (password, &[Mechanism::Plain, Mechanism::Login]),
        (Some(_), None, Some(token)) => (token, &[Mechanism::Xoauth2]),
        (Some(_), None, None) => return Err(ConfigError::at("password", "a username needs a password or an access_token")),
        (None, ..) => return Err(ConfigError::at("username", "a password or an access_token needs a username")),
    };
    let user = config.username.clone().unwrap_or_default();
    if [&*user, secret.expose()].iter().any(|text| text.chars().any(char::is_control)) {
        return Err(ConfigError::at("username", "neither username nor password may have control characters"));
    }
    let mut mechanisms: Vec<_> = config.auth_mechanisms.iter().copied().map(Mechanism::from).collect();
    if mechanisms.is_empty() {
        mechanisms = default.to_vec();
    }
    if mechanisms.contains(&Mechanism::Xoauth2) != config.access_token.is_some()
        || (config.access_token.is_some() && mechanisms.len() > 1)
    {
        return Err(ConfigError::at(
            "auth_mechanisms",
            "`xoauth2` goes with an access_token, `plain` and `login` with a password",
        ));
    }
    let secret = secret.expose().to_owned();
    let on_the_wire = [format!("\0{user}\0{secret}"), secret.clone(), format!("user={user}\x01auth=Bearer {secret}\x01\x01")];
    let secrets = on_the_wire.iter().map(|form| BASE64.encode(form)).chain([secret.clone()]).collect();
    Ok(Some(Login {
        credentials: Credentials::new(user, secret),
        mechanisms,
        allow_insecure: config.allow_insecure_auth,
        secrets,
    }))
}

impl From<AuthMechanism> for Mechanism {
    fn from(mechanism: AuthMechanism) -> Self {
        match mechanism {
            AuthMechanism::Plain => Self::Plain,
            AuthMechanism::Login => Self::Login,
            AuthMechanism::Xoauth2 => Self::Xoauth2,
        }
    }
}

fn hello(name: Option<&str>) -> Result<ClientId, ConfigError> {
    let Some(name) = name else { return Ok(ClientId::default()) };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::at("helo_name", "expected a host name such as `app.example.com`"));
    }
    Ok(ClientId::Domain(name.to_owned()))
}
