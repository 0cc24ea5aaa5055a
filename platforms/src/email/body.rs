//! The text and the HTML part of a mail.

use std::fmt::Write;

use crate::{
    contract::{AttachmentContent, Extras, Format, Message},
    render::{self, escape::html as escape},
};

/// Both readings of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Body {
    /// For readers of plain text; every mail has it.
    pub(super) text: String,
    /// For readers of HTML; a plain text message has none.
    pub(super) html: Option<String>,
}

impl Body {
    /// Renders body, fields, actions, picture and links. Markdown is its own text part.
    pub(super) fn of(message: &Message) -> Self {
        let text = match message.format {
            Format::Text | Format::Markdown => message.body.as_str().into(),
            Format::Html => render::plain(Format::Html, &message.body),
        };
        let html = (message.format != Format::Text).then(|| render::html(message.format, &message.body));
        let extras = message.extras();
        Self { text: clean(&format!("{text}{}", text_extras(extras))), html: html.map(|body| page(&body, &html_extras(extras))) }
    }
}

/// Links of a message besides its text: what it says and where it leads.
fn links(extras: &Extras) -> impl Iterator<Item = (&str, &str)> {
    let actions = extras.actions.iter().map(|action| (&*action.label, &*action.url));
    let files = extras.attachments.iter().filter_map(|file| match &file.content {
        AttachmentContent::Url(url) => Some((&*file.name, &**url)),
        AttachmentContent::Bytes(_) => None,
    });
    actions.chain(files).chain(extras.click_url.as_deref().map(|url| ("Link", url)))
}

fn text_extras(extras: &Extras) -> String {
    let mut out = String::new();
    let mut blocks = vec![extras.fields.iter().map(|field| (&*field.name, &*field.value)).collect::<Vec<_>>()];
    blocks.push(links(extras).chain(extras.image_url.as_deref().map(|url| ("Image", url))).collect());
    for block in blocks.into_iter().filter(|block| !block.is_empty()) {
        out.push_str("\n\n");
        let lines: Vec<_> = block.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        out.push_str(&lines.join("\n"));
    }
    out
}

fn html_extras(extras: &Extras) -> String {
    let mut out = String::new();
    if !extras.fields.is_empty() {
        out.push_str("<table>\n");
        for field in &extras.fields {
            let (name, value) = (escape(&field.name), escape(&field.value).replace('\n', "<br>"));
            let _ = writeln!(out, "<tr><th align=\"left\">{name}</th><td>{value}</td></tr>");
        }
        out.push_str("</table>\n");
    }
    if let Some(url) = extras.image_url.as_deref().filter(|url| is_safe_link(url)) {
        let _ = writeln!(out, "<p><img src=\"{}\" alt=\"\"></p>", escape(url));
    }
    for (label, url) in links(extras) {
        let _ = match is_safe_link(url) {
            true => writeln!(out, "<p><a href=\"{}\">{}</a></p>", escape(url), escape(label)),
            false => writeln!(out, "<p>{}: {}</p>", escape(label), escape(url)),
        };
    }
    out
}

/// A whole page: the extras go to the end of its body.
fn page(body: &str, extras: &str) -> String {
    if let Some(end) = body.to_ascii_lowercase().rfind("</body") {
        return clean(&format!("{}{extras}{}", &body[..end], &body[end..]));
    }
    let page = format!("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"></head><body>\n{body}\n{extras}</body></html>\n");
    clean(&page)
}

/// Whether a mail may link to it; anything else is shown as text.
fn is_safe_link(url: &str) -> bool {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    ["http", "https", "mailto", "tel"].iter().any(|safe| scheme.eq_ignore_ascii_case(safe))
}

/// Line ends as CRLF, and no other control characters than tabs: a NUL, a bare CR or LF is refused by many servers.
/// (lettre would turn LF into CRLF too, but in quadratic time.)
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    if text.chars().any(is_unwanted) { text.chars().filter(|c| !is_unwanted(*c)).collect() } else { text }
}

fn is_unwanted(c: char) -> bool {
    c.is_control() && !matches!(c, '\r' | '\n' | '\t')
}
