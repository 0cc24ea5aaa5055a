//! Mistakes in a configuration, each with its place, and how they are printed.

use std::{cmp::Ordering, fmt, ops::Range, path::Path};

use super::{
    source::{FileText, Layer, Source},
    tree::dotted,
};

/// Every mistake of a configuration, in the order of its files and their lines. Printed, it shows one block for each:
///
/// ```text
/// notifyhub.toml:12:1: unknown key `platforms.ops.webhok_url`, did you mean `webhook_url`?
///   12 | webhok_url = …
///      | ^^^^^^^^^^
/// ```
///
/// Secrets are not in it: neither in what was found nor in the lines it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Mistake>);

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    place: Place,
    key: Vec<String>,
    message: String,
}

/// Where a mistake is. Ordered as mistakes are shown: files by their order and lines, then the environment, then flags.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    layer: usize,
    /// The file, the variable or the flag.
    name: String,
    excerpt: Option<Excerpt>,
}

/// The line of a file, with what is wrong underlined.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    line: usize,
    /// In characters, from 1.
    column: usize,
    text: String,
    /// How many characters of the text as it is shown stand before the underlined ones, and how many those are.
    indent: usize,
    width: usize,
}

impl ConfigErrors {
    /// Puts them in order; `None` if there are none.
    pub(crate) fn collect(mut mistakes: Vec<Mistake>) -> Option<Self> {
        mistakes.sort_by(Mistake::order);
        mistakes.dedup();
        if mistakes.is_empty() { None } else { Some(Self(mistakes)) }
    }

    /// The mistakes, at least one.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }
}

impl Mistake {
    /// A mistake at `at` in the text of a layer. `hidden` are the parts of the text that may not be shown.
    pub(crate) fn at(
        layers: &[Layer],
        layer: usize,
        at: Range<usize>,
        hidden: &[Range<usize>],
        key: &[String],
        message: String,
    ) -> Self {
        let (name, excerpt) = match layers.get(layer).map(|layer| &layer.source) {
            Some(Source::File(file)) => (shown(&file.path), Some(Excerpt::of(file, at, hidden))),
            Some(Source::Env(name) | Source::Flag(name)) => (name.clone(), None),
            Some(Source::Default) | None => ("configuration".to_owned(), None),
        };
        Self { place: Place { layer, name, excerpt }, key: key.to_vec(), message }
    }

    /// A mistake of a whole file.
    pub(crate) fn of_file(layer: usize, path: &Path, message: String) -> Self {
        Self { place: Place { layer, name: shown(path), excerpt: None }, key: Vec::new(), message }
    }

    /// The same mistake, in the layer at another position.
    pub(crate) fn in_layer(mut self, layer: usize) -> Self {
        self.place.layer = layer;
        self
    }

    /// The line of the file it is on, from 1; `None` where it is in the environment or in a flag.
    pub fn line(&self) -> Option<usize> {
        self.place.excerpt.as_ref().map(|excerpt| excerpt.line)
    }

    /// The file, the environment variable or the flag it is in.
    pub fn source(&self) -> &str {
        &self.place.name
    }

    /// The key it is at, e.g. `platforms.ops.webhook_url`; empty for a file that cannot be read.
    pub fn key(&self) -> String {
        dotted(&self.key)
    }

    /// What is wrong, what is allowed, and the way out.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether it is at `path` or below.
    pub(crate) fn is_within(&self, path: &[&str]) -> bool {
        self.key.len() >= path.len() && self.key.iter().zip(path).all(|(key, path)| key == path)
    }

    fn order(&self, other: &Self) -> Ordering {
        let position = |mistake: &Self| mistake.place.excerpt.as_ref().map_or((0, 0), |excerpt| (excerpt.line, excerpt.column));
        self.place.layer.cmp(&other.place.layer).then_with(|| position(self).cmp(&position(other)))
    }
}

impl Excerpt {
    fn of(file: &FileText, at: Range<usize>, hidden: &[Range<usize>]) -> Self {
        let (line, start) = file.line(at.start);
        let end = file.text[start..].find('\n').map_or(file.text.len(), |length| start + length);
        let column = file.text[start..end].char_indices().take_while(|(offset, _)| start + offset < at.start).count() + 1;
        let mut excerpt = Self { line, column, text: String::new(), indent: 0, width: 0 };
        let mut offset = start;
        for c in file.text[start..end].chars() {
            let here = offset..offset + c.len_utf8();
            offset = here.end;
            let hiding = hidden.iter().find(|range| range.contains(&here.start));
            let first = hiding.is_none_or(|range| here.start == range.start || here.start == start);
            if !first || c == '\r' {
                continue;
            }
            excerpt.text.push(if hiding.is_some() { '…' } else { printable(c) });
            let shown_end = hiding.map_or(here.end, |range| range.end);
            excerpt.indent += usize::from(shown_end <= at.start);
            excerpt.width += usize::from(shown_end > at.start && here.start < at.end);
        }
        excerpt.text.truncate(excerpt.text.trim_end().len());
        excerpt.width = excerpt.width.max(1);
        excerpt
    }
}

fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

fn shown(path: &Path) -> String {
    path.strip_prefix(".").unwrap_or(path).display().to_string()
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Excerpt { line, column, text, indent, width }) = &self.place.excerpt else {
            return writeln!(f, "{}: {}", self.place.name, self.message);
        };
        writeln!(f, "{}:{line}:{column}: {}", self.place.name, self.message)?;
        if text.is_empty() {
            return Ok(());
        }
        let gutter = line.to_string().len();
        writeln!(f, "  {line} | {text}")?;
        writeln!(f, "  {:gutter$} | {:indent$}{}", "", "", "^".repeat(*width))
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|mistake| mistake.fmt(f))
    }
}

impl std::error::Error for ConfigErrors {}
