//! A notification as it is written in JSON: one line of a file, or the body of a request.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use notifyhub_platforms::contract::{Action, Attachment, AttachmentContent, Extras, Field, Format, Mention, Message, Priority};
use serde::Deserialize;
use serde_json::Value;

use super::Notification;

/// A notification in JSON. Unknown keys are refused; every key but `to` has a default, and there must be a body or a
/// title.
///
/// ```
/// use notifyhub::task::Draft;
/// let draft = Draft::from_json(br#"{"to": ["ops:#alerts"], "title": "db-3", "body": "disk full", "priority": "urgent"}"#)?;
/// assert_eq!(draft.to, ["ops:#alerts"]);
/// let notification = draft.into_notification()?;
///
/// let error = Draft::from_json(br#"{"to": ["ops"], "boddy": "disk full"}"#).unwrap_err();
/// assert!(error.to_string().starts_with("unknown field `boddy`"));
/// # Ok::<(), notifyhub::task::DraftError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Draft {
    /// Targets: `platform`, `platform:recipient`, `@group` or a URL.
    pub to: Vec<String>,
    /// One line above the body. Default: none.
    pub title: Option<String>,
    /// The body. Default: empty.
    pub body: String,
    /// How the body is written: `text`, `markdown` or `html`. Default: text.
    pub format: Format,
    /// `low`, `normal`, `high` or `urgent`. Default: normal.
    pub priority: Priority,
    /// What kind of message it is, a word of the caller's. Default: none.
    pub kind: Option<Box<str>>,
    /// Not to be sent before this (RFC 3339). Default: at once.
    pub not_before: Option<Timestamp>,
    /// Not to be sent from this moment on (RFC 3339). Default: never expires.
    pub expires_at: Option<Timestamp>,
    /// Rows of name and value. Default: none.
    pub fields: Vec<Field>,
    /// Files. Default: none.
    pub attachments: Vec<AttachmentDraft>,
    /// Buttons or links. Default: none.
    pub actions: Vec<Action>,
    /// Who is called by name. Default: nobody.
    pub mentions: Vec<Mention>,
    /// A picture shown in the message. Default: none.
    pub image_url: Option<String>,
    /// Where a click on the message leads. Default: nowhere.
    pub click_url: Option<String>,
    /// Messages with the same key belong to one thread. Default: none.
    pub thread_key: Option<String>,
    /// Platform-native JSON by platform type, merged last. Default: none.
    pub raw: BTreeMap<String, Value>,
    /// An id of the caller's for everything that is logged about it. Default: the notification's own.
    pub correlation_id: Option<String>,
    /// The same key with the same content is accepted once. Default: none.
    pub idempotency_key: Option<String>,
    /// Goes to each platform after those accepted before it with the same key. Default: no order.
    pub order_key: Option<String>,
    /// Cancels what still waits of the last one with the same key. Default: replaces nothing.
    pub replace_key: Option<String>,
    /// The same content to the same target is sent once within this time, such as `10m`. Default: not looked at.
    pub dedupe: Option<DedupeWindow>,
}

/// A time over which content is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DedupeWindow(pub Duration);

impl TryFrom<String> for DedupeWindow {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            _ => return Err(format!("`{text}` is no duration, expected a whole number with s, m, h or d such as `10m`")),
        };
        let number: u64 = number.parse().map_err(|_| format!("`{text}` is no duration, expected one such as `10m`"))?;
        Ok(Self(Duration::from_secs(number.saturating_mul(seconds))))
    }
}

/// A file: its bytes as base64, or the URL a platform can fetch it from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachmentDraft {
    /// File name, without a path.
    pub name: String,
    /// Media type. Default: `application/octet-stream`.
    #[serde(default = "octet_stream")]
    pub mime: String,
    /// Its bytes, in base64 (RFC 4648, section 4).
    pub base64: Option<String>,
    /// Where it is.
    pub url: Option<String>,
}

/// Why a text is no draft, or a draft no notification.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", field.as_ref().map(|field| format!("`{field}`: ")).unwrap_or_default())]
pub struct DraftError {
    /// The field the mistake is at, e.g. `attachments[0].base64`, if it is at one and the reason does not name it.
    pub field: Option<String>,
    /// What is wrong, and what is allowed.
    pub reason: String,
}

fn octet_stream() -> String {
    "application/octet-stream".to_owned()
}

impl DraftError {
    fn at(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: Some(field.into()), reason: reason.into() }
    }
}

impl Draft {
    /// Reads one JSON object.
    ///
    /// # Errors
    ///
    /// [`DraftError`] with the field or, for what is not JSON, the column.
    pub fn from_json(json: &[u8]) -> Result<Self, DraftError> {
        let value: Value = serde_json::from_slice(json).map_err(|error| DraftError { field: None, reason: not_json(&error) })?;
        if !value.is_object() {
            return Err(DraftError { field: None, reason: "expected a JSON object such as {\"to\": [\"ops\"], …}".into() });
        }
        serde_path_to_error::deserialize(value).map_err(|error| {
            let field = error.path().to_string();
            let reason = error.into_inner().to_string();
            DraftError { field: Some(field).filter(|field| field != "." && !reason.starts_with("unknown field")), reason }
        })
    }

    /// The notification it describes. Its targets are read when it is sent.
    ///
    /// # Errors
    ///
    /// [`DraftError`] for a draft that says nothing, and for attachments without content.
    pub fn into_notification(self) -> Result<Notification, DraftError> {
        if self.body.is_empty() && self.title.as_deref().unwrap_or_default().is_empty() {
            return Err(DraftError::at("body", "nothing to say, expected a body or a title"));
        }
        let attachments = self.attachments.into_iter().enumerate().map(|(index, draft)| draft.attachment(index));
        let attachments: Vec<_> = attachments.collect::<Result<_, _>>()?;
        let mut message = Message::text(self.body);
        (message.title, message.format, message.priority, message.kind) = (self.title, self.format, self.priority, self.kind);
        let extras = Extras {
            fields: self.fields,
            actions: self.actions,
            attachments,
            mentions: self.mentions,
            image_url: self.image_url,
            click_url: self.click_url,
            thread_key: self.thread_key,
            raw: self.raw,
        };
        if extras != Extras::default() {
            *message.extras_mut() = extras;
        }
        let mut notification = Notification::new(message);
        notification.to = self.to.into_iter().map(Into::into).collect();
        notification.not_before = self.not_before.map(SystemTime::from);
        notification.correlation_id = self.correlation_id.map(Into::into);
        notification.idempotency_key = self.idempotency_key.map(Into::into);
        notification.order_key = self.order_key.map(Into::into);
        notification.replace_key = self.replace_key.map(Into::into);
        notification.dedupe = self.dedupe.map(|window| window.0);
        Ok(match self.expires_at {
            Some(moment) => notification.expires_at(moment.into()),
            None => notification,
        })
    }
}

impl AttachmentDraft {
    fn attachment(self, index: usize) -> Result<Attachment, DraftError> {
        let content = match (self.base64, self.url) {
            (Some(text), None) => {
                let bytes = STANDARD.decode(text).map_err(|error| {
                    DraftError::at(format!("attachments[{index}].base64"), format!("not base64: {error}").to_lowercase())
                })?;
                AttachmentContent::Bytes(bytes.into())
            }
            (None, Some(url)) => AttachmentContent::Url(url),
            _ => return Err(DraftError::at(format!("attachments[{index}]"), "expected either `base64` or `url`")),
        };
        Ok(Attachment { name: self.name, mime: self.mime, content })
    }
}

/// What serde says, with the column in words of ours.
fn not_json(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = text.strip_suffix(&place).unwrap_or(&text);
    format!("not JSON: {what} (column {})", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(json: &str) -> String {
        Draft::from_json(json.as_bytes()).and_then(Draft::into_notification).expect_err(json).to_string()
    }

    #[test]
    fn every_key_reaches_the_notification() {
        let json = r##"{"to": ["ops:#a", "@oncall"], "title": "t", "body": "b", "format": "markdown", "priority": "high",
            "kind": "alert", "not_before": "2026-11-21T08:00:00Z", "expires_at": "2026-11-21T10:00:00+01:00",
            "fields": [{"name": "host", "value": "db-3"}], "actions": [{"label": "open", "url": "https://x/", "style": "danger"}],
            "attachments": [{"name": "a.txt", "mime": "text/plain", "base64": "aGk="}, {"name": "b", "url": "https://x/b"}],
            "mentions": [{"user": "U1"}, "everyone"], "image_url": "https://x/i", "click_url": "https://x/c",
            "thread_key": "k", "raw": {"slack": {"mrkdwn": true}}, "correlation_id": "c", "idempotency_key": "i"}"##;
        let notification = Draft::from_json(json.as_bytes()).and_then(Draft::into_notification).expect("valid");
        let at = |text: &str| SystemTime::from(text.parse::<Timestamp>().expect("a time"));
        let expected = Notification::markdown("b")
            .to("ops:#a")
            .to("@oncall")
            .title("t")
            .priority(Priority::High)
            .kind("alert")
            .not_before(at("2026-11-21T08:00:00Z"))
            .expires_at(at("2026-11-21T09:00:00Z"))
            .field("host", "db-3")
            .action("open", "https://x/")
            .attach(Attachment {
                name: "a.txt".into(),
                mime: "text/plain".into(),
                content: AttachmentContent::Bytes("hi".into()),
            })
            .attach(Attachment { name: "b".into(), mime: octet_stream(), content: AttachmentContent::Url("https://x/b".into()) })
            .mention(Mention::User("U1".into()))
            .mention(Mention::Everyone)
            .raw("slack", serde_json::json!({"mrkdwn": true}))
            .extra(|extras| extras.actions[0].style = notifyhub_platforms::contract::ActionStyle::Danger)
            .extra(|extras| extras.image_url = Some("https://x/i".into()))
            .extra(|extras| extras.click_url = Some("https://x/c".into()))
            .extra(|extras| extras.thread_key = Some("k".into()))
            .correlation_id("c")
            .idempotency_key("i");
        assert_eq!(notification, expected);
    }

    #[test]
    fn a_plain_draft_is_a_plain_notification() {
        let draft = Draft::from_json(br#"{"to": ["ops"], "body": "b"}"#).and_then(Draft::into_notification);
        assert_eq!(draft, Ok(Notification::text("b").to("ops")));
    }

    #[test]
    fn a_mistake_is_told_with_its_field() {
        for (json, part) in [
            (r#"{"to": ["ops"], "boddy": "x"}"#, "unknown field `boddy`, expected one of `to`, `title`, `body`"),
            (r#"{"to": "ops", "body": "x"}"#, "`to`: invalid type: string \"ops\", expected a sequence"),
            (r#"{"to": ["ops"]}"#, "`body`: nothing to say, expected a body or a title"),
            (r#"{"body": "x", "priority": "loud"}"#, "`priority`: unknown variant `loud`, expected one of `low`"),
            (r#"{"body": "x", "not_before": "soon"}"#, "`not_before`: "),
            (r#"{"body": "x", "fields": [{"name": "a"}]}"#, "`fields[0]`: missing field `value`"),
            (r#"{"body": "x", "attachments": [{"name": "a", "base64": "?"}]}"#, "`attachments[0].base64`: not base64"),
            (r#"{"body": "x", "attachments": [{"name": "a"}]}"#, "`attachments[0]`: expected either `base64` or `url`"),
            (r#"{"body": "x""#, "not JSON: EOF while parsing an object (column 12)"),
            (r#"["x"]"#, "expected a JSON object"),
        ] {
            let error = refused(json);
            assert!(error.starts_with(part), "{error}");
        }
    }

    #[test]
    fn keys_are_read_and_a_window_that_is_none_is_told() {
        let json = br#"{"to":["a"],"body":"x","order_key":"o","replace_key":"r","dedupe":"10m"}"#;
        let notification = Draft::from_json(json).expect("valid").into_notification().expect("valid");
        let expected = Notification::text("x").to("a").order_key("o").replace_key("r").dedupe(Duration::from_secs(600));
        assert_eq!(notification, expected);
        for window in ["10", "m", "1.5h", "10 m", ""] {
            let json = format!(r#"{{"to":["a"],"body":"x","dedupe":"{window}"}}"#);
            let error = Draft::from_json(json.as_bytes()).expect_err(window).to_string();
            assert!(error.contains("dedupe") && error.contains("such as `10m`"), "{error}");
        }
    }
}
