//! A body in the dialect of a platform: conversion, escaping, length limits.
//!
//! Bodies come as plain text, CommonMark or HTML; the functions here turn any of them into any dialect, so that an
//! adapter only has to name its own. Everything is pure and total: any input gives an output, none can ping anybody.
//!
//! | file | what it does |
//! |---|---|
//! | `markdown` | CommonMark to plain text, Slack's mrkdwn, Discord's markdown and safe HTML |
//! | `html` | HTML to plain text and to CommonMark |
//! | `escape` | text in which every character means itself, per dialect |
//! | `line` | words of one line of text: controls escaped, time, priority |
//! | `template` | texts with `{placeholders}` |
//! | `limit` | lengths in the platform's unit, cutting with an ellipsis, splitting into pieces |

pub mod escape;
pub mod html;
pub mod limit;
pub(crate) mod line;
pub mod markdown;
pub(crate) mod template;

use std::borrow::Cow;

use crate::contract::Format;

/// The body as plain text, for platforms that show nothing else.
pub fn plain(format: Format, body: &str) -> Cow<'_, str> {
    match format {
        Format::Text => body.into(),
        Format::Markdown => markdown::plain(body).into(),
        Format::Html => html::text(body).into(),
    }
}

/// The body as safe HTML, for e-mail. HTML is passed on as it is: whoever writes HTML means it.
pub fn html(format: Format, body: &str) -> Cow<'_, str> {
    match format {
        Format::Text => escape::html(body).replace('\n', "<br>\n").into(),
        Format::Markdown => markdown::html(body).into(),
        Format::Html => body.into(),
    }
}

/// The body in Slack's mrkdwn.
pub fn slack(format: Format, body: &str) -> String {
    match format {
        Format::Text => escape::slack(body).into_owned(),
        Format::Markdown => markdown::slack(body),
        Format::Html => markdown::slack(&html::markdown(body)),
    }
}

/// The body as CommonMark that Slack renders itself; nothing in it can ping anybody.
pub fn slack_markdown(format: Format, body: &str) -> Cow<'_, str> {
    match format {
        Format::Text => escape::slack(body),
        Format::Markdown => escape::slack_markdown(body),
        Format::Html => escape::slack_markdown(&html::markdown(body)).into_owned().into(),
    }
}

/// The body in Discord's markdown.
pub fn discord(format: Format, body: &str) -> String {
    match format {
        Format::Text => escape::discord(body).into_owned(),
        Format::Markdown => markdown::discord(body).into_owned(),
        Format::Html => html::markdown(body),
    }
}
