//! An envelope becomes the bytes of a mail.

use std::{collections::BTreeMap, time::SystemTime};

use lettre::{
    Address,
    address::Envelope as Route,
    message::{
        Mailbox, Message as Mail,
        header::{HeaderName, Headers},
    },
};
use serde::Deserialize;

use super::{
    Dsn, ListUnsubscribe,
    dkim::Signer,
    hash, header, mailbox,
    parts::{Content, content},
};
use crate::{
    contract::{Envelope, LengthUnit, Message, Priority, SendError, TextLimit},
    render::limit::{Markup, truncate},
};

/// Longest subject, in characters.
const SUBJECT_CHARS_MAX: usize = 200;

/// What every mail of a platform has in common.
pub(super) struct Letterhead {
    pub(super) from: Mailbox,
    pub(super) reply_to: Option<Mailbox>,
    pub(super) bounces: Bounces,
    pub(super) subject: Option<String>,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) list_unsubscribe: Option<ListUnsubscribe>,
    pub(super) signer: Option<Signer>,
    pub(super) dsn: Option<Dsn>,
    /// What `To` says where recipients are hidden from each other; `None` where it names the one there is.
    pub(super) hidden_to: Option<String>,
}

/// Where bounces go.
#[derive(Debug)]
pub(super) enum Bounces {
    /// Nowhere: the null sender.
    Nowhere,
    /// To one address.
    To(Address),
    /// To an address for each mail: `{id}` becomes its id.
    ToEach(String),
}

/// A mail, ready to be sent.
#[derive(Debug)]
pub(super) struct Letter {
    /// Where bounces go.
    pub(super) sender: Option<Address>,
    /// The part of its Message-ID before the `@`: the same for every attempt.
    pub(super) key: String,
    /// Its Message-ID, with angle brackets.
    pub(super) id: String,
    /// Header and body, lines ended by CRLF.
    pub(super) bytes: Vec<u8>,
    /// Which reports on its way are asked for.
    pub(super) dsn: Option<Dsn>,
}

/// What a caller may add under `raw.email`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    reply_to: Option<String>,
}

impl Letterhead {
    /// Writes the mail for `envelope`. The same envelope always gives the same bytes, whichever attempt it is: its date
    /// is the time of acceptance, its id comes from the envelope's, its part boundaries from its text.
    ///
    /// With hidden copies nothing in it depends on the recipient: the same message gives the same bytes, whoever gets them.
    ///
    /// # Errors
    ///
    /// [`SendError`] for a recipient that is no mailbox and for what cannot be put into a mail.
    pub(super) fn letter(&self, envelope: &Envelope) -> Result<Letter, SendError> {
        let recipient = recipient(envelope.recipient.as_deref())?;
        let message = &*envelope.message;
        let raw = raw(message)?;
        // lettre wants a route; the one that is taken is `Letter::sender` and the recipients of the transaction.
        let route = Route::new(None, vec![recipient.email.clone()]).expect("a route with one recipient");
        let mut builder = Mail::builder().envelope(route).from(self.from.clone()).date(envelope.accepted_at);
        if self.hidden_to.is_none() {
            builder = builder.to(recipient.clone());
        }
        let reply_to = raw.reply_to.as_deref().map(mailbox::parse).transpose().map_err(SendError::invalid_message)?;
        if let Some(reply_to) = reply_to.or_else(|| self.reply_to.clone()) {
            builder = builder.reply_to(reply_to);
        }
        let mail = match content(message)? {
            Content::One(part) => builder.singlepart(part),
            Content::Many(parts) => builder.multipart(parts),
        };
        let mut mail = mail.map_err(|error| SendError::invalid_message(format!("the mail cannot be written: {error}")))?;
        self.set_headers(mail.headers_mut(), envelope, &recipient.email);
        for (name, value) in &raw.headers {
            header::set_parsed(mail.headers_mut(), &header::parse(name, value).map_err(SendError::invalid_message)?);
        }
        let key = self.key(envelope, &mail);
        let id = format!("<{key}@{}>", self.from.email.domain());
        header::set(mail.headers_mut(), "Message-ID", &id);
        let bytes = self.signed(mail.formatted(), envelope.accepted_at)?;
        Ok(Letter { sender: self.bounces.of(&key), key, id, bytes, dsn: self.dsn.clone() })
    }

    /// What makes the Message-ID unique. A mail that several get is named after what it says and when that was accepted, so that
    /// it keeps its name whoever still has to get it at the next attempt.
    fn key(&self, envelope: &Envelope, mail: &Mail) -> String {
        if self.hidden_to.is_none() {
            return envelope.id.to_string();
        }
        let accepted = envelope.accepted_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let caller = envelope.correlation_id.as_deref().unwrap_or_default();
        hash::hex(&[&accepted.to_be_bytes(), caller.as_bytes(), &mail.formatted()])
    }

    fn signed(&self, mail: Vec<u8>, at: SystemTime) -> Result<Vec<u8>, SendError> {
        match &self.signer {
            Some(signer) => signer.sign(&mail, at),
            None => Ok(mail),
        }
    }

    fn subject_of(&self, message: &Message) -> String {
        let title = message.title.as_deref().or(self.subject.as_deref()).filter(|title| !title.trim().is_empty());
        let first_line = || message.body.lines().map(|line| line.trim_start_matches('#').trim()).find(|line| !line.is_empty());
        let text = header::one_line(title.or_else(first_line).unwrap_or("Notification"));
        let limit = TextLimit { max: SUBJECT_CHARS_MAX, unit: LengthUnit::Chars };
        truncate(text.trim(), limit, Markup::Plain).into_owned()
    }

    fn set_headers(&self, headers: &mut Headers, envelope: &Envelope, recipient: &Address) {
        header::set(headers, "Subject", &self.subject_of(&envelope.message));
        if let Some(to) = &self.hidden_to {
            header::set(headers, "To", to);
        }
        header::set(headers, "Auto-Submitted", "auto-generated");
        if let Some((number, word)) = importance(envelope.message.priority) {
            header::set(headers, "X-Priority", number);
            header::set(headers, "Importance", word);
        }
        if let Some(key) = &envelope.message.extras().thread_key {
            let thread = format!("<thread-{}@{}>", hash::hex(&[key.as_bytes()]), self.from.email.domain());
            header::set(headers, "In-Reply-To", &thread);
            header::set(headers, "References", &thread);
        }
        if let Some(list) = &self.list_unsubscribe {
            set_list_unsubscribe(headers, list, envelope, recipient);
        }
        for field in &self.headers {
            header::set_parsed(headers, field);
        }
    }
}

impl Bounces {
    fn of(&self, key: &str) -> Option<Address> {
        match self {
            Self::Nowhere => None,
            Self::To(address) => Some(address.clone()),
            Self::ToEach(template) => {
                let address = template.replace("{id}", key).parse();
                Some(address.expect("the template was tried with an id when the adapter was built"))
            }
        }
    }
}

/// Reads the recipient of an envelope.
///
/// # Errors
///
/// [`ErrorKind::InvalidRecipient`](crate::contract::ErrorKind::InvalidRecipient) where there is none or it is not one mailbox.
pub(super) fn recipient(text: Option<&str>) -> Result<Mailbox, SendError> {
    let text = text.ok_or_else(|| SendError::invalid_recipient(format!("a mail needs a recipient, {}", mailbox::SHAPE)))?;
    mailbox::parse(text).map_err(SendError::invalid_recipient)
}

fn raw(message: &Message) -> Result<Raw, SendError> {
    let Some(value) = message.raw_for("email") else { return Ok(Raw::default()) };
    Raw::deserialize(value).map_err(|error| SendError::invalid_message(format!("raw.email: {error}")))
}

fn importance(priority: Priority) -> Option<(&'static str, &'static str)> {
    match priority {
        Priority::Low => Some(("5", "low")),
        Priority::Normal => None,
        Priority::High => Some(("2", "high")),
        Priority::Urgent => Some(("1", "high")),
    }
}

fn set_list_unsubscribe(headers: &mut Headers, list: &ListUnsubscribe, envelope: &Envelope, recipient: &Address) {
    let encoded = percent_encoding::utf8_percent_encode(recipient.as_ref(), percent_encoding::NON_ALPHANUMERIC).to_string();
    let url = list.url.as_deref().map(|url| url.replace("{recipient}", &encoded).replace("{id}", &envelope.id.to_string()));
    let mailto = list.mailto.as_deref().map(|address| format!("mailto:{address}"));
    let ways: Vec<_> = url.iter().chain(&mailto).map(|way| format!("<{way}>")).collect();
    header::set(headers, "List-Unsubscribe", &ways.join(", "));
    if url.is_some() {
        header::set(headers, "List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
    }
}
