//! The source itself, but for what Discord does not know.

use std::borrow::Cow;

use pulldown_cmark::{Event, Tag, TagEnd};

use super::{dialect, parser, writer};

/// Discord's markdown is close to CommonMark, so the source passes through unchanged, except that tables become code
/// blocks and images links. Pings are the business of `allowed_mentions`, not of the text.
pub fn discord(markdown: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut copied = 0;
    // Inside quotes and lists the lines of a table begin with the marks of what is around it; those stay as they are.
    let mut nesting = 0;
    let mut in_table = false;
    for (event, range) in parser(markdown).into_offset_iter() {
        match event {
            Event::Start(Tag::Table(_)) => in_table = nesting == 0,
            Event::Start(Tag::Image { .. }) if !in_table && range.start >= copied && markdown[range.start..].starts_with('!') => {
                out.push_str(&markdown[copied..range.start]);
                copied = range.start + 1;
            }
            Event::Start(Tag::BlockQuote(_) | Tag::List(_)) => nesting += 1,
            Event::End(TagEnd::BlockQuote(_) | TagEnd::List(_)) => nesting -= 1,
            Event::End(TagEnd::Table) if std::mem::take(&mut in_table) => {
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
