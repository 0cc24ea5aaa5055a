//! Lists, to stdout: a table for people, JSON or NDJSON for programs.

use std::io::{self, Write};

use clap::ValueEnum;
use serde_json::Value;

/// How lists are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Table,
    /// One array
    Json,
    /// One object a line
    Ndjson,
}

/// A locked writer and how to write to it.
#[derive(Debug)]
pub struct Output<W> {
    writer: W,
    format: Format,
    color: bool,
}

impl<W: Write> Output<W> {
    /// Writes to `writer`; `color` is for tables only.
    pub fn new(writer: W, format: Format, color: bool) -> Self {
        Self { writer, format, color }
    }

    /// The format that was asked for.
    pub fn format(&self) -> Format {
        self.format
    }

    /// A list of objects. A table shows `columns` of them, JSON shows everything.
    ///
    /// # Errors
    ///
    /// When the writer has any.
    pub fn list(&mut self, columns: &[&str], records: &[Value]) -> io::Result<()> {
        match self.format {
            Format::Table => self.table(columns, records)?,
            Format::Json => self.json(&Value::Array(records.to_vec()))?,
            Format::Ndjson => {
                for record in records {
                    writeln!(self.writer, "{record}")?;
                }
            }
        }
        self.writer.flush()
    }

    /// A value, over several lines.
    ///
    /// # Errors
    ///
    /// When the writer has any.
    pub fn json(&mut self, value: &Value) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.writer, value)?;
        writeln!(self.writer)?;
        self.writer.flush()
    }

    /// A text as it is.
    ///
    /// # Errors
    ///
    /// When the writer has any.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes())?;
        self.writer.flush()
    }

    fn table(&mut self, columns: &[&str], records: &[Value]) -> io::Result<()> {
        if records.is_empty() {
            return Ok(());
        }
        let rows: Vec<Vec<String>> =
            records.iter().map(|record| columns.iter().map(|column| cell(&record[*column])).collect()).collect();
        let widths: Vec<usize> = (0..columns.len())
            .map(|at| rows.iter().map(|row| row[at].chars().count()).chain([columns[at].len()]).max().unwrap_or_default())
            .collect();
        let heading: Vec<String> = columns.iter().map(|column| column.to_uppercase().replace('_', " ")).collect();
        let line = line(&heading, &widths);
        if self.color {
            writeln!(self.writer, "\x1b[1m{line}\x1b[0m")?
        } else {
            writeln!(self.writer, "{line}")?
        }
        rows.iter().try_for_each(|row| writeln!(self.writer, "{}", self::line(row, &widths)))
    }
}

fn line(cells: &[String], widths: &[usize]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// A value as a cell shows it: one line, no control characters, a dash for nothing.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.iter().all(Value::is_string) => list.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(format: Format, color: bool) -> String {
        let mut bytes = Vec::new();
        let records =
            [json!({"name": "ops", "schemes": ["a", "b"], "more": 1}), json!({"name": "mäil\u{1b}[2J", "schemes": null})];
        Output::new(&mut bytes, format, color).list(&["name", "schemes"], &records).expect("memory takes everything");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_table_is_aligned_and_cannot_be_broken_by_what_is_in_it() {
        assert_eq!(shown(Format::Table, false), "NAME      SCHEMES\nops       a, b\nmäil [2J  -\n");
        assert!(shown(Format::Table, true).starts_with("\x1b[1mNAME      SCHEMES\x1b[0m\n"));
    }

    #[test]
    fn json_holds_what_the_table_leaves_out_and_no_colours() {
        let list: Value = serde_json::from_str(&shown(Format::Json, true)).expect("json");
        assert_eq!(list[0]["more"], 1);
        let lines: Vec<Value> =
            shown(Format::Ndjson, true).lines().map(|line| serde_json::from_str(line).expect("json")).collect();
        assert_eq!(Value::Array(lines), list);
    }
}
