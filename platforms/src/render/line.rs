//! Words of one line of text, so written that no message can end the line or move a cursor.

use std::fmt::Write;

use jiff::Timestamp;

use crate::contract::{Envelope, Priority};

/// The word for its priority.
pub(crate) fn priority(envelope: &Envelope) -> &'static str {
    use Priority::{High, Low, Normal, Urgent};
    match envelope.message.priority {
        Low => "low",
        Normal => "normal",
        High => "high",
        Urgent => "urgent",
    }
}

/// When it was accepted: RFC 3339, to the millisecond.
pub(crate) fn time(envelope: &Envelope) -> String {
    format!("{:.3}", Timestamp::try_from(envelope.accepted_at).unwrap_or(Timestamp::MAX))
}

/// What must not reach a terminal or a log as it is: controls, which move cursors and end lines, and the marks that
/// turn the direction of text, which make a line look like another.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Adds a character as JSON would escape it.
pub(crate) fn push_utf16(line: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(line, "\\u{unit:04x}");
    }
}

/// Adds `text` without the white space around it, its control characters escaped.
pub(crate) fn push_escaped(line: &mut String, text: &str) {
    for c in text.trim().chars() {
        match c {
            '\\' => line.push_str("\\\\"),
            '\n' => line.push_str("\\n"),
            '\t' => line.push_str("\\t"),
            '\r' => line.push_str("\\r"),
            c if is_control(c) => push_utf16(line, c),
            c => line.push(c),
        }
    }
}
