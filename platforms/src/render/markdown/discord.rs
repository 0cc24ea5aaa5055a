//! The source itself, but for what Discord does not know.

use std::borrow::Cow;

use pulldown_cmark::{Event, Tag, TagEnd};

use super::{dialect, parser, writer};

/// Discord's markdown is close to CommonMark, so the source passes through unchanged, except that tables become code
/// blocks and images links. Pings are the business of `allowed_mentions`, not of the text.
pub fn discord(markdown: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    for (event, range) in parser(markdown).into_offset_iter() {
        match event {
            Event::Start(Tag::Image { .. }) if range.start >= copied && markdown[range.start..].starts_with('!') => {
                out.push_str(&markdown[copied..range.start]);
                copied = range.start + 1;
            }
            Event::End(TagEnd::Table) if range.start >= copied => {
                out.push_str(&markdown[copied..range.start]);
                let table = writer::write(&markdown[range.clone()], &dialect::PLAIN);
                out.push_str(&format!("```\n{}\n```\n", table.replace("```", "``\u{200b}`")));
                copied = range.end;
            }
            _ => {}
        }
    }
    if copied == 0 {
        return markdown.into();
    }
    out.push_str(&markdown[copied..]);
    out.into()
}
