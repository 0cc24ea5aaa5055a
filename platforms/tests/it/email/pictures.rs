//! Pictures inside the HTML, beside files that are attached.

use bytes::Bytes;
use notifyhub_platforms::{
    contract::{Attachment, AttachmentContent, Message, Platform},
    testkit::SmtpScript,
};

use super::{build, envelope, plain};

async fn mail(message: Message) -> Vec<String> {
    let server = SmtpScript::start().await;
    build(plain(&server)).send(&envelope("ada@example.com", message)).await.expect("accepted");
    server.lines()
}

fn file(name: &str) -> Attachment {
    let content = AttachmentContent::Bytes(Bytes::from_static(b"PNG"));
    Attachment { name: name.into(), mime: "image/png".into(), content }
}

/// The media types and dispositions of all parts, in order, without boundaries.
fn outline(lines: &[String]) -> Vec<String> {
    let fields = ["Content-Type: ", "Content-Disposition: ", "Content-ID: "];
    let is_field = |line: &&String| fields.iter().any(|field| line.starts_with(field));
    lines
        .iter()
        .filter(is_field)
        .map(|line| line.split("; boundary").next().unwrap_or(line).trim_end_matches(';').to_owned())
        .collect()
}

#[tokio::test]
async fn a_file_that_the_html_shows_is_a_picture_in_it_and_the_others_are_attached() {
    let mut message = Message::markdown("# Chart\n\n![chart](cid:chart.png)");
    message.extras_mut().attachments = vec![file("manual.png"), file("chart.png")];
    let lines = mail(message).await;
    assert_eq!(
        outline(&lines),
        [
            "Content-Type: multipart/mixed",
            "Content-Type: multipart/alternative",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Type: multipart/related",
            "Content-Type: text/html; charset=utf-8",
            "Content-ID: <chart.png>",
            "Content-Disposition: inline; filename=\"chart.png\"",
            "Content-Type: image/png",
            "Content-Disposition: attachment; filename=\"manual.png\"",
            "Content-Type: image/png",
        ]
    );
    assert!(lines.join("").replace("=3D", "=").contains("src=\"cid:chart.png\""), "{lines:?}");
}

#[tokio::test]
async fn html_without_other_files_is_alternative_with_related_inside() {
    let mut message = Message::html("<p><img src=\"cid:logo@example.org\"></p>");
    message.extras_mut().attachments = vec![file("logo@example.org")];
    let outline = outline(&mail(message).await);
    assert_eq!(outline[0], "Content-Type: multipart/alternative");
    assert!(outline.contains(&"Content-ID: <logo@example.org>".to_owned()), "{outline:?}");
}

#[tokio::test]
async fn a_name_that_is_no_content_id_or_is_shown_in_plain_text_stays_attached() {
    for mut message in [
        Message::html("<img src=\"cid:a%3E%0D%0ABcc:%20eve\">"),
        Message::text("<img src=\"cid:logo.png\">"),
        Message::html("no picture"),
    ] {
        message.extras_mut().attachments = vec![file("a>\r\nBcc: eve"), file("logo.png")];
        let outline = outline(&mail(message).await);
        assert!(!outline.iter().any(|line| line.contains("inline") || line.contains("related")), "{outline:?}");
    }
}
