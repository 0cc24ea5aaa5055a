//! The text and the HTML part of a mail.

use std::fmt::Write;

use pulldown_cmark::{Event, Options, Parser, Tag, html};

use crate::contract::{AttachmentContent, Extras, Format, Message};

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
        let (text, html) = match message.format {
            Format::Text => (message.body.clone(), None),
            Format::Markdown => (message.body.clone(), Some(from_markdown(&message.body))),
            Format::Html => (to_text(&message.body), Some(message.body.clone())),
        };
        let extras = message.extras();
        Self { text: clean(&(text + &text_extras(extras))), html: html.map(|body| page(&body, &html_extras(extras))) }
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

/// `CommonMark` with tables and strikethrough. HTML in it is shown, not obeyed, and only links that a mail may have are links.
fn from_markdown(source: &str) -> String {
    let parser = Parser::new_ext(source, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH);
    let events = parser.map(|event| match event {
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) if !is_safe_link(&dest_url) => {
            Event::Start(Tag::Link { link_type, dest_url: "".into(), title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) if !is_safe_link(&dest_url) => {
            Event::Start(Tag::Image { link_type, dest_url: "".into(), title, id })
        }
        other => other,
    });
    let mut out = String::with_capacity(source.len() * 2);
    html::push_html(&mut out, events);
    out
}

fn is_safe_link(url: &str) -> bool {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    ["http", "https", "mailto", "tel"].iter().any(|safe| scheme.eq_ignore_ascii_case(safe))
}

/// Escapes text for HTML, in content and in quoted attributes.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// The readable text of HTML: no tags, scripts or styles, blocks on lines of their own, links with their address.
fn to_text(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let (mut rest, mut skipped, mut link) = (source, None::<String>, None::<String>);
    while let Some(start) = rest.find('<') {
        if skipped.is_none() {
            out.push_str(&decode(&rest[..start].replace(['\r', '\n', '\t'], " ")));
        }
        let Some(length) = rest[start..].find('>') else { break };
        let tag = &rest[start + 1..start + length];
        rest = &rest[start + length + 1..];
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        match &*name {
            "script" | "style" | "head" => skipped = (!tag.starts_with('/')).then(|| name.clone()),
            "a" if tag.starts_with('/') => out.extend(link.take().map(|url| format!(" ({url})"))),
            "a" => link = href(tag),
            "br" | "p" | "div" | "li" | "tr" | "table" | "ul" | "ol" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" => {
                out.push('\n')
            }
            "td" | "th" => out.push(' '),
            _ => {}
        }
    }
    if skipped.is_none() {
        out.push_str(&decode(rest));
    }
    tidy(&out)
}

fn href(tag: &str) -> Option<String> {
    let at = tag.to_ascii_lowercase().find("href=")? + "href=".len();
    let rest = &tag[at..];
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''));
    let url = match quote {
        Some(quote) => rest[1..].split(quote).next()?,
        None => rest.split_whitespace().next()?,
    };
    Some(decode(url)).filter(|url| !url.is_empty())
}

fn decode(text: &str) -> String {
    const ENTITIES: [(&str, &str); 6] =
        [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];
    ENTITIES.iter().fold(text.to_owned(), |text, (entity, c)| text.replace(entity, c))
}

/// Lines without white space around them, no more than one empty line in a row.
fn tidy(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")) {
        if !line.is_empty() || !out.ends_with("\n\n") {
            out.push_str(&line);
            out.push('\n');
        }
    }
    out.trim().to_owned()
}

/// Line ends as LF, and no other control characters than tabs: a NUL or a bare CR is refused by many servers.
fn clean(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if text.chars().any(is_unwanted) { text.chars().filter(|c| !is_unwanted(*c)).collect() } else { text }
}

fn is_unwanted(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t')
}
