//! What a platform can and cannot carry.

use super::Format;

/// How many of which unit a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextLimit {
    /// The largest allowed count.
    pub max: usize,
    /// What is counted.
    pub unit: LengthUnit,
}

/// What a platform counts when it limits a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LengthUnit {
    /// Bytes of UTF-8.
    Bytes,
    /// Unicode scalar values.
    Chars,
    /// UTF-16 code units.
    Utf16,
}

/// Whether a target of this platform names a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientRule {
    /// The account has exactly one destination; naming a recipient is a mistake.
    Never,
    /// There is a default; naming one overrides it.
    Optional,
    /// Every target must name one, or the platform's table gives a default `recipient`.
    Required,
}

/// Whether the platform can recognise a second copy of the same task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// It cannot: an ambiguous attempt that is retried may be seen twice.
    None,
    /// The receiver is given the stable id and can drop copies itself.
    Receiver,
    /// The platform itself drops copies.
    Platform,
}

/// What a platform's rate limits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Requests: a native batch call makes one for each recipient it names, however many envelopes it carries.
    Requests,
    /// Envelopes, each as often as [`Platform::weight`](super::Platform::weight) says: recipients, or the segments of a short message.
    Envelopes,
}

/// What a platform can carry. Returned by [`Platform::capabilities`](super::Platform::capabilities).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Formats it renders itself; others are converted.
    pub formats: &'static [Format],
    /// Longest body; longer ones are cut with an ellipsis.
    pub body: Option<TextLimit>,
    /// Most envelopes of one native batch call. Default: 1, no batch call.
    pub batch_max: usize,
    /// Most bytes of the messages of one native batch call; a larger one goes alone. Default: any.
    pub batch_bytes_max: usize,
    /// What a rate limit counts. Default: requests.
    pub counted: Counted,
    /// Whether its calls may block the thread they run on. They are made on a few threads of its own then, so that they hold up
    /// nobody else; one that is given up goes on there until it ends by itself. Default: no.
    pub blocking: bool,
    /// Whether copies are recognised. Default: they are not.
    pub idempotency: Idempotency,
    /// Whether files can be attached. Default: no.
    pub attachments: bool,
    /// Whether targets name a recipient. Default: optional.
    pub recipient: RecipientRule,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            formats: &[Format::Text],
            body: None,
            batch_max: 1,
            batch_bytes_max: usize::MAX,
            counted: Counted::Requests,
            blocking: false,
            idempotency: Idempotency::None,
            attachments: false,
            recipient: RecipientRule::Optional,
        }
    }
}
