//! Texts with `{placeholders}` that a message fills in.

use std::{borrow::Cow, convert::Infallible, fmt};

use super::line;
use crate::{contract::Envelope, render};

/// What a `{…}` stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// The stable id of the envelope.
    Id,
    /// When it was accepted, to the millisecond.
    Time,
    /// The day it was accepted, in UTC.
    Date,
    Recipient,
    Priority,
    Kind,
    Title,
    /// The body as plain text.
    Body,
    CorrelationId,
    /// The value of the first field of that name.
    Field(String),
}

const NAMES: [(&str, Placeholder); 9] = [
    ("id", Placeholder::Id),
    ("time", Placeholder::Time),
    ("date", Placeholder::Date),
    ("recipient", Placeholder::Recipient),
    ("priority", Placeholder::Priority),
    ("kind", Placeholder::Kind),
    ("title", Placeholder::Title),
    ("body", Placeholder::Body),
    ("correlation_id", Placeholder::CorrelationId),
];

/// What a line may ask for: everything.
const OF_LINES: [&str; 10] = ["id", "time", "date", "recipient", "priority", "kind", "title", "body", "correlation_id", FIELD];
/// What a key may ask for: what many messages share.
const OF_KEYS: [&str; 7] = ["date", "recipient", "priority", "kind", "title", "correlation_id", FIELD];
/// Stands for every field, by its name.
const FIELD: &str = "field.NAME";

/// A text that was read; `{{` and `}}` in it stand for the characters themselves.
#[derive(Debug, Clone)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Text(String),
    Filled(Placeholder),
}

impl Template {
    /// Reads a template that may ask for the placeholders of these names.
    ///
    /// # Errors
    ///
    /// What is wrong with it, and what is allowed.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        const LONE: &str = "has a brace without its partner: write {{ or }} for the character itself";
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, behind) = rest.split_at(at);
            plain.push_str(before);
            let doubled = ["{{", "}}"].into_iter().find(|doubled| behind.starts_with(doubled));
            rest = if let Some(doubled) = doubled {
                plain.push_str(&doubled[1..]);
                &behind[2..]
            } else {
                let (name, behind) = behind.strip_prefix('{').and_then(|behind| behind.split_once('}')).ok_or(LONE)?;
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Filled(placeholder(name, names)?));
                behind
            };
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(Self(pieces))
    }

    /// Reads a template of one line.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); also where it holds nothing, or a control character other than a tab.
    pub(crate) fn parse_line(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("is empty, expected a text such as \"{time} {title}: {body}\"".to_owned());
        }
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err("holds a control character; it is one line, and its end is added".to_owned());
        }
        Self::parse(text, &OF_LINES)
    }

    /// Reads a template of keys, which messages that belong together share.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse); also where it asks for nothing, so that all messages would share one key.
    pub(crate) fn parse_key(text: &str) -> Result<Self, String> {
        let template = Self::parse(text, &OF_KEYS)?;
        if template.placeholders().next().is_none() {
            return Err("has no placeholder, expected a text such as \"{kind} {field.host}\"".to_owned());
        }
        Ok(template)
    }

    /// What it asks for, in order.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Filled(placeholder) => Some(placeholder),
            Piece::Text(_) => None,
        })
    }

    /// The text, where it asks for nothing.
    pub(crate) fn literal(&self) -> Option<String> {
        let texts = self.0.iter().map(|piece| match piece {
            Piece::Text(text) => Some(text.as_str()),
            Piece::Filled(_) => None,
        });
        texts.collect()
    }

    /// The text, each placeholder written by `fill`, which is given the value where the message has one.
    pub(crate) fn render<E>(
        &self,
        envelope: &Envelope,
        mut fill: impl FnMut(&mut String, &Placeholder, Option<Cow<'_, str>>) -> Result<(), E>,
    ) -> Result<String, E> {
        let mut out = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Filled(placeholder) => fill(&mut out, placeholder, placeholder.value(envelope))?,
            }
        }
        Ok(out)
    }

    /// The key of a message; `None` where the message lacks something the template asks for.
    pub(crate) fn key(&self, envelope: &Envelope) -> Option<String> {
        let filled = self.render(envelope, |key, _, value| {
            let value = value.filter(|value| !value.trim().is_empty()).ok_or(())?;
            key.push_str(value.trim());
            Ok::<_, ()>(())
        });
        filled.ok()
    }

    /// One line without control characters of the message's, and without its line end. What the message lacks is empty.
    pub(crate) fn line(&self, envelope: &Envelope) -> String {
        let filled = self.render(envelope, |line, _, value| {
            line::push_escaped(line, &value.unwrap_or_default());
            Ok::<_, Infallible>(())
        });
        filled.unwrap_or_else(|never| match never {})
    }
}

impl Placeholder {
    fn value<'a>(&self, envelope: &'a Envelope) -> Option<Cow<'a, str>> {
        let message = &*envelope.message;
        match self {
            Self::Id => Some(envelope.id.to_string().into()),
            Self::Time => Some(line::time(envelope).into()),
            Self::Date => line::time(envelope).split_once('T').map(|(date, _)| date.to_owned().into()),
            Self::Recipient => envelope.recipient.as_deref().map(Cow::from),
            Self::Priority => Some(line::priority(envelope).into()),
            Self::Kind => message.kind.as_deref().map(Cow::from),
            Self::Title => message.title.as_deref().map(Cow::from),
            Self::Body => Some(render::plain(message.format, &message.body)),
            Self::CorrelationId => envelope.correlation_id.as_deref().map(Cow::from),
            Self::Field(name) => {
                let field = message.extras().fields.iter().find(|field| field.name == *name)?;
                Some(field.value.as_str().into())
            }
        }
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "field {name}"),
            _ => f.write_str(NAMES.iter().find(|(_, known)| known == self).map_or("text", |(name, _)| name)),
        }
    }
}

fn placeholder(name: &str, names: &[&str]) -> Result<Placeholder, String> {
    let field = name.strip_prefix("field.").filter(|field| !field.is_empty() && names.contains(&FIELD));
    let plain = NAMES.into_iter().find(|(known, _)| *known == name && names.contains(known));
    match (field, plain) {
        (Some(field), _) => Ok(Placeholder::Field(field.to_owned())),
        (None, Some((_, placeholder))) => Ok(placeholder),
        (None, None) => {
            let known: Vec<String> = names.iter().map(|name| format!("{{{name}}}")).collect();
            Err(format!("has the unknown placeholder {{{name}}}, expected one of: {}", known.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        contract::{Field, Message},
        testkit::envelope,
    };

    fn line(template: &str, message: Message) -> String {
        let envelope = envelope(None, message);
        Template::parse_line(template).expect("a good template").line(&envelope)
    }

    #[test]
    fn every_placeholder_is_filled_on_one_line_and_what_is_missing_is_empty() {
        let mut message = Message::html("<b>a</b><br>\u{1b}[2J").title("{id}");
        message.extras_mut().fields.push(Field { name: "host".into(), value: "db\r1".into() });
        assert_eq!(
            line(
                "{{{id}}}\t{time} {date} [{recipient}] {priority} <{kind}> {title}: {body} {correlation_id}{field.host}{field.x}",
                message
            ),
            "{00000000-0000-0000-0000-000000000007}\t1970-01-01T00:00:00.000Z 1970-01-01 [] normal <> {id}: a\\n\\u001b[2J db\\r1"
        );
    }

    #[test]
    fn a_key_is_what_the_message_says_and_none_where_it_lacks_a_part() {
        let template = Template::parse_key("{kind}: {field.host}").expect("a good template");
        let mut message = Message::text("b");
        message.kind = Some("alert".into());
        assert_eq!(template.key(&envelope(None, message.clone())), None);
        message.extras_mut().fields.push(Field { name: "host".into(), value: " db1 ".into() });
        assert_eq!(template.key(&envelope(None, message)).as_deref(), Some("alert: db1"));
        assert!(Template::parse_key("fixed").expect_err("one key for all").contains("no placeholder"));
        assert!(Template::parse_key("{id}").expect_err("a key for each").contains("unknown placeholder {id}"));
    }

    #[test]
    fn a_template_that_cannot_work_names_the_way_out() {
        for (template, part) in [
            ("", "is empty"),
            ("{titel}", "unknown placeholder {titel}, expected one of: {id}, {time}"),
            ("{field.}", "{field.NAME}"),
            ("{title", "write {{ or }}"),
            ("title}", "write {{ or }}"),
            ("{title}\n", "control character"),
        ] {
            let error = Template::parse_line(template).expect_err(template);
            assert!(error.contains(part), "{error}");
        }
    }
}
