//! What is said: the neutral message that every adapter renders into its platform's dialect.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the body is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Plain text; every character means itself.
    #[default]
    Text,
    /// CommonMark.
    Markdown,
    /// HTML.
    Html,
}

/// How urgent it is: decides the order of work and, where a platform has such a thing, colour and sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Can wait, and need not be noticed at once.
    Low,
    /// The default.
    #[default]
    Normal,
    /// Should be noticed soon.
    High,
    /// Somebody must act now.
    Urgent,
}

/// A name and a value, shown as a row or a column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// How a button looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActionStyle {
    /// As the platform draws it.
    #[default]
    Default,
    /// The one to press.
    Primary,
    /// The one to think about first.
    Danger,
}

/// A button, or a link where there are no buttons.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// What it says.
    pub label: String,
    /// Where it leads.
    pub url: String,
    /// How it looks.
    #[serde(default)]
    pub style: ActionStyle,
}

/// Where the bytes of an attachment are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachmentContent {
    /// Here.
    Bytes(Bytes),
    /// At a URL the platform can fetch.
    Url(String),
}

/// A file that goes along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// File name, without a path.
    pub name: String,
    /// Media type, e.g. `image/png`.
    pub mime: String,
    /// Its bytes, or where they are.
    pub content: AttachmentContent,
}

/// Who is called by name. Nothing else in a message ever pings anybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mention {
    /// A user, by the platform's id.
    User(String),
    /// A group or role, by the platform's id.
    Group(String),
    /// Everybody in the channel.
    Everyone,
    /// Everybody in the channel who is there now.
    Here,
}

/// The neutral message. Every adapter renders what its platform can show and leaves out the rest.
///
/// Most messages are a body and perhaps a title; the rest lives apart in [`Extras`], so that a hundred thousand waiting
/// messages stay small.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// One line above the body.
    pub title: Option<String>,
    /// The body.
    pub body: String,
    /// How the body is written. Default: plain text.
    pub format: Format,
    /// How urgent it is. Default: normal.
    pub priority: Priority,
    /// What kind of message it is (`receipt`, `alert`, …), a word of the caller's.
    pub kind: Option<Box<str>>,
    extras: Option<Box<Extras>>,
}

/// The parts of a message that most messages do not have.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Extras {
    /// Rows of name and value, in order.
    pub fields: Vec<Field>,
    /// Buttons or links, in order.
    pub actions: Vec<Action>,
    /// Files, in order.
    pub attachments: Vec<Attachment>,
    /// Who is called by name.
    pub mentions: Vec<Mention>,
    /// A picture shown in the message.
    pub image_url: Option<String>,
    /// Where a click on the message leads.
    pub click_url: Option<String>,
    /// Messages with the same key belong to one thread.
    pub thread_key: Option<String>,
    /// Platform-native JSON by platform type, merged last into what the adapter made.
    pub raw: BTreeMap<String, Value>,
}

static NO_EXTRAS: Extras = Extras {
    fields: Vec::new(),
    actions: Vec::new(),
    attachments: Vec::new(),
    mentions: Vec::new(),
    image_url: None,
    click_url: None,
    thread_key: None,
    raw: BTreeMap::new(),
};

impl Message {
    /// A plain text message.
    pub fn text(body: impl Into<String>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// A message whose body is CommonMark.
    pub fn markdown(body: impl Into<String>) -> Self {
        Self { body: body.into(), format: Format::Markdown, ..Self::default() }
    }

    /// A message whose body is HTML.
    pub fn html(body: impl Into<String>) -> Self {
        Self { body: body.into(), format: Format::Html, ..Self::default() }
    }

    /// Sets the title. Default: none.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the priority. Default: normal.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// The fields, actions, attachments, mentions and other parts; all empty for most messages.
    pub fn extras(&self) -> &Extras {
        self.extras.as_deref().unwrap_or(&NO_EXTRAS)
    }

    /// The same, to add to.
    pub fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// What it weighs in memory, roughly: the bytes of title, body and attachments.
    pub fn bytes(&self) -> usize {
        let size = |attachment: &Attachment| match &attachment.content {
            AttachmentContent::Bytes(bytes) => bytes.len(),
            AttachmentContent::Url(url) => url.len(),
        };
        let attachments: usize = self.extras().attachments.iter().map(size).sum();
        self.body.len() + self.title.as_ref().map_or(0, String::len) + attachments
    }

    /// The platform-native JSON for platform type `kind`, if the caller gave any.
    pub fn raw_for(&self, kind: &str) -> Option<&Value> {
        self.extras().raw.get(kind)
    }
}
