//! The marks of plain text and of Slack's mrkdwn.

use std::borrow::Cow;

use crate::render::escape;

/// How one dialect writes what the parser finds.
pub(super) struct Dialect {
    /// Makes characters mean themselves.
    pub(super) escape: fn(&str) -> Cow<'_, str>,
    pub(super) strong: &'static str,
    pub(super) emphasis: &'static str,
    pub(super) struck: &'static str,
    pub(super) code: &'static str,
    /// Around headings.
    pub(super) heading: &'static str,
    /// Around code blocks and tables, on lines of their own.
    pub(super) fence: Option<&'static str>,
    /// Before each line of a quote.
    pub(super) quote: &'static str,
    /// Before the items of unordered lists.
    pub(super) bullet: &'static str,
    /// A link, from its target (already safe) and its text (already in the dialect).
    pub(super) link: fn(&str, &str) -> String,
}

pub(super) const PLAIN: Dialect = Dialect {
    escape: |text| text.into(),
    strong: "",
    emphasis: "",
    struck: "",
    code: "",
    heading: "",
    fence: None,
    quote: "> ",
    bullet: "- ",
    link: plain_link,
};

/// <https://docs.slack.dev/messaging/formatting-message-text>
pub(super) const SLACK: Dialect = Dialect {
    escape: escape::slack,
    strong: "*",
    emphasis: "_",
    struck: "~",
    code: "`",
    heading: "*",
    fence: Some("```"),
    quote: "> ",
    bullet: "• ",
    link: slack_link,
};

pub(super) fn plain_link(target: &str, text: &str) -> String {
    let shown = target.strip_prefix("mailto:").unwrap_or(target);
    if text.is_empty() || text == shown { shown.to_owned() } else { format!("{text} ({shown})") }
}

fn slack_link(target: &str, text: &str) -> String {
    let text = text.replace(['\n', '|'], " ");
    let target = target.replace('&', "&amp;");
    if text.is_empty() || text == target { format!("<{target}>") } else { format!("<{target}|{text}>") }
}
