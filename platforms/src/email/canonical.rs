//! The `relaxed` forms of header fields and body that a DKIM signature is made over (RFC 6376 section 3.4).

/// The header fields of a mail and its body, without the empty line between them.
pub(super) fn split(mail: &[u8]) -> (&[u8], &[u8]) {
    match mail.windows(4).position(|window| window == b"\r\n\r\n") {
        Some(at) => (&mail[..at + 2], &mail[at + 4..]),
        None => (mail, b""),
    }
}

/// The last field called `name` (in lower case), ended by CRLF; `None` where there is none.
pub(super) fn field(fields: &[u8], name: &str) -> Option<Vec<u8>> {
    let mut found = None;
    let mut lines = fields.split_inclusive(|byte| *byte == b'\n').peekable();
    while let Some(first) = lines.next() {
        let mut whole = first.to_vec();
        while let Some(folded) = lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t")) {
            whole.extend_from_slice(folded);
        }
        let colon = whole.iter().position(|byte| *byte == b':').unwrap_or(whole.len());
        if whole[..colon].trim_ascii().eq_ignore_ascii_case(name.as_bytes()) {
            found = whole.get(colon + 1..).map(<[u8]>::to_vec);
        }
    }
    let value = collapsed(found?.into_iter().filter(|byte| !matches!(byte, b'\r' | b'\n')));
    Some([name.as_bytes(), b":", value.trim_ascii(), b"\r\n"].concat())
}

/// The body: one space for each run of white space, none at the end of a line, no empty lines at the end.
pub(super) fn body(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line);
        out.extend_from_slice(collapsed(line.iter().copied()).trim_ascii_end());
        out.extend_from_slice(b"\r\n");
    }
    while out.ends_with(b"\r\n\r\n") || out == b"\r\n" {
        out.truncate(out.len() - 2);
    }
    out
}

fn collapsed(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(bytes.size_hint().0);
    for byte in bytes {
        match byte {
            b' ' | b'\t' if out.last() == Some(&b' ') => {}
            b' ' | b'\t' => out.push(b' '),
            byte => out.push(byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::STANDARD};
    use ring::digest::{SHA256, digest};

    use super::*;

    #[test]
    fn the_example_of_the_standard_comes_out_as_it_says() {
        let (fields, text) = split(b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n");
        assert_eq!(field(fields, "a").as_deref(), Some(&b"a:X\r\n"[..]));
        assert_eq!(field(fields, "b").as_deref(), Some(&b"b:Y Z\r\n"[..]));
        assert_eq!(field(fields, "c"), None);
        assert_eq!(body(text), b" C\r\nD E\r\n");
    }

    #[test]
    fn the_body_hash_of_the_ed25519_standard_is_ours_too() {
        let text = b"Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
        assert_eq!(STANDARD.encode(digest(&SHA256, &body(text))), "2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=");
    }

    #[test]
    fn a_body_of_empty_lines_is_empty_and_the_last_line_has_an_end() {
        assert_eq!(body(b""), b"");
        assert_eq!(body(b"\r\n \r\n\t\r\n"), b"");
        assert_eq!(body(b"x"), b"x\r\n");
    }

    #[test]
    fn of_two_fields_with_one_name_the_last_counts() {
        assert_eq!(field(b"X: a\r\nx: b\r\nXY: c\r\n", "x").as_deref(), Some(&b"x:b\r\n"[..]));
    }
}
