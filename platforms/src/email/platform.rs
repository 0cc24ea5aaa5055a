//! The adapter: an envelope in, a receipt or a verdict out.

use std::fmt;

use async_trait::async_trait;
use url::Url;

use super::{
    EmailConfig, address, build,
    letter::{self, Letterhead},
    pool::Pool,
    reply::Stage,
    round::Round,
};
use crate::contract::{
    Adapter, Capabilities, ConfigError, Counted, Envelope, Format, Idempotency, Parts, Platform, Receipt, RecipientRule,
    SendError, UrlTarget,
};

/// Most envelopes of one batch: their mails go over one connection.
const BATCH_MAX: usize = 100;

/// Sends mail through one mail server. See [`EmailConfig`] for its keys.
///
/// A receipt's id is the mail's Message-ID, which is the same for every attempt; its detail is the server's last word,
/// usually with its queue id.
pub struct Email {
    pub(super) letterhead: Letterhead,
    pub(super) pool: Pool,
    /// Most recipients of one transaction.
    pub(super) recipients_max: usize,
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
            counted: Counted::Envelopes,
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
        let mut outcomes = Round::new(self).send(std::slice::from_ref(envelope)).await;
        outcomes.pop().expect("one outcome for one envelope")
    }

    /// One mail after the other over one connection; another one is made when it is lost. When none can be made, the rest of
    /// the batch fails as that attempt did. With hidden copies the envelopes with the same message share a mail.
    async fn send_batch(&self, batch: &[Envelope]) -> Vec<Result<Receipt, SendError>> {
        Round::new(self).send(batch).await
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

impl Adapter for Email {
    const KIND: &'static str = "email";
    const SUMMARY: &'static str = "E-mail through any SMTP server";
    const SCHEMES: &'static [&'static str] = &["mailto", "mailtos"];
    type Config = EmailConfig;

    fn build(config: EmailConfig, parts: &Parts) -> Result<Self, ConfigError> {
        build::email(&config, parts)
    }

    fn from_url(url: &str) -> Result<UrlTarget<EmailConfig>, ConfigError> {
        address::parse(url)
    }

    fn shown_url(url: &str) -> Option<String> {
        Some(Url::parse(url).ok()?.host_str().unwrap_or_default().to_owned())
    }
}
