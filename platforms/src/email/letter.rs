//! An envelope becomes the bytes of a mail.

use lettre::{
    Address,
    message::{
        Attachment as Part, Body as PartBody, Mailbox, Message as Mail, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, Headers},
    },
};
use ring::digest::{SHA256, digest};
use serde::Deserialize;

use super::{ListUnsubscribe, body::Body, header, mailbox};
use crate::contract::{Attachment, AttachmentContent, Envelope, Message, Priority, SendError};

/// Longest subject, in characters.
const SUBJECT_CHARS_MAX: usize = 200;
/// Longest file name, in characters.
const FILE_NAME_CHARS_MAX: usize = 120;

/// What every mail of a platform has in common.
#[derive(Debug)]
pub(super) struct Letterhead {
    pub(super) from: Mailbox,
    pub(super) reply_to: Option<Mailbox>,
    /// `None` is the null sender.
    pub(super) envelope_from: Option<Address>,
    pub(super) subject: Option<String>,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) list_unsubscribe: Option<ListUnsubscribe>,
}

/// A mail, ready to be sent.
#[derive(Debug)]
pub(super) struct Letter {
    /// Where bounces go.
    pub(super) sender: Option<Address>,
    /// Whom it is for.
    pub(super) recipient: Address,
    /// Its Message-ID, with angle brackets: the same for every attempt.
    pub(super) id: String,
    /// Header and body, lines ended by CRLF.
    pub(super) bytes: Vec<u8>,
}

/// What a caller may add under `raw.email`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    reply_to: Option<String>,
}

impl Letterhead {
    /// Writes the mail for `envelope`. The same envelope always gives the same bytes, whichever attempt it is: its date
    /// is the time of acceptance, its id and its part boundaries come from the envelope's id.
    ///
    /// # Errors
    ///
    /// [`SendError`] for a recipient that is no mailbox and for what cannot be put into a mail.
    pub(super) fn letter(&self, envelope: &Envelope) -> Result<Letter, SendError> {
        let recipient = recipient(envelope.recipient.as_deref())?;
        let message = &*envelope.message;
        let raw = raw(message)?;
        let id = format!("<{}@{}>", envelope.id, self.from.email.domain());
        let mut builder =
            Mail::builder().from(self.from.clone()).to(recipient.clone()).date(envelope.accepted_at).message_id(Some(id.clone()));
        let reply_to = raw.reply_to.as_deref().map(mailbox::parse).transpose().map_err(SendError::invalid_message)?;
        if let Some(reply_to) = reply_to.or_else(|| self.reply_to.clone()) {
            builder = builder.reply_to(reply_to);
        }
        let subject = self.subject_of(message);
        let mail = match content(message, &envelope.id.to_string())? {
            Content::One(part) => builder.singlepart(part),
            Content::Many(parts) => builder.multipart(parts),
        };
        let mut mail = mail.map_err(|error| SendError::invalid_message(format!("the mail cannot be written: {error}")))?;
        let headers = mail.headers_mut();
        header::set(headers, "Subject", &subject);
        self.set_headers(headers, envelope, &recipient.email);
        for (name, value) in &raw.headers {
            header::set_parsed(headers, &header::parse(name, value).map_err(SendError::invalid_message)?);
        }
        Ok(Letter { sender: self.envelope_from.clone(), recipient: recipient.email, id, bytes: mail.formatted() })
    }

    fn subject_of(&self, message: &Message) -> String {
        let title = message.title.as_deref().or(self.subject.as_deref()).filter(|title| !title.trim().is_empty());
        let first_line = || message.body.lines().map(|line| line.trim_start_matches('#').trim()).find(|line| !line.is_empty());
        let text = header::one_line(title.or_else(first_line).unwrap_or("Notification"));
        cut(text.trim(), SUBJECT_CHARS_MAX)
    }

    fn set_headers(&self, headers: &mut Headers, envelope: &Envelope, recipient: &Address) {
        header::set(headers, "Auto-Submitted", "auto-generated");
        if let Some((number, word)) = importance(envelope.message.priority) {
            header::set(headers, "X-Priority", number);
            header::set(headers, "Importance", word);
        }
        if let Some(key) = &envelope.message.extras().thread_key {
            let thread =
                format!("<thread-{}@{}>", hex(&digest(&SHA256, key.as_bytes()).as_ref()[..16]), self.from.email.domain());
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

enum Content {
    One(SinglePart),
    Many(MultiPart),
}

/// `mixed ( alternative ( text, html ), file… )`, as much of it as is needed.
fn content(message: &Message, id: &str) -> Result<Content, SendError> {
    let Body { text, html } = Body::of(message);
    let boundary = |kind: &str| {
        format!("=_{kind}_{}", hex(&digest(&SHA256, format!("{kind}{id}{}", message.body).as_bytes()).as_ref()[..16]))
    };
    let text = SinglePart::plain(text);
    let body = match html {
        None => Content::One(text),
        Some(html) => Content::Many(
            MultiPart::alternative().boundary(boundary("alternative")).singlepart(text).singlepart(SinglePart::html(html)),
        ),
    };
    let mut files = message.extras().attachments.iter().filter_map(file).peekable();
    if files.peek().is_none() {
        return Ok(body);
    }
    let mixed = MultiPart::mixed().boundary(boundary("mixed"));
    let mut mixed = match body {
        Content::One(part) => mixed.singlepart(part),
        Content::Many(parts) => mixed.multipart(parts),
    };
    for part in files {
        mixed = mixed.singlepart(part?);
    }
    Ok(Content::Many(mixed))
}

/// The part of an attachment whose bytes are here. Always base64: any other encoding may change line ends.
fn file(attachment: &Attachment) -> Option<Result<SinglePart, SendError>> {
    let AttachmentContent::Bytes(bytes) = &attachment.content else { return None };
    let body = PartBody::new_with_encoding(bytes.to_vec(), ContentTransferEncoding::Base64).expect("any bytes can be base64");
    Some(content_type(&attachment.mime).map(|kind| Part::new(file_name(&attachment.name)).body(body, kind)))
}

fn content_type(mime: &str) -> Result<ContentType, SendError> {
    // A composite type must not be encoded as a whole (RFC 2045 section 6.4).
    let is_composite = ["multipart/", "message/"].iter().any(|kind| mime.trim_start().to_ascii_lowercase().starts_with(kind));
    let mime = if mime.is_empty() || is_composite { "application/octet-stream" } else { mime };
    let printable = mime.len() <= 200 && mime.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    printable
        .then(|| ContentType::parse(mime).ok())
        .flatten()
        .ok_or_else(|| SendError::invalid_message("an attachment's `mime` is no media type, expected something like `image/png`"))
}

fn file_name(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() || matches!(c, '/' | '\\') { '_' } else { c }).collect();
    let name = cut(name.trim(), FILE_NAME_CHARS_MAX);
    if name.is_empty() { "attachment".into() } else { name }
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max { text.to_owned() } else { text.chars().take(chars_max - 1).chain(['…']).collect() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
