//! Nothing a caller writes can add a header field, a recipient or a command.

use bytes::Bytes;
use notifyhub_platforms::{
    contract::{Action, ActionStyle, Attachment, AttachmentContent, Message, Platform},
    testkit::SmtpScript,
};
use proptest::{
    prelude::{Strategy, any, proptest},
    prop_assert,
    test_runner::Config,
};
use serde_json::json;

use super::{build, envelope, plain};

/// Strings with many of the characters that matter on the wire.
fn hostile() -> impl Strategy<Value = String> {
    let piece = proptest::sample::select(vec![
        "\r\n",
        "\n",
        "\r",
        "\0",
        "\r\n.\r\n",
        "\n.\n",
        "Bcc: eve@example.com",
        ":",
        "<",
        ">",
        "\"",
        "\\",
        ",",
        " ",
        "a",
        "é",
        "🎉",
        "\u{2028}",
        "=?utf-8?q?x?=",
        "@",
        ".",
    ]);
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn hostile_text_anywhere_makes_one_clean_mail_or_none(
        title in hostile(), body in hostile(), name in hostile(), file in hostile(), thread in hostile(), label in hostile(), markdown in any::<bool>(),
    ) {
        let lines = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(async {
            let server = SmtpScript::start().await;
            let mut message = if markdown { Message::markdown(body) } else { Message::text(body) }.title(title);
            let extras = message.extras_mut();
            extras.thread_key = Some(thread);
            extras.actions.push(Action { label, url: "javascript:alert(1)".into(), style: ActionStyle::Default });
            let content = AttachmentContent::Bytes(Bytes::from_static(b"x"));
            extras.attachments.push(Attachment { name: file, mime: "text/plain".into(), content });
            let sent = build(plain(&server)).send(&envelope(&format!("{name} <ada@example.com>"), message)).await;
            (sent.is_ok(), server.lines())
        });
        let (sent, lines) = lines;
        prop_assert!(sent || !lines.iter().any(|line| line == "DATA"), "{lines:?}");
        let commands = ["EHLO", "MAIL", "RCPT", "DATA"].map(|verb| lines.iter().take_while(|line| *line != "DATA").chain(lines.iter().find(|line| *line == "DATA")).filter(|line| line.starts_with(verb)).count());
        prop_assert!(!sent || commands == [2, 1, 1, 1], "{lines:?}");
        let ends = lines.iter().filter(|line| *line == ".").count();
        prop_assert!(ends == usize::from(sent), "{lines:?}");
        let fields = lines.iter().skip_while(|line| *line != "DATA").skip(1).take_while(|line| !line.is_empty());
        for line in fields {
            let known = ["From: ", "To: ", "Date: ", "Message-ID: ", "Subject: ", "Auto-Submitted: ", "In-Reply-To: ", "References: ", "MIME-Version: ", "Content-Type: ", " "];
            prop_assert!(known.iter().any(|start| line.starts_with(start)), "{line:?} in {lines:?}");
            prop_assert!(line.len() <= 998 && line.is_ascii() && !line.chars().any(|c| c.is_control() && c != '\t'), "{line:?}");
        }
        prop_assert!(!lines.iter().any(|line| line.contains('\r') || line.contains('\0')), "{lines:?}");
    }
}

#[tokio::test]
async fn a_callers_own_header_fields_pass_the_same_rules() {
    let server = SmtpScript::start().await;
    let platform = build(plain(&server));
    for raw in [
        json!({"headers": {"Bcc": "eve@example.com"}}),
        json!({"headers": {"X-A\r\nBcc": "eve@example.com"}}),
        json!({"headers": {"X-A": "b\r\nBcc: eve@example.com"}}),
        json!({"reply_to": "a@b.example\r\nBcc: eve@example.com"}),
        json!({"bcc": "eve@example.com"}),
    ] {
        let mut message = Message::text("x");
        message.extras_mut().raw.insert("email".into(), raw.clone());
        let error = platform.send(&envelope("ada@example.com", message)).await.expect_err("refused");
        assert_eq!(error.kind(), notifyhub_platforms::contract::ErrorKind::InvalidMessage, "{raw}: {error}");
    }
    let mut message = Message::text("x");
    message
        .extras_mut()
        .raw
        .insert("email".into(), json!({"headers": {"X-Ticket": "42"}, "reply_to": "Desk <desk@example.org>"}));
    platform.send(&envelope("ada@example.com", message)).await.expect("accepted");
    let lines = server.lines();
    assert!(
        lines.contains(&"X-Ticket: 42".to_owned())
            && lines.iter().any(|line| line.starts_with("Reply-To: ") && line.ends_with("<desk@example.org>")),
        "{lines:?}"
    );
}
