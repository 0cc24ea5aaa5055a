//! What a server offers, and what is therefore said with `MAIL` and `RCPT`.

use lettre::{
    Address,
    transport::smtp::extension::{MailBodyParameter, MailParameter, RcptParameter},
};

use super::{Dsn, DsnNotify, DsnReturn, letter::Letter};
use crate::contract::SendError;

/// What the server said in its answer to EHLO and lettre does not keep.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Offers {
    /// SIZE (RFC 1870): outer is whether it is offered, inner is the largest mail, if there is a limit.
    size: Option<Option<usize>>,
    /// SMTPUTF8 (RFC 6531).
    utf8: bool,
    /// 8BITMIME (RFC 6152).
    eight_bit: bool,
    /// DSN (RFC 3461).
    dsn: bool,
}

impl Offers {
    /// Reads the lines of the answer.
    pub(super) fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Self {
        let mut offers = Self::default();
        for line in lines {
            let mut words = line.split_ascii_whitespace();
            match words.next().map(str::to_ascii_uppercase).as_deref() {
                Some("SIZE") => offers.size = Some(words.next().and_then(|max| max.parse().ok()).filter(|max| *max > 0)),
                Some("SMTPUTF8") => offers.utf8 = true,
                Some("8BITMIME") => offers.eight_bit = true,
                Some("DSN") => offers.dsn = true,
                _ => {}
            }
        }
        offers
    }

    /// Whether the server takes this recipient at all.
    ///
    /// # Errors
    ///
    /// [`SendError`] for an address outside ASCII where SMTPUTF8 is not offered.
    pub(super) fn check_recipient(&self, recipient: &Address) -> Result<(), SendError> {
        if self.utf8 || is_ascii(recipient) {
            return Ok(());
        }
        let reason = "the address is not ASCII, and the mail server does not offer SMTPUTF8";
        Err(SendError::invalid_recipient(reason).with_code("553 5.6.7"))
    }

    /// What is said with `MAIL` for these recipients.
    ///
    /// # Errors
    ///
    /// [`SendError`] for a mail that is larger than the server takes, or has addresses in its header that it does not take.
    pub(super) fn with_mail<'a>(
        &self,
        letter: &Letter,
        mut recipients: impl Iterator<Item = &'a Address>,
    ) -> Result<Vec<MailParameter>, SendError> {
        let mut parameters = Vec::new();
        if let Some(limit) = self.size {
            let bytes = letter.bytes.len();
            if let Some(max) = limit.filter(|max| bytes > *max) {
                let reason = format!("the mail has {bytes} bytes, and the server takes at most {max}");
                return Err(SendError::invalid_message(reason).with_code("552 5.3.4"));
            }
            parameters.push(MailParameter::Size(bytes));
        }
        // All else is encoded, so bytes outside ASCII are addresses in the header.
        let is_eight_bit = !letter.bytes.is_ascii();
        if is_eight_bit || letter.sender.as_ref().is_some_and(|sender| !is_ascii(sender)) || recipients.any(|to| !is_ascii(to)) {
            if !self.utf8 {
                let reason = "the sender's address is not ASCII, and the mail server does not offer SMTPUTF8";
                return Err(SendError::invalid_message(reason).with_code("550 5.6.7"));
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        if is_eight_bit && self.eight_bit {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        if let Some(dsn) = letter.dsn.as_ref().filter(|_| self.dsn) {
            let ret = if dsn.ret == DsnReturn::Full { "FULL" } else { "HDRS" };
            parameters.push(MailParameter::Other { keyword: "RET".into(), value: Some(ret.into()) });
            parameters.push(MailParameter::Other { keyword: "ENVID".into(), value: Some(letter.key.clone()) });
        }
        Ok(parameters)
    }

    /// What is said with `RCPT`.
    pub(super) fn with_recipient(&self, letter: &Letter, recipient: &Address) -> Vec<RcptParameter> {
        let Some(dsn) = letter.dsn.as_ref().filter(|_| self.dsn) else { return Vec::new() };
        let kind = if is_ascii(recipient) { "rfc822" } else { "utf-8" };
        vec![
            RcptParameter::Other { keyword: "NOTIFY".into(), value: Some(notify(dsn)) },
            RcptParameter::Other { keyword: "ORCPT".into(), value: Some(format!("{kind};{recipient}")) },
        ]
    }
}

fn notify(dsn: &Dsn) -> String {
    let word = |event: &DsnNotify| match event {
        DsnNotify::Success => "SUCCESS",
        DsnNotify::Failure => "FAILURE",
        DsnNotify::Delay => "DELAY",
    };
    if dsn.notify.is_empty() { "NEVER".into() } else { dsn.notify.iter().map(word).collect::<Vec<_>>().join(",") }
}

fn is_ascii(address: &Address) -> bool {
    AsRef::<str>::as_ref(address).is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_offers_is_read_from_its_hello() {
        let offers = Offers::of(["mx.example.test", "PIPELINING", "size 1048576", "SMTPUTF8", "8bitmime", "DSN"].into_iter());
        assert_eq!((offers.size, offers.utf8, offers.eight_bit, offers.dsn), (Some(Some(1_048_576)), true, true, true));
        assert_eq!(Offers::of(["mx", "SIZE"].into_iter()).size, Some(None));
        assert_eq!(Offers::of(["mx", "SIZE 0"].into_iter()).size, Some(None));
        assert_eq!(Offers::of(["mx"].into_iter()).size, None);
    }
}
