//! HTML for e-mail.

use pulldown_cmark::{CowStr, Event, Tag, html::push_html};

use super::{link_target, parser};

/// HTML in which raw HTML of the source is text and links and images lead to harmless schemes only.
pub fn html(markdown: &str) -> String {
    let mut out = String::with_capacity(markdown.len() + markdown.len() / 2);
    push_html(&mut out, parser(markdown).map(safe));
    out
}

fn safe(event: Event<'_>) -> Event<'_> {
    match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            Event::Start(Tag::Link { link_type, dest_url: safe_target(&dest_url), title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let dest_url = if dest_url.starts_with("cid:") { dest_url } else { safe_target(&dest_url) };
            Event::Start(Tag::Image { link_type, dest_url, title, id })
        }
        other => other,
    }
}

fn safe_target(address: &str) -> CowStr<'static> {
    link_target(address).unwrap_or_else(|| "#".to_owned()).into()
}
