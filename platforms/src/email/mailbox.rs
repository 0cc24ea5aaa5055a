//! `Ada <ada@example.com>`, read and checked.

use lettre::{Address, message::Mailbox};

/// What a mailbox looks like, for error messages.
pub(super) const SHAPE: &str = "expected one mailbox such as `ada@example.com` or `Ada Lovelace <ada@example.com>`";

/// Longest display name, in characters.
const NAME_CHARS_MAX: usize = 200;

/// Reads one mailbox: an address, or a display name and an address in angle brackets. A name with one of `<>@,;:` in it
/// must be quoted, so that a list of mailboxes is never taken for one.
///
/// # Errors
///
/// What is wrong with it. Control characters are refused wherever they are: a line break in a name would start a
/// new header field.
pub(super) fn parse(text: &str) -> Result<Mailbox, String> {
    if text.chars().any(char::is_control) {
        return Err(format!("a mailbox has no control characters, {SHAPE}"));
    }
    let text = text.trim();
    let Some(inside) = text.strip_suffix('>') else { return Ok(Mailbox::new(None, parse_address(text)?)) };
    let (name, address) = inside.rsplit_once('<').ok_or_else(|| format!("a `>` without its `<`, {SHAPE}"))?;
    let name = parse_name(name.trim())?;
    Ok(Mailbox::new((!name.is_empty()).then_some(name), parse_address(address)?))
}

/// Reads a bare address; its domain may be written in Unicode and is turned into its ASCII form.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn parse_address(text: &str) -> Result<Address, String> {
    let wrong = || format!("`{}` is no mail address, {SHAPE}", shown(text));
    let (user, domain) = text.trim().rsplit_once('@').ok_or_else(wrong)?;
    let domain = ascii_domain(domain).ok_or_else(wrong)?;
    Address::new(user, domain).map_err(|_| wrong())
}

fn ascii_domain(domain: &str) -> Option<String> {
    if domain.is_ascii() {
        return Some(domain.to_owned());
    }
    match url::Host::parse(domain).ok()? {
        url::Host::Domain(ascii) => Some(ascii),
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
    }
}

fn parse_name(name: &str) -> Result<String, String> {
    let name = match name.strip_prefix('"') {
        Some(rest) => unquote(rest)?,
        None if name.contains(['<', '>', '@', ',', ';', ':', '"']) => {
            return Err(format!("a display name with `<>@,;:` in it needs quotes, and a target has one mailbox only, {SHAPE}"));
        }
        None => name.to_owned(),
    };
    if name.chars().count() > NAME_CHARS_MAX {
        return Err(format!("a display name has at most {NAME_CHARS_MAX} characters"));
    }
    Ok(name)
}

/// The inside of a quoted string (RFC 5322 section 3.2.4) whose first quote is gone.
fn unquote(rest: &str) -> Result<String, String> {
    let mut name = String::with_capacity(rest.len());
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => name.extend(chars.next()),
            '"' if chars.as_str().trim().is_empty() => return Ok(name),
            '"' => break,
            c => name.push(c),
        }
    }
    Err(format!("a quoted display name ends with its quote, {SHAPE}"))
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(Option<String>, String)> {
        parse(text).ok().map(|mailbox| (mailbox.name, mailbox.email.to_string()))
    }

    #[test]
    fn a_mailbox_is_an_address_with_or_without_a_name() {
        for (text, name, address) in [
            ("ada@example.com", None, "ada@example.com"),
            (" ada@example.com ", None, "ada@example.com"),
            ("<ada@example.com>", None, "ada@example.com"),
            ("Ada Lovelace <ada@example.com>", Some("Ada Lovelace"), "ada@example.com"),
            (r#""Lovelace, Ada" <ada@example.com>"#, Some("Lovelace, Ada"), "ada@example.com"),
            (r#""Ada \"A\" \\ L" <ada@example.com>"#, Some(r#"Ada "A" \ L"#), "ada@example.com"),
            ("Зоя <zoya@почта.рф>", Some("Зоя"), "zoya@xn--80a1acny.xn--p1ai"),
            ("зоя@example.com", None, "зоя@example.com"),
        ] {
            assert_eq!(read(text), Some((name.map(str::to_owned), address.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_list_or_a_broken_mailbox_is_refused() {
        for text in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example.com, bob@example.com",
            "Ada <ada@example.com>, Bob <bob@example.com>",
            "ada@example.com; Bob <bob@example.com>",
            "Lovelace, Ada <ada@example.com>",
            "\"Ada <ada@example.com>",
            "ada@example.com>",
            "a b@example.com",
            "ada@exa mple.com",
            "ada@example.com\r\nRCPT TO:<eve@example.com>",
            "A\nBcc: eve@example.com <ada@example.com>",
            "A\0 <ada@example.com>",
            "ada@example.com> SIZE=1 <x@y.z",
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("ada@example.com"), "{error}");
        }
    }
}
