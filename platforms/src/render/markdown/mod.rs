//! CommonMark (with tables, struck text and task lists) to the dialects of platforms.
//!
//! The source is read by a real parser; nothing is guessed from single characters. Raw HTML in the source is text.
//!
//! | file | what it does |
//! |---|---|
//! | `dialect` | the marks of plain text and of Slack's mrkdwn |
//! | `writer` | parser events to blocks of text, in a dialect |
//! | `table` | rows to aligned columns |
//! | `discord` | the source itself, but for what Discord does not know |
//! | `safe_html` | HTML for e-mail |

mod dialect;
mod discord;
mod safe_html;
mod table;
#[cfg(test)]
mod tests;
mod writer;

use pulldown_cmark::{Options, Parser};

pub use discord::discord;
pub use safe_html::html;

/// Plain text: marks vanish, links become `text (address)`, tables aligned columns.
pub fn plain(markdown: &str) -> String {
    writer::write(markdown, &dialect::PLAIN)
}

/// Slack's mrkdwn: `*bold*`, `_italic_`, `~struck~`, `<address|text>`, headings as bold lines, tables as code blocks.
/// All text is escaped, so nothing in it can ping anybody.
pub fn slack(markdown: &str) -> String {
    writer::write(markdown, &dialect::SLACK)
}

/// Where a link may lead: an absolute address of a harmless scheme, made safe for every dialect's link syntax.
pub(crate) fn link_target(address: &str) -> Option<String> {
    const SCHEMES: [&str; 5] = ["https://", "http://", "mailto:", "tel:", "sip:"];
    let address = address.trim();
    let has_scheme = |scheme: &&str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    SCHEMES.iter().find(|scheme| has_scheme(scheme))?;
    let mut target = String::with_capacity(address.len());
    for c in address.chars() {
        match c {
            '<' | '>' | '|' | '(' | ')' | '"' | '\\' | '`' => target.push_str(&format!("%{:02X}", u32::from(c))),
            c if c.is_whitespace() || c.is_control() => target.push_str("%20"),
            c => target.push(c),
        }
    }
    Some(target)
}

fn parser(markdown: &str) -> Parser<'_> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS)
}
