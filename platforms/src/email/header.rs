//! Header fields a user may set.

use lettre::message::header::{HeaderName, HeaderValue, Headers};

/// Fields that the adapter writes itself, or that would change who gets the mail or what its parts are.
const RESERVED: [&str; 17] = [
    "from",
    "to",
    "cc",
    "bcc",
    "sender",
    "reply-to",
    "return-path",
    "received",
    "delivered-to",
    "dkim-signature",
    "date",
    "message-id",
    "mime-version",
    "subject",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "authentication-results",
];
const RESERVED_PREFIXES: [&str; 3] = ["content-", "resent-", "arc-"];

/// Longest value, in bytes: with its name it must fit into a line of 998 bytes (RFC 5322 section 2.1.1).
const VALUE_BYTES_MAX: usize = 900;

/// Checks a field a user wants to add.
///
/// # Errors
///
/// What is wrong: a name outside RFC 5322's grammar or longer than 76 characters, a reserved name, a value with control
/// characters or of more than 900 bytes.
pub(super) fn parse(name: &str, value: &str) -> Result<(HeaderName, String), String> {
    let lower = name.to_ascii_lowercase();
    let is_token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
    if !is_token {
        return Err("the name of a header field is printable ASCII without `:` and space".into());
    }
    if RESERVED.contains(&&*lower) || RESERVED_PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) {
        return Err(format!("the header field `{name}` cannot be set here, the adapter writes it itself or leaves it out"));
    }
    if value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
        return Err(format!("the value of header field `{name}` has control characters or more than {VALUE_BYTES_MAX} bytes"));
    }
    let name =
        HeaderName::new_from_ascii(name.to_owned()).map_err(|_| format!("the name `{lower}` of a header field is too long"))?;
    Ok((name, value.trim().to_owned()))
}

/// Sets a field of ours; the value is cleaned of control characters.
pub(super) fn set(headers: &mut Headers, name: &'static str, value: &str) {
    headers.insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str(name), one_line(value)));
}

/// Sets a field that has passed [`parse`].
pub(super) fn set_parsed(headers: &mut Headers, (name, value): &(HeaderName, String)) {
    headers.insert_raw(HeaderValue::new(name.clone(), value.clone()));
}

/// The text with every control character and line separator turned into a space.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_header_field_is_taken_as_it_is() {
        let (name, value) = parse("X-Team", " ops ").expect("a good field");
        assert_eq!((&*name, &*value), ("X-Team", "ops"));
    }

    #[test]
    fn a_field_that_is_reserved_or_breaks_a_line_is_refused() {
        let long = "x".repeat(VALUE_BYTES_MAX + 1);
        for (name, value) in [
            ("Bcc", "eve@example.com"),
            ("FROM", "eve@example.com"),
            ("Content-Type", "text/html"),
            ("Resent-To", "eve@example.com"),
            ("X Team", "ops"),
            ("X-Team:", "ops"),
            ("", "ops"),
            ("X-Team\r\nBcc", "ops"),
            ("X-Tëam", "ops"),
            ("X-Team", "ops\r\nBcc: eve@example.com"),
            ("X-Team", "ops\n"),
            ("X-Team", "o\0ps"),
            ("X-Team", &long),
            (&long, "ops"),
        ] {
            parse(name, value).expect_err(name);
        }
    }
}
