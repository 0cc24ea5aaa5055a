//! A message as one piece of mrkdwn: what screen readers and notifications show, and what is left where blocks fail.

use super::blocks::note;
use crate::{
    contract::{Action, Field, LengthUnit, Mention, Message, SendError, TextLimit},
    render::{
        self, escape,
        limit::{self, Markup},
        markdown::link_target,
    },
};

/// Slack cuts longer texts (<https://docs.slack.dev/reference/methods/chat.postMessage#truncating>).
pub(super) const TEXT: TextLimit = TextLimit { max: 40_000, unit: LengthUnit::Chars };
/// What Slack recommends as the longest; enough beside blocks, which hold the whole body.
pub(super) const FALLBACK: TextLimit = TextLimit { max: 4_000, unit: LengthUnit::Chars };

/// Title and body, for where blocks cannot be shown.
pub(super) fn fallback(message: &Message) -> String {
    let body = render::slack(message.format, message.body.trim());
    let title = title(message).map(|title| escape::slack(&title).into_owned());
    let parts: Vec<String> = title.into_iter().chain([body]).filter(|part| !part.is_empty()).collect();
    limit::truncate_closed(&parts.join("\n"), FALLBACK, Markup::Slack)
}

/// The whole message as text of at most `limit`.
pub(super) fn whole(message: &Message, mentions: &str, carries_files: bool, limit: TextLimit) -> String {
    let extras = message.extras();
    let mut parts = vec![mentions.to_owned()];
    parts.extend(title(message).map(|title| format!("*{}*", escape::slack(&title))));
    parts.push(render::slack(message.format, message.body.trim()));
    parts.extend(extras.fields.iter().map(|field| self::field(field, " ")));
    parts.extend(extras.image_url.iter().map(|url| link(url, "image")));
    parts.extend(extras.click_url.iter().map(|url| link(url, "Open")));
    parts.extend(extras.actions.iter().map(action));
    parts.extend(extras.attachments.iter().filter_map(|attachment| note(attachment, carries_files)));
    parts.retain(|part| !part.is_empty());
    limit::truncate_closed(&parts.join("\n"), limit, Markup::Slack)
}

/// Everybody who is mentioned, as mrkdwn; the only place where pings are written.
///
/// # Errors
///
/// An invalid message where an id is no Slack id, because it would not ping anybody.
pub(super) fn mentions(message: &Message) -> Result<String, SendError> {
    let pings = message.extras().mentions.iter().map(|mention| match mention {
        Mention::User(id) => Ok(format!("<@{}>", checked(id)?)),
        Mention::Group(id) => Ok(format!("<!subteam^{}>", checked(id)?)),
        Mention::Everyone => Ok("<!channel>".to_owned()),
        Mention::Here => Ok("<!here>".to_owned()),
    });
    Ok(pings.collect::<Result<Vec<_>, SendError>>()?.join(" "))
}

fn checked(id: &str) -> Result<&str, SendError> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(id);
    }
    Err(SendError::invalid_message("a mention on slack names an id such as U012AB3CD (user) or S012AB3CD (group)"))
}

/// The title on one line, if there is one.
pub(super) fn title(message: &Message) -> Option<String> {
    let words: Vec<&str> = message.title.as_deref()?.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// A field as `*name*`, gap, value.
pub(super) fn field(field: &Field, gap: &str) -> String {
    format!("*{}*{gap}{}", escape::slack(field.name.trim()), escape::slack(field.value.trim()))
}

/// An action as a link.
pub(super) fn action(action: &Action) -> String {
    link(&action.url, action.label.trim())
}

/// A link; where the address is not harmless, text that shows it.
pub(super) fn link(url: &str, text: &str) -> String {
    match link_target(url) {
        Some(target) if text.is_empty() => format!("<{}>", target.replace('&', "&amp;")),
        Some(target) => format!("<{}|{}>", target.replace('&', "&amp;"), escape::slack(&text.replace(['|', '\n'], " "))),
        None => format!("{}: {}", escape::slack(text), escape::slack(url)),
    }
}

/// An address that a browser can open.
pub(super) fn web_address(url: &str) -> Option<String> {
    link_target(url).filter(|target| target.get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http")))
}
