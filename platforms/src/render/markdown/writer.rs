//! Parser events to blocks of text, in a dialect.
//!
//! A stack of frames, one per open block: inline text gathers in the frame's line, finished blocks in its list. No
//! recursion: a body of a hundred thousand `>` is only a deep stack of small frames.

use pulldown_cmark::{CodeBlockKind, Event, Tag, TagEnd};

use super::{
    dialect::{Dialect, PLAIN},
    link_target, parser,
    table::columns,
};

/// Quotes and lists nested deeper than this are written without further marks.
const NESTING_MAX: usize = 12;

struct Frame {
    kind: Kind,
    blocks: Vec<String>,
    line: String,
}

enum Kind {
    Root,
    Paragraph,
    Heading,
    Quote,
    /// The next number, for ordered lists.
    List(Option<u64>),
    Item,
    Code,
    Table,
    Row,
    Cell,
}

struct Writer<'a> {
    dialect: &'a Dialect,
    frames: Vec<Frame>,
    /// Rows of the table under way; tables do not nest.
    rows: Vec<Vec<String>>,
    /// Where the open links and images lead, and where their text begins in the line.
    links: Vec<(Option<String>, usize)>,
    /// Quotes and lists that are open.
    nesting: usize,
}

/// Writes `markdown` in `dialect`.
pub(super) fn write(markdown: &str, dialect: &Dialect) -> String {
    let mut writer = Writer { dialect, frames: Vec::new(), rows: Vec::new(), links: Vec::new(), nesting: 0 };
    writer.push(Kind::Root);
    for event in parser(markdown) {
        writer.event(event);
    }
    let root = writer.pop();
    root.blocks.join("\n\n")
}

impl Writer<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) => self.code_span(&text),
            Event::SoftBreak | Event::HardBreak => self.line().push('\n'),
            Event::Rule => self.block("―――".to_owned()),
            Event::TaskListMarker(done) => self.line().push_str(if done { "☑ " } else { "☐ " }),
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::HtmlBlock => self.push(Kind::Paragraph),
            Tag::Heading { .. } => self.push(Kind::Heading),
            Tag::BlockQuote(_) => self.nest(Kind::Quote),
            Tag::List(first) => self.nest(Kind::List(first)),
            Tag::Item => self.push(Kind::Item),
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => self.push(Kind::Code),
            Tag::Table(_) => self.push(Kind::Table),
            Tag::TableHead | Tag::TableRow => self.push(Kind::Row),
            Tag::TableCell => self.push(Kind::Cell),
            Tag::Strong => self.mark(|dialect| dialect.strong),
            Tag::Emphasis => self.mark(|dialect| dialect.emphasis),
            Tag::Strikethrough => self.mark(|dialect| dialect.struck),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                let at = self.line().len();
                self.links.push((link_target(&dest_url), at));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Strong => self.mark(|dialect| dialect.strong),
            TagEnd::Emphasis => self.mark(|dialect| dialect.emphasis),
            TagEnd::Strikethrough => self.mark(|dialect| dialect.struck),
            TagEnd::Link | TagEnd::Image => self.end_link(),
            TagEnd::BlockQuote(_) | TagEnd::List(_) => {
                self.finish();
                self.nesting -= 1;
            }
            TagEnd::Paragraph
            | TagEnd::HtmlBlock
            | TagEnd::Heading(_)
            | TagEnd::Item
            | TagEnd::CodeBlock
            | TagEnd::Table
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell => self.finish(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str) {
        let escaped = (self.current().escape)(text);
        self.line().push_str(&escaped);
    }

    fn code_span(&mut self, text: &str) {
        // mrkdwn cannot write a backtick inside a code span.
        let mark = if text.contains('`') { "" } else { self.current().code };
        self.line().push_str(mark);
        self.text(text);
        self.line().push_str(mark);
    }

    /// Writes an inline mark, but not inside headings, which are marked as a whole.
    fn mark(&mut self, of: fn(&Dialect) -> &'static str) {
        let mark = of(self.current());
        if !matches!(self.top().kind, Kind::Heading) {
            self.line().push_str(mark);
        }
    }

    /// A link inside a link (an image that is clickable) leaves its text only.
    fn end_link(&mut self) {
        let Some((target, start)) = self.links.pop() else { return };
        let Some(target) = target.filter(|_| self.links.is_empty()) else { return };
        let link = self.current().link;
        let line = self.line();
        let text = line.split_off(start);
        line.push_str(&link(&target, &text));
    }

    /// Tables are laid out as plain text and escaped as a whole.
    fn current(&self) -> &Dialect {
        if matches!(self.top().kind, Kind::Cell) { &PLAIN } else { self.dialect }
    }

    fn push(&mut self, kind: Kind) {
        if !self.frames.is_empty() {
            self.end_line();
        }
        self.frames.push(Frame { kind, blocks: Vec::new(), line: String::new() });
    }

    fn nest(&mut self, kind: Kind) {
        self.push(kind);
        self.nesting += 1;
    }

    fn pop(&mut self) -> Frame {
        self.end_line();
        self.frames.pop().expect("starts and ends of blocks are balanced")
    }

    /// What stands in the line (the text of a tight list item) becomes a block of its own.
    fn end_line(&mut self) {
        let top = self.top_mut();
        if !top.line.is_empty() {
            let line = std::mem::take(&mut top.line);
            top.blocks.push(line);
        }
    }

    fn block(&mut self, block: String) {
        self.end_line();
        self.top_mut().blocks.push(block);
    }

    /// Closes the top frame and hands what it wrote to the one below.
    fn finish(&mut self) {
        let frame = self.pop();
        let dialect = self.dialect;
        let is_deep = self.nesting > NESTING_MAX;
        let written = match frame.kind {
            Kind::Cell => return self.top_mut().blocks.push(frame.blocks.concat().replace('\n', " ")),
            Kind::Row => return self.rows.push(frame.blocks),
            Kind::Item => self.item(frame, is_deep),
            Kind::List(_) => joined(frame.blocks),
            Kind::Quote if is_deep => joined(frame.blocks),
            Kind::Quote => prefixed(&frame.blocks.join("\n\n"), dialect.quote, dialect.quote),
            Kind::Heading => format!("{0}{1}{0}", dialect.heading, frame.blocks.concat()),
            Kind::Code => fenced(frame.blocks.concat().trim_end_matches('\n'), dialect),
            Kind::Table => fenced(&(dialect.escape)(&columns(&std::mem::take(&mut self.rows))), dialect),
            Kind::Root | Kind::Paragraph => frame.blocks.concat().trim_end().to_owned(),
        };
        if !written.is_empty() {
            self.top_mut().blocks.push(written);
        }
    }

    fn item(&mut self, frame: Frame, is_deep: bool) -> String {
        let mark = match &mut self.top_mut().kind {
            Kind::List(Some(number)) => {
                *number += 1;
                format!("{}. ", *number - 1)
            }
            _ => self.dialect.bullet.to_owned(),
        };
        let text = joined(frame.blocks);
        if is_deep { text } else { prefixed(&text, &mark, "    ") }
    }

    fn line(&mut self) -> &mut String {
        &mut self.top_mut().line
    }

    fn top(&self) -> &Frame {
        self.frames.last().expect("the root frame stays to the end")
    }

    fn top_mut(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the root frame stays to the end")
    }
}

/// The blocks as lines; a single one is not copied, or deep nesting would copy it once per level.
fn joined(mut blocks: Vec<String>) -> String {
    if blocks.len() == 1 { blocks.pop().unwrap_or_default() } else { blocks.join("\n") }
}

fn fenced(text: &str, dialect: &Dialect) -> String {
    match dialect.fence {
        Some(fence) => format!("{fence}\n{}\n{fence}", text.replace(fence, "``\u{200b}`")),
        None => text.to_owned(),
    }
}

fn prefixed(text: &str, first: &str, others: &str) -> String {
    let mut out = String::with_capacity(text.len() + first.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        out.push_str(if index == 0 { first } else { others });
        out.push_str(line);
    }
    out
}
