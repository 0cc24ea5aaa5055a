//! A text to its parts, each placeholder with the place it stands in.

use super::{Language, Part, Place, Placeholder, Template};

const OPEN: &str = "{{";
const CLOSE: &str = "}}";
/// Between the braces, this means the opening braces themselves.
const LITERAL_OPEN: &str = "\"{{\"";

impl Template {
    /// Reads a text. JSON is checked to be JSON whatever the values are.
    ///
    /// # Errors
    ///
    /// What is wrong: an unknown placeholder (with the known ones), braces that are not closed, a place where no value
    /// can stand. Nothing of the text but the name of a placeholder is repeated.
    pub(in super::super) fn parse(text: &str, language: Language) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut cursor = JsonCursor::default();
        let literal = |text: &str, cursor: &mut JsonCursor, parts: &mut Vec<Part>| {
            cursor.pass(text);
            match parts.last_mut() {
                Some(Part::Literal(last)) => last.push_str(text),
                _ if text.is_empty() => {}
                _ => parts.push(Part::Literal(text.to_owned())),
            }
        };
        let mut rest = text;
        while let Some((before, after)) = rest.split_once(OPEN) {
            literal(before, &mut cursor, &mut parts);
            if let Some(after) = literal_open(after) {
                literal(OPEN, &mut cursor, &mut parts);
                rest = after;
                continue;
            }
            let (name, after) =
                after.split_once(CLOSE).ok_or("`{{` without `}}`: to mean the braces themselves, write {{ \"{{\" }}")?;
            let name = name.trim();
            let placeholder = Placeholder::parse(name)?;
            parts.push(Part::Value(placeholder, place(language, &cursor, name)?));
            rest = after;
        }
        literal(rest, &mut cursor, &mut parts);
        let template = Self { parts };
        if language == Language::Json {
            template.check_json()?;
        }
        Ok(template)
    }

    /// Wherever `null` and an empty string make JSON, every other value and text does.
    fn check_json(&self) -> Result<(), String> {
        let sample: String = self
            .parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text,
                Part::Value(_, Place::JsonValue) => "null",
                Part::Value(..) => "",
            })
            .collect();
        serde_json::from_str::<serde::de::IgnoredAny>(&sample).map(|_| ()).map_err(|error| {
            format!(
                "is not JSON once the placeholders have values: {error}; a placeholder stands in a string or for a whole value"
            )
        })
    }
}

/// What follows a literal `{{`, if this is one.
fn literal_open(after: &str) -> Option<&str> {
    after.trim_start().strip_prefix(LITERAL_OPEN)?.trim_start().strip_prefix(CLOSE)
}

fn place(language: Language, cursor: &JsonCursor, name: &str) -> Result<Place, String> {
    match language {
        Language::Text => Ok(Place::Text),
        Language::Form => Ok(Place::Form),
        Language::Markup => Ok(Place::Markup),
        Language::Json if cursor.pending > 0 => Err(format!("`{{{{ {name} }}}}` stands inside an escape sequence")),
        Language::Json if cursor.in_string => Ok(Place::JsonString),
        Language::Json => Ok(Place::JsonValue),
    }
}

/// Follows JSON text as far as to know whether it stands inside a string.
#[derive(Default)]
struct JsonCursor {
    in_string: bool,
    /// Characters that still belong to an escape sequence.
    pending: u8,
    /// Whether the next character says what kind of escape sequence it is.
    escaped: bool,
}

impl JsonCursor {
    fn pass(&mut self, text: &str) {
        for c in text.chars() {
            if self.escaped {
                self.escaped = false;
                self.pending = if c == 'u' { 4 } else { 0 };
            } else if self.pending > 0 {
                self.pending -= 1;
            } else if self.in_string && c == '\\' {
                (self.escaped, self.pending) = (true, 1);
            } else if c == '"' {
                self.in_string = !self.in_string;
            }
        }
    }
}
