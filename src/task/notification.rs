//! What a caller asks for: content, targets and options.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use notifyhub_platforms::contract::{Action, Attachment, Extras, Field, Mention, Message, Priority};
use serde_json::Value;

use super::Target;

/// A notification on its way into the hub.
///
/// ```
/// use notifyhub::{Notification, Priority};
/// let notification = Notification::text("disk full on db-3")
///     .title("db-3")
///     .to("ops:#alerts")
///     .to("@oncall")
///     .priority(Priority::Urgent)
///     .idempotency_key("disk-db-3-2026-11-21");
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Notification {
    pub(crate) message: Message,
    pub(crate) to: Vec<Arc<str>>,
    pub(crate) not_before: Option<SystemTime>,
    pub(crate) expires: Option<Expiry>,
    pub(crate) idempotency_key: Option<Arc<str>>,
    pub(crate) correlation_id: Option<Arc<str>>,
    pub(crate) order_key: Option<Arc<str>>,
    pub(crate) replace_key: Option<Arc<str>>,
    pub(crate) dedupe: Option<Duration>,
}

/// Whoever asks for a longer life means for ever.
const SPAN_MAX: Duration = Duration::from_secs(100 * 366 * 24 * 60 * 60);

/// When a notification loses its worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    At(SystemTime),
    After(Duration),
}

impl Expiry {
    /// The moment, for a notification accepted at `wall`.
    pub(crate) fn moment(self, wall: SystemTime) -> SystemTime {
        match self {
            Self::At(moment) => moment,
            Self::After(span) => wall + span.min(SPAN_MAX),
        }
    }
}

impl Notification {
    /// A notification with a whole message.
    pub fn new(message: Message) -> Self {
        Self { message, ..Self::default() }
    }

    /// A plain text notification.
    pub fn text(body: impl Into<String>) -> Self {
        Self::new(Message::text(body))
    }

    /// A notification whose body is CommonMark.
    pub fn markdown(body: impl Into<String>) -> Self {
        Self::new(Message::markdown(body))
    }

    /// A notification whose body is HTML.
    pub fn html(body: impl Into<String>) -> Self {
        Self::new(Message::html(body))
    }

    /// Adds a target: `platform`, `platform:recipient`, `@group` or a URL. It is read when the notification is sent.
    #[must_use]
    pub fn to(mut self, target: impl Into<Arc<str>>) -> Self {
        self.to.push(target.into());
        self
    }

    /// Adds a target that is already parsed.
    #[must_use]
    pub fn target(self, target: Target) -> Self {
        self.to(String::from(target))
    }

    /// Sets the title. Default: none.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.message.title = Some(title.into());
        self
    }

    /// Sets the priority. Default: normal.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.message.priority = priority;
        self
    }

    /// Says what kind of message it is, in a word of the caller's. Default: none.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<Box<str>>) -> Self {
        self.message.kind = Some(kind.into());
        self
    }

    /// Adds a row of name and value.
    #[must_use]
    pub fn field(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let field = Field { name: name.into(), value: value.into() };
        self.extra(|extras| extras.fields.push(field))
    }

    /// Adds a button, or a link where there are no buttons.
    #[must_use]
    pub fn action(self, label: impl Into<String>, url: impl Into<String>) -> Self {
        let action = Action { label: label.into(), url: url.into(), style: Default::default() };
        self.extra(|extras| extras.actions.push(action))
    }

    /// Adds a file.
    #[must_use]
    pub fn attach(self, attachment: Attachment) -> Self {
        self.extra(|extras| extras.attachments.push(attachment))
    }

    /// Calls somebody by name. Nothing in title or body ever does.
    #[must_use]
    pub fn mention(self, mention: Mention) -> Self {
        self.extra(|extras| extras.mentions.push(mention))
    }

    /// Sets platform-native JSON for one platform type, merged last into what its adapter makes.
    #[must_use]
    pub fn raw(self, kind: impl Into<String>, value: Value) -> Self {
        let kind = kind.into();
        self.extra(|extras| {
            extras.raw.insert(kind, value);
        })
    }

    /// Changes any other part of the message.
    #[must_use]
    pub fn extra(mut self, change: impl FnOnce(&mut Extras)) -> Self {
        change(self.message.extras_mut());
        self
    }

    /// Not to be sent before this moment. Default: at once.
    #[must_use]
    pub fn not_before(mut self, moment: SystemTime) -> Self {
        self.not_before = Some(moment);
        self
    }

    /// Not to be sent from this moment on. Default: never expires.
    #[must_use]
    pub fn expires_at(mut self, moment: SystemTime) -> Self {
        self.expires = Some(Expiry::At(moment));
        self
    }

    /// Not to be sent once this long has passed since it was accepted. Default: never expires.
    #[must_use]
    pub fn expires_in(mut self, span: Duration) -> Self {
        self.expires = Some(Expiry::After(span));
        self
    }

    /// The same key with the same content within 24 hours is the same notification: it is accepted once. Default: none.
    #[must_use]
    pub fn idempotency_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Notifications with the same key go to each platform one after the other, in the order they were accepted: the next one
    /// may be sent when the one before has reached a final state there, whichever. Default: no order.
    #[must_use]
    pub fn order_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.order_key = Some(key.into());
        self
    }

    /// Takes the place of an older one with the same key: what still waits of that is cancelled when this is accepted; what is
    /// being sent is not tried again. Default: replaces nothing.
    #[must_use]
    pub fn replace_key(mut self, key: impl Into<Arc<str>>) -> Self {
        self.replace_key = Some(key.into());
        self
    }

    /// The same content to the same target is sent once within this time: targets that it was accepted for are cancelled,
    /// and if these are all, the earlier notification stands for this one. At most 30 days. Default: not looked at.
    #[must_use]
    pub fn dedupe(mut self, window: Duration) -> Self {
        self.dedupe = Some(window);
        self
    }

    /// An id of the caller's that stands in every log line, event and attempt. Default: the notification's own id.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.correlation_id = Some(id.into());
        self
    }
}
