//! Texts and tags to lines.

use super::{
    entity,
    token::{Token, Tokens, attribute},
};
use crate::render::{escape, markdown::link_target};

/// What the lines are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Markdown,
}

/// White space that comes before the next word, the widest that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    None,
    Space,
    Line,
    Blank,
}

/// A list item is indented by two spaces per list around it, up to this many lists.
const INDENT_LISTS_MAX: usize = 8;

pub(super) struct Writer {
    style: Style,
    out: String,
    gap: Gap,
    /// Opening marks that come right before the next word, and are dropped where none comes.
    pending: String,
    /// The lists we are in: the next number, or none for dashes.
    lists: Vec<Option<u64>>,
    /// The link we are in: where it leads and where its text begins in `out`.
    link: Option<(String, usize)>,
    preformatted: bool,
    code: bool,
}

impl Writer {
    pub(super) fn new(style: Style) -> Self {
        Self {
            style,
            out: String::new(),
            gap: Gap::None,
            pending: String::new(),
            lists: Vec::new(),
            link: None,
            preformatted: false,
            code: false,
        }
    }

    pub(super) fn run(mut self, html: &str) -> String {
        for token in Tokens::new(html) {
            match token {
                Token::Text(text) => self.text(&entity::decode(text)),
                Token::Open { name, attributes } => self.open(&name.to_ascii_lowercase(), attributes),
                Token::Close { name } => self.close(&name.to_ascii_lowercase()),
            }
        }
        self.close("a");
        self.close("pre");
        self.out.truncate(self.out.trim_end().len());
        self.out
    }

    fn text(&mut self, text: &str) {
        if self.preformatted {
            let text = if self.out.ends_with("```\n") { text.strip_prefix('\n').unwrap_or(text) } else { text };
            if !text.is_empty() {
                self.flush();
                self.out.push_str(&text.replace("```", "``\u{200b}`"));
            }
            return;
        }
        if text.starts_with(char::is_whitespace) {
            self.widen(Gap::Space);
        }
        for word in text.split_whitespace() {
            self.flush();
            self.word(word);
            self.gap = Gap::Space;
        }
        if !text.ends_with(char::is_whitespace) && !text.is_empty() {
            self.gap = Gap::None;
        }
    }

    fn word(&mut self, word: &str) {
        match self.style {
            Style::Plain => self.out.push_str(word),
            Style::Markdown if self.code => self.out.push_str(&word.replace('`', "'")),
            Style::Markdown => self.out.push_str(&escape::discord(word)),
        }
    }

    fn open(&mut self, name: &str, attributes: &str) {
        match name {
            "br" => self.widen(if self.gap >= Gap::Line { Gap::Blank } else { Gap::Line }),
            "ul" | "ol" => {
                self.block(name);
                self.lists.push((name == "ol").then_some(1));
            }
            "li" => self.item(),
            "a" => self.open_link(attribute(attributes, "href").unwrap_or_default()),
            "img" => self.text(&entity::decode(attribute(attributes, "alt").unwrap_or_default())),
            "pre" => self.open_preformatted(),
            "td" | "th" => self.widen(Gap::Space),
            "code" => {
                self.open_mark(name);
                self.code = true;
            }
            _ => {
                self.block(name);
                self.open_mark(name);
            }
        }
    }

    fn close(&mut self, name: &str) {
        match name {
            "ul" | "ol" => {
                self.lists.pop();
                self.block(name);
            }
            "a" => self.close_link(),
            "pre" => self.close_preformatted(),
            "code" => {
                self.code = false;
                self.close_mark(name);
            }
            _ => {
                self.close_mark(name);
                self.block(name);
            }
        }
    }

    /// The gap that a block element has before and behind it.
    fn block(&mut self, name: &str) {
        match name {
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "blockquote" | "table" | "hr" => self.widen(Gap::Blank),
            "ul" | "ol" => self.widen(if self.lists.is_empty() { Gap::Blank } else { Gap::Line }),
            "div" | "tr" | "li" | "dt" | "dd" | "section" | "article" | "header" | "footer" => self.widen(Gap::Line),
            _ => {}
        }
    }

    fn item(&mut self) {
        self.widen(Gap::Line);
        self.pending.clear();
        let indent = self.lists.len().saturating_sub(1).min(INDENT_LISTS_MAX);
        self.pending.push_str(&"  ".repeat(indent));
        match self.lists.last_mut() {
            Some(Some(number)) => {
                self.pending.push_str(&format!("{number}. "));
                *number = number.saturating_add(1);
            }
            _ => self.pending.push_str("- "),
        }
    }

    fn open_mark(&mut self, name: &str) {
        match name.strip_prefix('h').and_then(|level| level.parse::<usize>().ok()) {
            Some(level @ 1..=6) if self.style == Style::Markdown => self.pending.push_str(&format!("{} ", "#".repeat(level))),
            _ => self.pending.push_str(self.mark(name)),
        }
    }

    fn close_mark(&mut self, name: &str) {
        let mark = self.mark(name);
        match self.pending.strip_suffix(mark) {
            Some(shorter) if !mark.is_empty() => self.pending.truncate(shorter.len()),
            _ => self.out.push_str(mark),
        }
    }

    /// The mark around inline elements.
    fn mark(&self, name: &str) -> &'static str {
        match name {
            _ if self.style == Style::Plain || self.preformatted => "",
            "b" | "strong" => "**",
            "i" | "em" => "*",
            "s" | "del" | "strike" => "~~",
            "code" => "`",
            _ => "",
        }
    }

    fn open_link(&mut self, href: &str) {
        self.close_link();
        let Some(target) = link_target(&entity::decode(href)).filter(|_| !self.preformatted) else { return };
        if self.style == Style::Markdown {
            self.pending.push('[');
        }
        self.link = Some((target, self.out.len()));
    }

    fn close_link(&mut self) {
        let Some((target, start)) = self.link.take() else { return };
        let text = self.out[start..].trim();
        let shown = target.strip_prefix("mailto:").unwrap_or(&target);
        match self.style {
            _ if self.pending.ends_with('[') => _ = self.pending.pop(),
            Style::Markdown => self.out.push_str(&format!("]({target})")),
            Style::Plain if !text.is_empty() && text != shown => self.out.push_str(&format!(" ({shown})")),
            Style::Plain => {}
        }
    }

    fn open_preformatted(&mut self) {
        self.widen(Gap::Blank);
        if self.style == Style::Markdown && !self.preformatted {
            self.flush();
            self.out.push_str("```\n");
        }
        self.preformatted = true;
    }

    fn close_preformatted(&mut self) {
        if !std::mem::take(&mut self.preformatted) {
            return;
        }
        if self.style == Style::Markdown {
            self.out.truncate(self.out.trim_end_matches('\n').len());
            self.out.push_str("\n```");
        }
        self.widen(Gap::Blank);
    }

    fn widen(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Writes the gap and the opening marks that wait for the next word.
    fn flush(&mut self) {
        if !self.out.is_empty() {
            self.out.push_str(match self.gap {
                Gap::None => "",
                Gap::Space => " ",
                Gap::Line => "\n",
                Gap::Blank => "\n\n",
            });
        }
        self.gap = Gap::None;
        self.out.push_str(&self.pending);
        self.pending.clear();
    }
}
