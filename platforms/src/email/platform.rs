//! The adapter: an envelope in, a receipt or a verdict out.

use std::fmt;

use async_trait::async_trait;
use url::Url;

use super::{
    EmailConfig, address, build,
    letter::{self, Letter, Letterhead},
    pool::{Lent, Pool},
    reply::Stage,
};
use crate::contract::{
    Adapter, Capabilities, ConfigError, Envelope, Format, Idempotency, Parts, Platform, Receipt, RecipientRule, SendError,
    UrlTarget,
};

/// Most mails of one batch: they go over one connection, one transaction each.
const BATCH_MAX: usize = 50;

/// Sends mail through one mail server. See [`EmailConfig`] for its keys.
///
/// A receipt's id is the mail's Message-ID, which is the same for every attempt; its detail is the server's last word,
/// usually with its queue id.
pub struct Email {
    pub(super) letterhead: Letterhead,
    pub(super) pool: Pool,
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
        build::email(&config, parts)
    }

    fn from_url(url: &str) -> Result<UrlTarget<EmailConfig>, ConfigError> {
        address::parse(url)
    }

    fn shown_url(url: &str) -> Option<String> {
        Some(Url::parse(url).ok()?.host_str().unwrap_or_default().to_owned())
    }
}
