//! One connection, and the transaction on it.

use std::time::Instant;

use lettre::{
    Address,
    transport::smtp::{
        client::AsyncSmtpConnection,
        commands::{Data, Ehlo, Mail, Noop, Rcpt, Rset},
    },
};

use super::{
    letter::Letter,
    offers::Offers,
    reply::{self, Stage},
    server::{Server, Trouble},
};
use crate::contract::SendError;

/// How much of a mail is handed to the socket at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// A connection that is ready for a mail.
pub(super) struct Link {
    smtp: AsyncSmtpConnection,
    offers: Offers,
    /// Whether its state is known: it is between two mails.
    pub(super) is_clean: bool,
    /// Mails accepted over it.
    pub(super) mails: u32,
    /// When it was last known to work.
    pub(super) used_at: Instant,
}

/// What became of one recipient of a transaction.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// The server wanted no more recipients: the next transaction is for him.
    Postponed,
    /// Named and not refused; only so while the transaction lasts.
    Named,
    /// He gets the mail; with the server's last words.
    Accepted(String),
    /// He does not.
    Refused(SendError),
}

/// A transaction that ended before its recipients were told apart.
struct Refusal {
    error: SendError,
    /// Whether the connection was gone before the server said anything about this mail.
    is_stale: bool,
}

/// How a transaction went.
#[derive(Debug)]
pub(super) struct Transaction {
    /// One for each recipient, in order. Of a single recipient it is never that he is postponed.
    pub(super) fates: Vec<Fate>,
    /// Whether the mail was refused for the sake of one of several recipients, and the server did not say of whom.
    pub(super) is_one_to_blame: bool,
    /// Whether the connection was gone before the server said anything about this mail.
    pub(super) is_stale: bool,
}

impl Link {
    /// Asks the server once more what it offers: the answer after TLS and login is the one that counts.
    ///
    /// # Errors
    ///
    /// [`Trouble`] when the server does not answer properly.
    pub(super) async fn open(mut smtp: AsyncSmtpConnection, server: &Server) -> Result<Self, Trouble> {
        let answer = server.within(smtp.command(Ehlo::new(server.hello.clone()))).await?;
        let offers = Offers::of(answer.message());
        Ok(Self { smtp, offers, is_clean: true, mails: 0, used_at: server.clock.now() })
    }

    /// Sends one mail: `MAIL`, a `RCPT` for each recipient, `DATA`, the content.
    ///
    /// Only a connection lost behind the end of the content is ambiguous, and only for who was not refused: before it the
    /// server has to forget the mail (RFC 5321 section 4.1.1.4).
    pub(super) async fn deliver(&mut self, letter: &Letter, recipients: &[&Address], server: &Server) -> Transaction {
        let mut fates: Vec<_> = recipients
            .iter()
            .map(|recipient| self.offers.check_recipient(recipient).map_or_else(Fate::Refused, |()| Fate::Postponed))
            .collect();
        let (mut is_stale, mut is_one_to_blame) = (false, false);
        if fates.iter().any(|fate| matches!(fate, Fate::Postponed)) {
            match self.transact(letter, recipients, &mut fates, server).await {
                Ok(is_one) => is_one_to_blame = is_one,
                Err(refusal) => {
                    is_stale = refusal.is_stale;
                    for fate in fates.iter_mut().filter(|fate| matches!(fate, Fate::Postponed | Fate::Named)) {
                        *fate = Fate::Refused(refusal.error.clone());
                    }
                }
            }
        }
        Transaction { fates, is_one_to_blame, is_stale }
    }

    /// Gives everybody his fate. Whether one of several is to blame that the mail was refused: then those that were named are
    /// postponed, nobody has got it.
    ///
    /// # Errors
    ///
    /// [`Refusal`] for everybody who has no other fate yet.
    async fn transact(
        &mut self,
        letter: &Letter,
        recipients: &[&Address],
        fates: &mut [Fate],
        server: &Server,
    ) -> Result<bool, Refusal> {
        let asked = recipients.iter().zip(&*fates).filter(|(_, fate)| matches!(fate, Fate::Postponed)).map(|(to, _)| *to);
        let parameters = self.offers.with_mail(letter, asked).map_err(|error| Refusal { error, is_stale: false })?;
        self.is_clean = false;
        self.step(server, Stage::Sender, Mail::new(letter.sender.clone(), parameters)).await?;
        self.name(letter, recipients, fates, server).await?;
        let named = fates.iter().filter(|fate| matches!(fate, Fate::Named)).count();
        if named == 0 {
            self.reset(server).await;
            return Ok(false);
        }
        let outcome = match self.step(server, Stage::Data, Data).await {
            Ok(()) => self.content(letter, server).await,
            Err(refusal) => Err(refusal.error),
        };
        if outcome.is_ok() {
            self.is_clean = true;
            self.mails += 1;
            self.used_at = server.clock.now();
        }
        let is_one_to_blame = named > 1 && outcome.as_ref().is_err_and(reply::is_about_one_recipient);
        let fate = match outcome {
            Ok(text) => Fate::Accepted(server.redacted(text)),
            Err(_) if is_one_to_blame => Fate::Postponed,
            Err(error) => Fate::Refused(error),
        };
        fates.iter_mut().filter(|fate| matches!(fate, Fate::Named)).for_each(|named| *named = fate.clone());
        Ok(is_one_to_blame)
    }

    /// Names the recipients, until the server wants no more.
    async fn name(
        &mut self,
        letter: &Letter,
        recipients: &[&Address],
        fates: &mut [Fate],
        server: &Server,
    ) -> Result<(), Refusal> {
        let mut any_named = false;
        for (recipient, fate) in recipients.iter().zip(fates).filter(|(_, fate)| matches!(fate, Fate::Postponed)) {
            let command = Rcpt::new((*recipient).clone(), self.offers.with_recipient(letter, recipient));
            *fate = match server.within(self.smtp.command(command)).await {
                Ok(_) => Fate::Named,
                Err(Trouble::Reply(code, text)) if any_named && reply::wants_no_more_recipients(code, &text) => return Ok(()),
                Err(Trouble::Reply(code, text)) if code != 421 => {
                    Fate::Refused(server.refused(Stage::Recipient, Trouble::Reply(code, text)))
                }
                Err(lost) => return Err(Refusal { error: server.refused(Stage::Recipient, lost), is_stale: false }),
            };
            any_named |= matches!(fate, Fate::Named);
        }
        Ok(())
    }

    /// Whether the server still answers.
    ///
    /// # Errors
    ///
    /// [`Trouble`] when it does not.
    pub(super) async fn test(&mut self, server: &Server) -> Result<(), Trouble> {
        server.within(self.smtp.command(Noop)).await?;
        self.used_at = server.clock.now();
        Ok(())
    }

    /// Says good-bye. The answer does not matter.
    pub(super) async fn quit(mut self) {
        let _ = self.smtp.quit().await;
    }

    async fn step(&mut self, server: &Server, stage: Stage, command: impl std::fmt::Display) -> Result<(), Refusal> {
        let Err(trouble) = server.within(self.smtp.command(command)).await else { return Ok(()) };
        let said_no = matches!(&trouble, Trouble::Reply(code, _) if *code != 421);
        let error = server.refused(stage, trouble);
        if said_no {
            self.reset(server).await;
        }
        Err(Refusal { error, is_stale: stage == Stage::Sender && !said_no })
    }

    /// Ends a transaction that came to nothing.
    async fn reset(&mut self, server: &Server) {
        self.is_clean = server.within(self.smtp.command(Rset)).await.is_ok();
    }

    async fn content(&mut self, letter: &Letter, server: &Server) -> Result<String, SendError> {
        let mut all_written = false;
        let mut chunks = letter.bytes.chunks(CHUNK_BYTES);
        // The end of the mail is written after the last chunk, so not before `None` is asked for.
        let parts = std::iter::from_fn(|| {
            let next = chunks.next();
            all_written |= next.is_none();
            next
        });
        match server.within(self.smtp.message_iter(parts)).await {
            Ok(response) => Ok(response.message().collect::<Vec<_>>().join(" ")),
            Err(Trouble::Reply(code, text)) => {
                self.is_clean = code != 421;
                Err(server.refused(Stage::Content, Trouble::Reply(code, text)))
            }
            Err(trouble) if all_written => Err(SendError::ambiguous(format!(
                "the mail was sent, but no answer came: {}",
                server.refused(Stage::Content, trouble).reason()
            ))),
            Err(trouble) => Err(server.refused(Stage::Content, trouble)),
        }
    }
}
