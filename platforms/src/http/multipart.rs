//! `multipart/form-data` bodies (RFC 7578), byte for byte the same for the same input.

use std::fmt::Write as _;

use bytes::{Bytes, BytesMut};
use http::HeaderValue;

/// Longest boundary (RFC 2046, section 5.1.1), in bytes.
const BOUNDARY_BYTES_MAX: usize = 70;

/// One field of the form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file name, for files.
    pub file_name: Option<String>,
    /// The media type. One that cannot stand in a header is left out.
    pub content_type: Option<String>,
    /// The value.
    pub body: Bytes,
}

impl Part {
    /// A field that is no file.
    pub fn field(name: impl Into<String>, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { name: name.into(), file_name: None, content_type: Some(content_type.to_owned()), body: body.into() }
    }

    /// A file.
    pub fn file(name: impl Into<String>, file_name: &str, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { file_name: Some(file_name.to_owned()), ..Self::field(name, content_type, body) }
    }

    fn head(&self, boundary: &str) -> String {
        let mut head = format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"", quoted(&self.name));
        if let Some(file_name) = &self.file_name {
            let _ = write!(head, "; filename=\"{}\"", quoted(file_name));
        }
        if let Some(content_type) = self.content_type.as_deref().filter(|value| is_media_type(value)) {
            let _ = write!(head, "\r\ncontent-type: {content_type}");
        }
        head + "\r\n\r\n"
    }
}

/// The value of the `content-type` header and the body. The boundary is made from `seed` (an envelope's id) and occurs
/// in no part.
pub fn encode(seed: &str, parts: &[Part]) -> (HeaderValue, Bytes) {
    let boundary = boundary(seed, parts);
    let mut body = BytesMut::new();
    for part in parts {
        body.extend_from_slice(part.head(&boundary).as_bytes());
        body.extend_from_slice(&part.body);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let content_type = HeaderValue::try_from(format!("multipart/form-data; boundary={boundary}"));
    (content_type.expect("a boundary is ASCII letters, digits and dashes"), body.freeze())
}

/// The first of `notifyhub-SEED`, `notifyhub-SEED-1`, … that no part contains.
fn boundary(seed: &str, parts: &[Part]) -> String {
    let letters = seed.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-');
    let stem: String = "notifyhub-".chars().chain(letters).take(BOUNDARY_BYTES_MAX - 11).collect();
    let mut boundary = stem.clone();
    let mut number = 0_u32;
    while parts.iter().any(|part| contains(&part.body, boundary.as_bytes())) {
        number += 1;
        boundary = format!("{stem}-{number}");
    }
    boundary
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// A name for a quoted parameter: `"`, CR and LF percent-encoded as browsers do
/// (<https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data>), other control
/// characters dropped.
fn quoted(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '"' => out.push_str("%22"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

fn is_media_type(value: &str) -> bool {
    value.contains('/') && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_parts_are_always_the_same_bytes() {
        let parts = [
            Part::field("payload_json", "application/json", "{}"),
            Part::file("files[0]", "b\"ä\r\nx: y.txt", "text/plain", &b"\x00\xff"[..]),
            Part::file("files[1]", "c", "text/plain\r\nx: y", "2"),
        ];
        let (content_type, body) = encode("0192-ab\r\n\"", &parts);
        assert_eq!(content_type, "multipart/form-data; boundary=notifyhub-0192-ab");
        let expected: &[u8] = b"--notifyhub-0192-ab\r\ncontent-disposition: form-data; name=\"payload_json\"\r\ncontent-type: application/json\r\n\r\n{}\r\n\
            --notifyhub-0192-ab\r\ncontent-disposition: form-data; name=\"files[0]\"; filename=\"b%22\xc3\xa4%0D%0Ax: y.txt\"\r\ncontent-type: text/plain\r\n\r\n\x00\xff\r\n\
            --notifyhub-0192-ab\r\ncontent-disposition: form-data; name=\"files[1]\"; filename=\"c\"\r\n\r\n2\r\n\
            --notifyhub-0192-ab--\r\n";
        assert_eq!(body, expected);
    }

    #[test]
    fn a_boundary_that_occurs_in_a_part_is_not_used() {
        let parts = [Part::field("a", "text/plain", "--notifyhub-x\r\n"), Part::field("b", "text/plain", "notifyhub-x-1")];
        assert_eq!(encode("x", &parts).0, "multipart/form-data; boundary=notifyhub-x-2");
        let long = encode(&"y".repeat(500), &[]).0;
        assert!(long.len() <= "multipart/form-data; boundary=".len() + BOUNDARY_BYTES_MAX);
    }
}
