//! One connection, and the transaction on it.

use std::time::Instant;

use lettre::transport::smtp::{
    client::AsyncSmtpConnection,
    commands::{Data, Ehlo, Mail, Noop, Rcpt, Rset},
    extension::{MailBodyParameter, MailParameter},
};

use super::{
    letter::Letter,
    reply::Stage,
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

/// What the server said in its answer to EHLO and lettre does not keep.
#[derive(Debug, Default, Clone, Copy)]
struct Offers {
    /// SIZE (RFC 1870): outer is whether it is offered, inner is the largest mail, if there is a limit.
    size: Option<Option<usize>>,
    /// SMTPUTF8 (RFC 6531).
    utf8: bool,
}

/// A mail that was not accepted.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) error: SendError,
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

    /// Sends one mail: `MAIL`, `RCPT`, `DATA`, the content. Returns the server's last words.
    ///
    /// # Errors
    ///
    /// [`Refusal`]. Only a connection lost behind the end of the content is ambiguous: before it the server has to
    /// forget the mail (RFC 5321 section 4.1.1.4).
    pub(super) async fn deliver(&mut self, letter: &Letter, server: &Server) -> Result<String, Refusal> {
        let parameters = self.parameters(letter)?;
        self.is_clean = false;
        let mail = Mail::new(letter.sender.clone(), parameters);
        let rcpt = Rcpt::new(letter.recipient.clone(), Vec::new());
        self.step(server, Stage::Sender, mail).await?;
        self.step(server, Stage::Recipient, rcpt).await?;
        self.step(server, Stage::Data, Data).await?;
        let text = self.content(letter, server).await?;
        self.is_clean = true;
        self.mails += 1;
        self.used_at = server.clock.now();
        Ok(server.redacted(text))
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

    fn parameters(&self, letter: &Letter) -> Result<Vec<MailParameter>, Refusal> {
        let mut parameters = Vec::new();
        if let Some(limit) = self.offers.size {
            let bytes = letter.bytes.len();
            if let Some(max) = limit.filter(|max| bytes > *max) {
                let reason = format!("the mail has {bytes} bytes, and the server takes at most {max}");
                return Err(Refusal { error: SendError::invalid_message(reason).with_code("552 5.3.4"), is_stale: false });
            }
            parameters.push(MailParameter::Size(bytes));
        }
        let sender_is_ascii = letter.sender.as_ref().is_none_or(|sender| AsRef::<str>::as_ref(sender).is_ascii());
        if AsRef::<str>::as_ref(&letter.recipient).is_ascii() && sender_is_ascii {
            return Ok(parameters);
        }
        if !self.offers.utf8 {
            let reason = "the address is not ASCII, and the mail server does not offer SMTPUTF8";
            return Err(Refusal { error: SendError::invalid_recipient(reason).with_code("553 5.6.7"), is_stale: false });
        }
        parameters.extend([MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)]);
        Ok(parameters)
    }

    async fn step(&mut self, server: &Server, stage: Stage, command: impl std::fmt::Display) -> Result<(), Refusal> {
        match server.within(self.smtp.command(command)).await {
            Ok(_) => Ok(()),
            Err(trouble) => Err(self.refused(server, stage, trouble).await),
        }
    }

    async fn refused(&mut self, server: &Server, stage: Stage, trouble: Trouble) -> Refusal {
        let said_no = matches!(&trouble, Trouble::Reply(code, _) if *code != 421);
        let error = server.refused(stage, trouble);
        if said_no {
            self.is_clean = server.within(self.smtp.command(Rset)).await.is_ok();
        }
        Refusal { error, is_stale: stage == Stage::Sender && !said_no }
    }

    async fn content(&mut self, letter: &Letter, server: &Server) -> Result<String, Refusal> {
        let mut all_written = false;
        let mut chunks = letter.bytes.chunks(CHUNK_BYTES);
        // The end of the mail is written after the last chunk, so not before `None` is asked for.
        let parts = std::iter::from_fn(|| {
            let next = chunks.next();
            all_written |= next.is_none();
            next
        });
        let answer = server.within(self.smtp.message_iter(parts)).await;
        let error = match answer {
            Ok(response) => return Ok(response.message().collect::<Vec<_>>().join(" ")),
            Err(Trouble::Reply(code, text)) => {
                self.is_clean = code != 421;
                server.refused(Stage::Content, Trouble::Reply(code, text))
            }
            Err(trouble) if all_written => SendError::ambiguous(format!(
                "the mail was sent, but no answer came: {}",
                server.refused(Stage::Content, trouble).reason()
            )),
            Err(trouble) => server.refused(Stage::Content, trouble),
        };
        Err(Refusal { error, is_stale: false })
    }
}

impl Offers {
    fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut offers = Self::default();
        for line in lines {
            let mut words = line.split_ascii_whitespace();
            match words.next().map(str::to_ascii_uppercase).as_deref() {
                Some("SIZE") => offers.size = Some(words.next().and_then(|max| max.parse().ok()).filter(|max| *max > 0)),
                Some("SMTPUTF8") => offers.utf8 = true,
                _ => {}
            }
        }
        offers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_offers_is_read_from_its_hello() {
        let offers = Offers::of(["mx.example.test", "PIPELINING", "size 1048576", "SMTPUTF8"].into_iter());
        assert_eq!((offers.size, offers.utf8), (Some(Some(1_048_576)), true));
        assert_eq!(Offers::of(["mx", "SIZE"].into_iter()).size, Some(None));
        assert_eq!(Offers::of(["mx", "SIZE 0"].into_iter()).size, Some(None));
        assert_eq!(Offers::of(["mx"].into_iter()).size, None);
    }
}
