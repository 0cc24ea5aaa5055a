//! Reads one TOML file, keeping where everything stands.

use std::{fs, io, ops::Range, path::Path, sync::Arc};

use serde_json::{Number, Value};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    mistake::Mistake,
    source::{FileText, Layer, Source},
    tree::{Content, Node},
};

/// Reads the file. Of one that is no TOML nothing is kept: what it means can only be guessed.
pub(crate) fn read(position: usize, path: &Path, mistakes: &mut Vec<Mistake>) -> Layer {
    let text = fs::read(path).map_err(|error| unreadable(&error)).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|error| format!("not valid UTF-8 from byte {} on", error.utf8_error().valid_up_to()))
    });
    let text = text.unwrap_or_else(|reason| {
        mistakes.push(Mistake::of_file(position, path, reason));
        String::new()
    });
    let file = Arc::new(FileText { path: path.to_owned(), text });
    let (table, errors) = DeTable::parse_recoverable(&file.text);
    let content = if errors.is_empty() { content_of_table(table.get_ref()) } else { Content::Table(Default::default()) };
    let root = Node { key_at: 0..0, at: table.span(), content };
    let layer = Layer { source: Source::File(file.clone()), root };
    for error in errors {
        let at = error.span().unwrap_or(0..0);
        let hidden = values_of_line(&file, at.start);
        let message = error.message().trim().trim_end_matches('.').replace('\n', ", ");
        mistakes.push(
            Mistake::at(std::slice::from_ref(&layer), 0, at, std::slice::from_ref(&hidden), &[], message).in_layer(position),
        );
    }
    layer
}

/// A value in TOML syntax, as the environment may hold it.
pub(crate) fn value(text: &str) -> Option<Value> {
    let value = DeValue::parse(text).ok()?;
    Some(Node { key_at: 0..0, at: 0..0, content: content(value.get_ref()) }.json())
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".into(),
        io::ErrorKind::PermissionDenied => "cannot be read: permission denied".into(),
        _ => format!("cannot be read: {error}"),
    }
}

fn node(key_at: Range<usize>, value: &Spanned<DeValue<'_>>) -> Node {
    Node { key_at, at: value.span(), content: content(value.get_ref()) }
}

fn content_of_table(table: &DeTable<'_>) -> Content {
    Content::Table(table.iter().map(|(key, value)| (key.get_ref().to_string(), node(key.span(), value))).collect())
}

fn content(value: &DeValue<'_>) -> Content {
    match value {
        DeValue::String(text) => Content::Scalar(text.to_string().into()),
        DeValue::Boolean(flag) => Content::Scalar((*flag).into()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Content::Scalar(integer.into()),
            Err(_) => Content::Foreign("an integer of more than 64 bits"),
        },
        DeValue::Float(float) => match float.as_str().parse().ok().and_then(Number::from_f64) {
            Some(number) => Content::Scalar(Value::Number(number)),
            None => Content::Foreign("a number without a finite value"),
        },
        DeValue::Datetime(_) => Content::Foreign("a date"),
        DeValue::Array(list) => Content::List(list.iter().map(|value| node(0..0, value)).collect()),
        DeValue::Table(table) => content_of_table(table),
    }
}

/// What may not be shown of a line that is no TOML: all of it but a key or the name of a section, for nobody knows what is
/// a secret in it.
fn values_of_line(file: &FileText, offset: usize) -> Range<usize> {
    let (_, start) = file.line(offset);
    let line = file.text[start..].lines().next().unwrap_or_default();
    let bare = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-. ".contains(&byte));
    let header = line.trim_start().starts_with('[') && bare(line.trim().trim_matches(['[', ']']));
    let shown = match line.split_once('=') {
        _ if header => line.len(),
        // A line of base64 ends in `=` as well.
        Some((key, value)) if bare(key) && (key.ends_with(' ') || !matches!(value.trim(), "" | "=")) => key.len() + 1,
        Some(_) => 0,
        None if line.trim_start().starts_with('#') || line.trim().is_empty() => line.len(),
        None => 0,
    };
    let rest = line[shown..].trim_start();
    start + line.len() - rest.len()..start + line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> String {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("x.toml");
        fs::write(&path, text).expect("it is writable");
        let mut mistakes = Vec::new();
        read(0, &path, &mut mistakes);
        mistakes.iter().map(|mistake| mistake.to_string().split_once("x.toml").map_or("", |(_, rest)| rest).to_owned()).collect()
    }

    #[test]
    fn a_syntax_error_shows_its_line_and_no_value() {
        let shown = mistakes("[pool]\nslots = 3\n[platforms.ops]\ntoken = \"hunter2\nother = 1\n");
        assert!(shown.starts_with(":4:"), "{shown}");
        assert!(shown.contains("4 | token = …") && shown.contains('^') && !shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn every_syntax_error_of_a_file_is_reported() {
        let shown = mistakes("[pool\nslots = 3\n[store]\nretention = 5x\n");
        assert!(shown.contains(":1:") && shown.contains(":4:"), "{shown}");
    }

    #[test]
    fn a_line_of_a_key_file_is_never_shown() {
        let shown = mistakes("key = \"\"\"\nMIIEpQ\\qX\nAbC+d==\\q\n\"\"\"\n");
        assert!(!shown.contains("MII") && !shown.contains("AbC"), "{shown}");
    }

    #[test]
    fn a_missing_file_is_a_mistake() {
        let mut mistakes = Vec::new();
        read(0, Path::new("/no/such/file.toml"), &mut mistakes);
        assert_eq!(mistakes[0].to_string(), "/no/such/file.toml: no such file\n");
    }
}
