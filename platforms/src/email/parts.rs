//! The MIME parts of a mail: text, HTML, the pictures in it, files.

use lettre::message::{
    Attachment as Part, Body as PartBody, MultiPart, SinglePart,
    header::{ContentTransferEncoding, ContentType},
};
use percent_encoding::percent_decode_str;

use super::{body::Body, hash};
use crate::{
    contract::{Attachment, AttachmentContent, LengthUnit, Message, SendError, TextLimit},
    render::limit::{Markup, truncate},
};

/// Longest file name, in characters.
const FILE_NAME_CHARS_MAX: usize = 120;

/// What stands below the header fields of a mail.
pub(super) enum Content {
    /// A text and nothing else.
    One(SinglePart),
    /// Several parts.
    Many(MultiPart),
}

/// `mixed ( alternative ( text, related ( html, picture… ) ), file… )`, as much of it as is needed.
///
/// A file is a picture in the HTML where that names it as `cid:NAME`.
///
/// # Errors
///
/// [`SendError`] for a file whose media type is none.
pub(super) fn content(message: &Message) -> Result<Content, SendError> {
    let Body { text, html } = Body::of(message);
    let seed = hash::hex(&[text.as_bytes(), html.as_deref().unwrap_or_default().as_bytes()]);
    let boundary = |kind: &str| format!("=_{kind}_{seed}");
    let (pictures, files) = sorted(&message.extras().attachments, html.as_deref().unwrap_or_default())?;
    let text = SinglePart::plain(text);
    let body = match html.map(SinglePart::html) {
        None => Content::One(text),
        Some(html) => {
            let both = MultiPart::alternative().boundary(boundary("alternative")).singlepart(text);
            Content::Many(if pictures.is_empty() {
                both.singlepart(html)
            } else {
                let related = MultiPart::related().boundary(boundary("related")).singlepart(html);
                both.multipart(pictures.into_iter().fold(related, MultiPart::singlepart))
            })
        }
    };
    if files.is_empty() {
        return Ok(body);
    }
    let mixed = MultiPart::mixed().boundary(boundary("mixed"));
    let mixed = match body {
        Content::One(part) => mixed.singlepart(part),
        Content::Many(parts) => mixed.multipart(parts),
    };
    Ok(Content::Many(files.into_iter().fold(mixed, MultiPart::singlepart)))
}

/// The attachments whose bytes are here: those the HTML shows, and the others.
fn sorted(attachments: &[Attachment], html: &str) -> Result<(Vec<SinglePart>, Vec<SinglePart>), SendError> {
    let mut shown = content_ids(html);
    let (mut pictures, mut files) = (Vec::new(), Vec::new());
    for attachment in attachments {
        let AttachmentContent::Bytes(bytes) = &attachment.content else { continue };
        // Always base64: any other encoding may change line ends.
        let body = PartBody::new_with_encoding(bytes.to_vec(), ContentTransferEncoding::Base64).expect("any bytes can be base64");
        let (kind, name) = (content_type(&attachment.mime)?, file_name(&attachment.name));
        match shown.iter().position(|id| *id == attachment.name) {
            Some(at) => pictures.push(Part::new_inline_with_name(shown.swap_remove(at), name).body(body, kind)),
            None => files.push(Part::new(name).body(body, kind)),
        }
    }
    Ok((pictures, files))
}

/// What an HTML page names as `cid:…`, once each. Only what is safe as a Content-ID counts.
fn content_ids(html: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (at, scheme) in html.match_indices("cid:") {
        let rest = &html[at + scheme.len()..];
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')')).unwrap_or(rest.len());
        let Ok(id) = percent_decode_str(&rest[..end]).decode_utf8() else { continue };
        let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'@' | b'+');
        if !id.is_empty() && id.len() <= FILE_NAME_CHARS_MAX && id.bytes().all(is_safe) && !found.iter().any(|known| *known == id)
        {
            found.push(id.into_owned());
        }
    }
    found
}

fn content_type(mime: &str) -> Result<ContentType, SendError> {
    // A composite type must not be encoded as a whole (RFC 2045 section 6.4).
    let is_composite = ["multipart/", "message/"].iter().any(|kind| mime.trim_start().to_ascii_lowercase().starts_with(kind));
    let mime = if mime.is_empty() || is_composite { "application/octet-stream" } else { mime };
    let printable = mime.len() <= 200 && mime.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    printable
        .then(|| ContentType::parse(mime).ok())
        .flatten()
        .ok_or_else(|| SendError::invalid_message("an attachment's `mime` is no media type, expected something like `image/png`"))
}

fn file_name(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() || matches!(c, '/' | '\\') { '_' } else { c }).collect();
    let limit = TextLimit { max: FILE_NAME_CHARS_MAX, unit: LengthUnit::Chars };
    let name = truncate(name.trim(), limit, Markup::Plain).into_owned();
    if name.is_empty() { "attachment".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_safe_in_a_header_field_is_a_content_id() {
        let html = r#"<img src="cid:a.png"> <img src='cid:b%40x'> url(cid:c_1) <img src=cid:d+e> <img src="cid:a.png">
            <img src="cid:x%0D%0ABcc:eve"> <img src="cid:%3Cx%3E"> <img src="cid:"> <img src="cid:&amp;">"#;
        assert_eq!(content_ids(html), ["a.png", "b@x", "c_1", "d+e"]);
    }
}
