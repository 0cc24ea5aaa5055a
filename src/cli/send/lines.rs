//! `--from`: one notification in JSON per line. All are read before any is sent.

use std::io::BufRead;

use crate::{Notification, task::Draft};

/// Most notifications of one file: what a hub in memory holds.
const NOTIFICATIONS_MAX: usize = 1_000_000;

/// Longest line, in bytes: attachments are in it.
const LINE_BYTES_MAX: usize = 100 * 1024 * 1024;

/// Notifications, and the line each of them stood on.
#[derive(Debug, PartialEq)]
pub struct Lines {
    /// The notifications, in order.
    pub notifications: Vec<Notification>,
    /// The line of each, from 1.
    pub lines: Vec<usize>,
}

/// Reads every line but empty ones; a line without `to` goes to `to`.
///
/// # Errors
///
/// The first line that is no notification, by its number.
pub fn read(mut reader: impl BufRead, to: &[String]) -> Result<Lines, String> {
    let (mut notifications, mut lines, mut buffer) = (Vec::new(), Vec::new(), Vec::new());
    for line in 1.. {
        buffer.clear();
        let mut limited = std::io::Read::take(&mut reader, LINE_BYTES_MAX as u64 + 1);
        let length = limited.read_until(b'\n', &mut buffer).map_err(|error| format!("cannot read line {line}: {error}"))?;
        if length == 0 {
            break;
        }
        if length > LINE_BYTES_MAX {
            return Err(format!("line {line}: longer than {LINE_BYTES_MAX} bytes"));
        }
        let text = buffer.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if notifications.len() == NOTIFICATIONS_MAX {
            return Err(format!("line {line}: more than {NOTIFICATIONS_MAX} notifications, split the file"));
        }
        notifications.push(notification(text, to).map_err(|error| format!("line {line}: {error}"))?);
        lines.push(line);
    }
    Ok(Lines { notifications, lines })
}

/// Reads one line; without `to` it goes to `to`.
///
/// # Errors
///
/// What is wrong with it.
pub fn notification(json: &[u8], to: &[String]) -> Result<Notification, String> {
    let mut draft = Draft::from_json(json).map_err(|error| error.to_string())?;
    if draft.to.is_empty() {
        draft.to = to.to_vec();
    }
    if draft.to.is_empty() {
        return Err("`to`: no target, name one here or with --to".into());
    }
    draft.into_notification().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_notification_and_empty_ones_are_passed_over() {
        let text = "{\"to\": [\"a\"], \"body\": \"1\"}\n\n  \r\n{\"body\": \"2\"}\r\n{\"to\": [\"b\"], \"body\": \"3\"}";
        let read = read(text.as_bytes(), &["x".into(), "y".into()]).expect("valid");
        let one = |body: &str| Notification::text(body);
        assert_eq!(read.notifications, [one("1").to("a"), one("2").to("x").to("y"), one("3").to("b")]);
        assert_eq!(read.lines, [1, 4, 5]);
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_its_field() {
        for (text, part) in [
            ("{\"to\":[\"a\"],\"body\":\"1\"}\n\n{\"to\":[\"a\"],\"boddy\":\"2\"}\n", "line 3: unknown field `boddy`, expected"),
            ("{\"body\":\"1\"}\n", "line 1: `to`: no target"),
            ("{\"to\":[\"a\"],\"body\":\"1\"}\nhello\n", "line 2: not JSON: "),
            ("{\"to\":[\"a\"],\"body\":\"\\ud800\"}", "line 1: not JSON: "),
        ] {
            let error = read(text.as_bytes(), &[]).expect_err("bad");
            assert!(error.starts_with(part), "{error}");
        }
    }
}
