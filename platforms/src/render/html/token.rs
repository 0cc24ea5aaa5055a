//! HTML to texts and tags.

/// A piece of HTML. Comments, declarations and processing instructions are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Characters, references not yet decoded.
    Text(&'a str),
    /// `<name attributes>`.
    Open { name: &'a str, attributes: &'a str },
    /// `</name>`.
    Close { name: &'a str },
}

/// Elements whose content is no text.
const RAW: &[&str] = &["script", "style", "head", "title", "template", "svg"];

/// Reads tokens, each byte a bounded number of times whatever the input.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    /// Whether quotes still hide a `>`; no longer once a quote turned out never to be closed.
    quotes: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(html: &'a str) -> Self {
        Self { rest: html, quotes: true }
    }

    /// Drops everything up to the end of the raw element `name`, or all that is left where it has none.
    fn skip_element(&mut self, name: &str) {
        let mut from = 0;
        while let Some(at) = self.rest[from..].find("</").map(|at| from + at) {
            let behind = &self.rest.as_bytes()[at + 2..];
            let end = behind.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(behind.len());
            if behind[..end].eq_ignore_ascii_case(name.as_bytes()) {
                let end = self.rest[at..].find('>').map_or(self.rest.len(), |end| at + end + 1);
                self.rest = &self.rest[end..];
                return;
            }
            from = at + 2;
        }
        self.rest = "";
    }

    /// The end of the tag `rest` starts with: behind its `>`.
    fn tag_end(&mut self) -> Option<usize> {
        if self.quotes {
            if let Some(end) = unquoted_end(self.rest) {
                return Some(end);
            }
            self.quotes = false;
        }
        self.rest.find('>').map(|at| at + 1)
    }

    /// Takes a comment or a declaration off the start of `rest`, if there is one.
    fn skip_declaration(&mut self) -> bool {
        let end = if self.rest.starts_with("<!--") {
            self.rest.find("-->").map_or(self.rest.len(), |at| at + 3)
        } else if self.rest.starts_with("<!") || self.rest.starts_with("<?") {
            self.rest.find('>').map_or(self.rest.len(), |at| at + 1)
        } else {
            return false;
        };
        self.rest = &self.rest[end..];
        true
    }

    fn text_until(&mut self, end: usize) -> Token<'a> {
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Token::Text(text)
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            if self.rest.is_empty() {
                return None;
            }
            if self.skip_declaration() {
                continue;
            }
            if !starts_tag(self.rest) {
                let end = find_behind_first(self.rest, |c| c == '<');
                return Some(self.text_until(end));
            }
            let Some(end) = self.tag_end() else { return Some(self.text_until(self.rest.len())) };
            let (tag, rest) = self.rest.split_at(end);
            self.rest = rest;
            let inside = &tag[1..tag.len() - 1];
            let (is_close, inside) = inside.strip_prefix('/').map_or((false, inside), |inside| (true, inside));
            let (name, attributes) = inside.split_at(inside.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(inside.len()));
            if is_close {
                return Some(Token::Close { name });
            }
            if RAW.iter().any(|raw| raw.eq_ignore_ascii_case(name)) {
                self.skip_element(name);
                continue;
            }
            return Some(Token::Open { name, attributes });
        }
    }
}

/// Where the first wanted character is, not looking at the first character; else the end.
fn find_behind_first(text: &str, wanted: impl Fn(char) -> bool) -> usize {
    text.char_indices().skip(1).find(|(_, c)| wanted(*c)).map_or(text.len(), |(at, _)| at)
}

fn starts_tag(text: &str) -> bool {
    let Some(behind) = text.strip_prefix('<') else { return false };
    behind.strip_prefix('/').unwrap_or(behind).starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Behind the first `>` that is not inside quotes.
fn unquoted_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in tag.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

/// The value of `wanted` among the attributes of a tag, references not yet decoded.
pub(super) fn attribute<'a>(attributes: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return None;
        }
        let end = find_behind_first(rest, |c| c.is_whitespace() || c == '=');
        let (name, behind) = rest.split_at(end);
        let behind = behind.trim_start();
        let Some(value) = behind.strip_prefix('=') else {
            rest = behind;
            continue;
        };
        let value = value.trim_start();
        let (value, behind) = match value.strip_prefix(['"', '\'']) {
            Some(quoted) => quoted.split_once(&value[..1]).unwrap_or((quoted, "")),
            None => value.split_at(value.find(char::is_whitespace).unwrap_or(value.len())),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
}
