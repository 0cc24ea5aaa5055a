//! In which form a message is sent: as it should be, or simpler after a refusal.

use super::{
    config::{Layout, MarkdownMode, SlackConfig},
    payload,
};
use crate::contract::{Format, Message};

/// Refusals that other blocks may not meet.
const CURED_BY_OTHER_BLOCKS: [&str; 4] = ["invalid_blocks", "invalid_blocks_format", "invalid_payload", "invalid_arguments"];

/// Refusals that a plain text message may not meet.
const CURED_BY_TEXT: [&str; 6] = [
    "msg_blocks_too_long",
    "msg_too_long",
    "invalid_attachments",
    "too_many_attachments",
    "metadata_too_large",
    "markdown_text_conflict",
];

/// What `raw.slack` may say in place of our layout.
const RAW_CONTENT: [&str; 4] = ["blocks", "attachments", "metadata", "markdown_text"];

/// Refusals that a shorter text may not meet.
const CURED_BY_SHORT_TEXT: [&str; 2] = ["msg_too_long", "msg_blocks_too_long"];

/// Refusals that a message outside of the thread does not meet.
const CURED_OUTSIDE_THREAD: [&str; 3] = ["cannot_reply_to_message", "thread_not_found", "restricted_action_thread_locked"];

/// How a message is laid out, richest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Blocks, the body in one of CommonMark.
    Markdown,
    /// Blocks, the body as mrkdwn or plain text.
    Mrkdwn,
    /// One text.
    Text,
    /// One text, cut to what Slack recommends.
    ShortText,
}

/// In which form a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form<'a> {
    pub(super) shape: Shape,
    /// The message it replies to.
    pub(super) thread: Option<&'a str>,
    /// Whether a thread of the caller's own, in `raw.slack`, goes along.
    raw_thread: bool,
    /// Whether content of the caller's own, in `raw.slack`, goes along.
    raw_content: bool,
}

impl<'a> Form<'a> {
    /// The message as it should be, as a reply to `thread`.
    pub(super) fn first(config: &SlackConfig, message: &'a Message, thread: Option<&'a str>) -> Self {
        let is_marked_up = message.format != Format::Text && !message.body.trim().is_empty();
        let shape = match config.layout {
            Layout::Text => Shape::Text,
            Layout::Blocks | Layout::Attachment if is_marked_up && config.markdown_mode == MarkdownMode::Block => Shape::Markdown,
            Layout::Blocks | Layout::Attachment => Shape::Mrkdwn,
        };
        let raw_content = RAW_CONTENT.iter().any(|key| payload::has_raw(message, key));
        Self { shape, thread, raw_thread: payload::has_raw(message, "thread_ts"), raw_content }
    }

    /// The form that may be accepted where this one was refused with `code`.
    pub(super) fn simpler(self, code: &str) -> Option<Self> {
        if CURED_OUTSIDE_THREAD.contains(&code) {
            return self.is_reply().then_some(Self { thread: None, raw_thread: false, ..self });
        }
        let by_blocks = CURED_BY_OTHER_BLOCKS.contains(&code);
        let shape = match self.shape {
            _ if self.raw_content && (by_blocks || CURED_BY_TEXT.contains(&code)) => Shape::Text,
            Shape::Markdown if by_blocks => Shape::Mrkdwn,
            Shape::Markdown | Shape::Mrkdwn if by_blocks || CURED_BY_TEXT.contains(&code) => Shape::Text,
            Shape::Text if CURED_BY_SHORT_TEXT.contains(&code) => Shape::ShortText,
            _ => return None,
        };
        Some(Self { shape, raw_content: false, ..self })
    }

    /// Whether it goes into a thread.
    pub(super) fn is_reply(self) -> bool {
        self.thread.is_some() || self.raw_thread
    }

    /// Whether a key of `raw.slack` still belongs into this form: what was refused is not sent again.
    pub(super) fn allows(self, key: &str) -> bool {
        match key {
            key if RAW_CONTENT.contains(&key) => self.raw_content,
            "thread_ts" | "reply_broadcast" => self.is_reply(),
            _ => true,
        }
    }
}
