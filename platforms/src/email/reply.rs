//! What a server's reply means.
//!
//! A reply is a basic code (RFC 5321) and often an enhanced one, `class.subject.detail` (RFC 3463, RFC 5248), at the start
//! of its text. The same code says different things at different stages: a 550 is about the sender after `MAIL`,
//! about the recipient after `RCPT` and about the content after the mail.

use std::time::Duration;

use crate::contract::{ErrorKind, LimitScope, SendError};

/// Where in the conversation a reply came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Connecting: the greeting and the answer to `EHLO`.
    Greeting,
    /// The answer to `STARTTLS`, and the handshake.
    StartTls,
    /// The answer to `AUTH`.
    Login,
    /// The answer to `MAIL`, or to a command that is about the connection only.
    Sender,
    /// The answer to `RCPT`.
    Recipient,
    /// The answer to `DATA`.
    Data,
    /// The answer to the mail itself.
    Content,
}

/// What is waited at least before a recipient is tried again who was put off (greylisting).
const GREYLIST_WAIT: Duration = Duration::from_secs(60);

/// The enhanced code at the start of a reply's text, if there is one: subject and detail.
type Enhanced = Option<(u16, u16)>;

/// The verdict on a negative reply. Total: any code, any text.
pub fn classify(stage: Stage, code: u16, text: &str) -> SendError {
    let (enhanced, reason) = split_enhanced(text);
    let kind = match code {
        400..=499 => transient(enhanced, reason),
        500..=599 => permanent(stage, code, enhanced),
        _ => ErrorKind::Unexpected,
    };
    let shown = match text.get(..text.len() - reason.len()).map(str::trim_end).filter(|enhanced| !enhanced.is_empty()) {
        Some(enhanced) => format!("{code} {enhanced}"),
        None => code.to_string(),
    };
    let error = SendError::new(kind, if reason.is_empty() { "the server gave no reason" } else { reason }).with_code(shown);
    let put_off = matches!((stage, code), (Stage::Recipient | Stage::Data | Stage::Content, 450..=452));
    if put_off && kind == ErrorKind::Unavailable {
        return error.with_retry_after(Some(GREYLIST_WAIT)).with_scope(LimitScope::Target);
    }
    // What is said of a recipient is not held against the others.
    if stage == Stage::Recipient && kind != ErrorKind::RateLimited { error.with_scope(LimitScope::Target) } else { error }
}

/// Whether a refused recipient is one too many for this transaction, and only that (RFC 5321 section 4.5.3.1.10).
pub(super) fn wants_no_more_recipients(code: u16, text: &str) -> bool {
    let (enhanced, reason) = split_enhanced(text);
    matches!(code, 452 | 552)
        && match enhanced {
            Some(enhanced) => enhanced == (5, 3),
            None => reason.to_ascii_lowercase().contains("too many recipients"),
        }
}

/// Whether the answer to a mail is about somebody's address or mailbox, and so not about all who share it.
pub(super) fn is_about_one_recipient(refusal: &SendError) -> bool {
    let enhanced = refusal.code().and_then(|code| code.split_once(' ')).and_then(|(_, enhanced)| split_enhanced(enhanced).0);
    matches!(enhanced, Some((1 | 2, _)))
}

fn transient(enhanced: Enhanced, reason: &str) -> ErrorKind {
    match enhanced {
        Some((5, 3) | (7, 28)) => ErrorKind::RateLimited,
        _ if speaks_of_a_rate(reason) => ErrorKind::RateLimited,
        _ => ErrorKind::Unavailable,
    }
}

fn permanent(stage: Stage, code: u16, enhanced: Enhanced) -> ErrorKind {
    use ErrorKind::{InvalidMessage, InvalidRecipient, Unauthorized};
    match (stage, code, enhanced) {
        (Stage::Greeting | Stage::StartTls | Stage::Login, ..) => Unauthorized,
        (_, 530 | 534 | 535 | 538, _) | (_, _, Some((7, 8 | 9))) => Unauthorized,
        (_, 522 | 523 | 552, _) | (_, _, Some((2, 2) | (3, 4))) => InvalidMessage,
        (_, 500..=504, _) => InvalidMessage,
        (Stage::Sender, 550 | 551 | 553 | 554, _) | (Stage::Sender, _, Some((1 | 7, _))) => Unauthorized,
        (Stage::Recipient, _, Some((7, _))) => Unauthorized,
        (Stage::Recipient, 550, _) => InvalidRecipient,
        (Stage::Recipient | Stage::Data | Stage::Content, _, Some((1, _) | (2, 1))) => InvalidRecipient,
        _ => InvalidMessage,
    }
}

/// Splits `5.1.1 no such user` into (1, 1) and the rest.
fn split_enhanced(text: &str) -> (Enhanced, &str) {
    let text = text.trim();
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut numbers = first.split('.');
    let mut number =
        || numbers.next().filter(|digits| (1..=3).contains(&digits.len())).and_then(|digits| digits.parse::<u16>().ok());
    match (number(), number(), number(), numbers.next()) {
        (Some(2 | 4 | 5), Some(subject), Some(detail), None) => (Some((subject, detail)), rest.trim_start()),
        _ => (None, text),
    }
}

fn speaks_of_a_rate(reason: &str) -> bool {
    reason
        .to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .any(|word| matches!(word, "rate" | "ratelimit" | "ratelimited") || word.starts_with("throttl"))
}

#[cfg(test)]
mod tests {
    use super::{
        Stage::{Content, Data, Greeting, Login, Recipient, Sender, StartTls},
        *,
    };

    #[test]
    fn every_row_of_the_reply_table_has_its_verdict() {
        use ErrorKind::{InvalidMessage, InvalidRecipient, RateLimited, Unauthorized, Unavailable, Unexpected};
        for (stage, code, text, kind) in [
            (Greeting, 421, "4.3.2 service shutting down", Unavailable),
            (Content, 421, "4.7.0 try again later", Unavailable),
            (Recipient, 450, "4.2.0 mailbox busy", Unavailable),
            (Recipient, 451, "4.7.1 Greylisted, retry in 60 seconds", Unavailable),
            (Recipient, 452, "4.2.2 Mailbox full", Unavailable),
            (Content, 451, "4.3.0 queue file write error", Unavailable),
            (Recipient, 452, "4.5.3 too many recipients", RateLimited),
            (Data, 452, "4.3.1 insufficient system storage", Unavailable),
            (Sender, 450, "4.7.28 unusual rate of mail", RateLimited),
            (Recipient, 450, "4.7.28 unusual rate of mail", RateLimited),
            (Sender, 421, "Rate limit exceeded", RateLimited),
            (Content, 454, "Throttling failure: Maximum sending rate exceeded.", RateLimited),
            (Content, 451, "4.3.0 this operation is corporate and accurate", Unavailable),
            (Login, 454, "4.7.0 temporary authentication failure", Unavailable),
            (Sender, 530, "5.7.0 Must issue a STARTTLS command first", Unauthorized),
            (Login, 534, "5.7.9 application-specific password required", Unauthorized),
            (Login, 535, "5.7.8 bad credentials", Unauthorized),
            (Login, 538, "encryption required", Unauthorized),
            (Login, 504, "5.5.4 mechanism not supported", Unauthorized),
            (Sender, 550, "5.7.8 authenticate first", Unauthorized),
            (Recipient, 550, "5.1.1 no such user", InvalidRecipient),
            (Recipient, 550, "5.1.2 bad domain", InvalidRecipient),
            (Recipient, 501, "5.1.3 bad address syntax", InvalidMessage),
            (Recipient, 553, "5.1.3 bad address syntax", InvalidRecipient),
            (Recipient, 551, "5.1.6 moved", InvalidRecipient),
            (Recipient, 551, "user not local", InvalidMessage),
            (Recipient, 553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", InvalidMessage),
            (Recipient, 550, "5.1.3 bad address syntax", InvalidRecipient),
            (Recipient, 556, "5.1.10 null MX", InvalidRecipient),
            (Recipient, 550, "5.2.1 disabled", InvalidRecipient),
            (Recipient, 550, "Invalid recipient", InvalidRecipient),
            (Recipient, 550, "5.4.1 access denied", InvalidRecipient),
            (Content, 550, "5.1.1 no such user, said late", InvalidRecipient),
            (Recipient, 552, "5.2.2 over quota", InvalidMessage),
            (Recipient, 522, "mailbox full", InvalidMessage),
            (Recipient, 550, "5.2.2 over quota", InvalidMessage),
            (Recipient, 554, "5.7.1 Relay access denied", Unauthorized),
            (Recipient, 550, "5.7.1 client host blocked", Unauthorized),
            (Sender, 553, "5.1.8 sender domain not found", Unauthorized),
            (Sender, 550, "5.1.7 bad sender", Unauthorized),
            (Sender, 552, "5.3.4 message size exceeds limit", InvalidMessage),
            (Content, 554, "5.3.4 too big", InvalidMessage),
            (Content, 523, "too big", InvalidMessage),
            (Content, 554, "5.7.1 spam", InvalidMessage),
            (Content, 550, "5.7.26 unauthenticated mail is not accepted (DMARC)", InvalidMessage),
            (Content, 500, "5.0.0 Line too long", InvalidMessage),
            (Data, 503, "5.5.1 bad sequence", InvalidMessage),
            (Sender, 502, "not implemented", InvalidMessage),
            (Recipient, 554, "transaction failed", InvalidMessage),
            (Greeting, 554, "no service here", Unauthorized),
            (StartTls, 502, "not implemented", Unauthorized),
            (Content, 354, "go on", Unexpected),
            (Content, 0, "", Unexpected),
        ] {
            let error = classify(stage, code, text);
            assert_eq!(error.kind(), kind, "{stage:?} {code} {text}");
        }
    }

    #[test]
    fn a_verdict_shows_both_codes_and_the_reason() {
        assert_eq!(classify(Recipient, 550, "5.1.1 no such user").to_string(), "invalid_recipient (550 5.1.1): no such user");
        assert_eq!(classify(Recipient, 550, "Invalid recipient").to_string(), "invalid_recipient (550): Invalid recipient");
        assert_eq!(classify(Content, 451, "").to_string(), "unavailable (451): the server gave no reason");
    }

    #[test]
    fn a_recipient_who_is_put_off_waits_a_minute_and_holds_nobody_else_up() {
        let error = classify(Recipient, 451, "4.7.1 Greylisted");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(60)));
        assert_eq!(error.scope(), LimitScope::Target);
        for (stage, code) in [(Recipient, 450), (Recipient, 452), (Data, 451), (Content, 452)] {
            assert_eq!(classify(stage, code, "later").retry_after(), Some(Duration::from_secs(60)), "{stage:?} {code}");
        }
        assert_eq!(classify(Greeting, 421, "4.3.2 busy").retry_after(), None);
    }

    #[test]
    fn one_recipient_too_many_is_told_from_one_who_is_refused() {
        for (code, text, is_too_many) in [
            (452, "4.5.3 too many recipients", true),
            (552, "5.5.3 too many recipients", true),
            (452, "Too many recipients", true),
            (552, "too many recipients received this hour", true),
            (452, "4.2.2 mailbox full", false),
            (452, "4.3.1 too many recipients in the queue", false),
            (450, "4.5.3 too many recipients", false),
            (452, "no space", false),
        ] {
            assert_eq!(wants_no_more_recipients(code, text), is_too_many, "{code} {text}");
        }
    }

    #[test]
    fn what_only_looks_like_an_enhanced_code_is_text() {
        for text in ["192.0.2.1 is blocked", "5.1 x", "5.1.1.1 x", "3.1.1 x", "5..1 x", "5.1000.1 x", "é.1.1 x", ""] {
            assert_eq!(split_enhanced(text).0, None, "{text}");
        }
    }

    #[test]
    fn a_refusal_of_one_recipient_is_not_held_against_the_others() {
        assert_eq!(classify(Recipient, 550, "5.7.1 relaying denied").scope(), LimitScope::Target);
        assert_eq!(classify(Login, 535, "5.7.8 bad credentials").scope(), LimitScope::Lane);
        assert_eq!(classify(Sender, 550, "5.7.1 not you").scope(), LimitScope::Lane);
        assert_eq!(classify(Recipient, 450, "4.7.28 unusual rate of mail").scope(), LimitScope::Lane);
    }
}
