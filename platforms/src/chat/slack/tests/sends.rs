//! Sends that are several exchanges.

use super::*;
use crate::{
    Platform,
    contract::{Attachment, AttachmentContent, ErrorKind, TransportError, TransportErrorKind},
    testkit::answer,
};

const POSTED: &str = r#"{"ok":true,"channel":"C1","ts":"1.000002"}"#;

fn refused(code: &str) -> String {
    json!({"ok": false, "error": code}).to_string()
}

fn with_file() -> Message {
    let mut message = Message::text("b");
    message.extras_mut().attachments =
        vec![Attachment { name: "a b.txt".into(), mime: "text/plain".into(), content: AttachmentContent::Bytes("bytes".into()) }];
    message
}

fn over(transport: &ScriptedTransport, config: SlackConfig) -> Slack {
    Slack::build(config, &parts(transport)).expect("a valid configuration")
}

fn body(transport: &ScriptedTransport, index: usize) -> Value {
    serde_json::from_slice(&transport.requests()[index].body).expect("JSON")
}

#[tokio::test]
async fn a_refused_layout_is_sent_once_more_as_text() {
    for code in ["invalid_blocks", "msg_blocks_too_long"] {
        let transport = ScriptedTransport::new().answering(200, refused(code)).answering(200, POSTED);
        over(&transport, bot()).send(&envelope(Some("C1"), raw(json!({"blocks": [{"type": "bogus"}]})))).await.expect("accepted");
        assert_eq!(body(&transport, 0)["blocks"], json!([{"type": "bogus"}]));
        assert!(body(&transport, 1).get("blocks").is_none() && body(&transport, 1)["text"] == "b");
    }
    let transport = ScriptedTransport::new().answering(400, "invalid_blocks").answering(400, "invalid_blocks");
    let error = over(&transport, hook()).send(&envelope(None, Message::text("b"))).await.expect_err("refused twice");
    assert_eq!((error.kind(), transport.requests().len()), (ErrorKind::InvalidMessage, 2));
}

#[tokio::test]
async fn markdown_that_is_refused_as_a_block_goes_as_mrkdwn_then_as_text() {
    let transport =
        ScriptedTransport::new().answering(200, refused("invalid_blocks")).answering(200, refused("invalid_blocks_format"));
    let transport = transport.answering(200, POSTED);
    over(&transport, bot()).send(&envelope(Some("C1"), Message::markdown("**b**"))).await.expect("accepted");
    assert_eq!(body(&transport, 0)["blocks"], json!([{"type": "markdown", "text": "**b**"}]));
    assert_eq!(body(&transport, 1)["blocks"], json!([{"type": "section", "text": {"type": "mrkdwn", "text": "*b*"}}]));
    assert!(body(&transport, 2).get("blocks").is_none() && body(&transport, 2)["text"] == "*b*");
}

#[tokio::test]
async fn a_text_that_is_too_long_is_cut_once() {
    let transport = ScriptedTransport::new()
        .answering(200, refused("msg_blocks_too_long"))
        .answering(200, refused("msg_too_long"))
        .answering(200, refused("msg_too_long"));
    let error =
        over(&transport, bot()).send(&envelope(Some("C1"), Message::text("x".repeat(9_000)))).await.expect_err("still too long");
    assert_eq!((error.code(), transport.requests().len()), (Some("msg_too_long"), 3));
    let lengths = [1, 2].map(|index| body(&transport, index)["text"].as_str().map_or(0, |text| text.chars().count()));
    assert_eq!(lengths, [9_000, 4_000]);
}

#[tokio::test]
async fn raw_content_that_is_refused_is_left_out_at_once() {
    for (raw_key, code) in
        [("blocks", "invalid_blocks"), ("metadata", "metadata_too_large"), ("markdown_text", "markdown_text_conflict")]
    {
        let transport = ScriptedTransport::new().answering(200, refused(code)).answering(200, POSTED);
        over(&transport, bot()).send(&envelope(Some("C1"), raw(json!({raw_key: "mine"})))).await.expect("accepted");
        assert_eq!(body(&transport, 0)[raw_key], "mine");
        assert_eq!(body(&transport, 0).get("text").is_none(), raw_key == "markdown_text", "slack takes it alone only");
        assert!(body(&transport, 1)[raw_key] != "mine" && body(&transport, 1)["text"] == "b");
    }
}

#[tokio::test]
async fn a_mail_address_is_looked_up_once_and_written_to_directly() {
    let transport = ScriptedTransport::new()
        .answering(200, r#"{"ok":true,"user":{"id":"U7"}}"#)
        .answering(200, r#"{"ok":true,"channel":"D7","ts":"1.000002"}"#)
        .answering(200, r#"{"ok":true,"channel":"D7","ts":"1.000003"}"#);
    let slack = over(&transport, bot());
    for address in ["ada+ops@example.com", "Ada+Ops@Example.com"] {
        let receipt = slack.send(&envelope(Some(address), Message::text("b"))).await.expect("accepted");
        assert_eq!(receipt.detail.as_deref(), Some("channel D7"));
    }
    let requests = transport.requests();
    assert_eq!(requests[0].url.expose(), "https://slack.com/api/users.lookupByEmail");
    assert_eq!((&requests[0].body[..], requests.len()), (&b"email=ada%2Bops%40example.com"[..], 3));
    assert_eq!((&body(&transport, 1)["channel"], &body(&transport, 2)["channel"]), (&json!("U7"), &json!("U7")));
}

#[tokio::test]
async fn an_address_nobody_has_is_a_bad_recipient_and_a_lost_lookup_was_heard_by_nobody() {
    for (transport, kind) in [
        (ScriptedTransport::new().answering(200, refused("users_not_found")), ErrorKind::InvalidRecipient),
        (ScriptedTransport::new().answering(200, refused("missing_scope")), ErrorKind::Unauthorized),
        (ScriptedTransport::new().answering(200, r#"{"ok":true}"#), ErrorKind::Unexpected),
        (ScriptedTransport::new().then(Err(TransportError::new(TransportErrorKind::Lost, "lost"))), ErrorKind::Unavailable),
    ] {
        let slack = over(&transport, bot());
        let error = slack.send(&envelope(Some("ada@example.com"), Message::text("b"))).await.expect_err("no user");
        assert_eq!((error.kind(), transport.requests().len()), (kind, 1));
    }
    let error = over(&ScriptedTransport::new(), hook()).send(&envelope(Some("ada@example.com"), Message::text("b"))).await;
    assert_eq!(error.expect_err("a webhook looks nobody up").kind(), ErrorKind::InvalidRecipient);
}

#[tokio::test]
async fn a_reply_to_a_thread_that_is_gone_is_sent_once_more_outside_of_it() {
    for code in ["thread_not_found", "cannot_reply_to_message", "restricted_action_thread_locked"] {
        let transport = ScriptedTransport::new().answering(200, refused(code)).answering(200, POSTED);
        let mut message = Message::text("b");
        message.extras_mut().thread_key = Some("1.000001".into());
        over(&transport, bot()).send(&envelope(Some("C1"), message)).await.expect("accepted");
        assert_eq!(body(&transport, 0)["thread_ts"], "1.000001");
        assert!(body(&transport, 1).get("thread_ts").is_none());
    }
}

#[tokio::test]
async fn a_thread_key_that_is_no_ts_is_not_sent() {
    for key in ["deploy", "1.2", "1.00000x", "", "1700000000000200"] {
        let mut message = Message::text("b");
        message.extras_mut().thread_key = Some(key.into());
        assert!(payload(message).get("thread_ts").is_none(), "{key}");
    }
}

#[tokio::test]
async fn files_are_uploaded_then_shared_in_the_thread_of_the_message() {
    let transport = ScriptedTransport::new()
        .answering(200, r#"{"ok":true,"upload_url":"https://files.slack.com/upload/v1/X","file_id":"F1"}"#)
        .answering(200, "OK - 5")
        .answering(200, POSTED)
        .answering(200, r#"{"ok":true}"#);
    let receipt = over(&transport, bot()).send(&envelope(Some("#a"), with_file())).await.expect("accepted");
    assert_eq!((receipt.id.as_deref(), receipt.detail.as_deref()), (Some("1.000002"), Some("channel C1, files: 1")));
    let requests = transport.requests();
    let urls: Vec<_> = requests.iter().map(|request| request.url.expose()).collect();
    assert_eq!(
        urls,
        [
            "https://slack.com/api/files.getUploadURLExternal",
            "https://files.slack.com/upload/v1/X",
            "https://slack.com/api/chat.postMessage",
            "https://slack.com/api/files.completeUploadExternal"
        ]
    );
    assert_eq!(requests[0].body, "filename=a+b.txt&length=5");
    assert_eq!(requests[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(requests[1].body, "bytes");
    assert!(!requests[1].headers.contains_key("authorization"));
    assert_eq!(
        body(&transport, 3),
        json!({"files": [{"id": "F1", "title": "a b.txt"}], "channel_id": "C1", "thread_ts": "1.000002"})
    );
}

#[tokio::test]
async fn a_lost_upload_is_tried_again_because_nobody_heard_it() {
    let transport = ScriptedTransport::new().then(Err(TransportError::new(TransportErrorKind::Lost, "lost")));
    let error = over(&transport, bot()).send(&envelope(Some("#a"), with_file())).await.expect_err("lost");
    assert_eq!((error.kind(), transport.requests().len()), (ErrorKind::Unavailable, 1));
    let transport = ScriptedTransport::new().answering(200, refused("missing_scope"));
    let error = over(&transport, bot()).send(&envelope(Some("#a"), with_file())).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
}

#[tokio::test]
async fn a_message_whose_files_cannot_be_shared_is_delivered_all_the_same() {
    let transport = ScriptedTransport::new()
        .answering(200, r#"{"ok":true,"upload_url":"https://files.slack.com/x","file_id":"F1"}"#)
        .answering(200, "")
        .answering(200, POSTED)
        .answering(200, refused("internal_error"));
    let receipt = over(&transport, bot()).send(&envelope(Some("#a"), with_file())).await.expect("delivered");
    assert_eq!(receipt.detail.as_deref(), Some("channel C1, files not shown: ambiguous (internal_error): internal_error"));
}

#[tokio::test]
async fn a_check_asks_who_we_are_or_only_knocks() {
    let transport = ScriptedTransport::new().answering(200, r#"{"ok":true}"#).answering(200, refused("token_revoked"));
    let slack = over(&transport, bot());
    assert!(slack.check().await.is_ok());
    assert_eq!(slack.check().await.expect_err("revoked").kind(), ErrorKind::Unauthorized);
    assert_eq!(transport.requests()[0].url.expose(), "https://slack.com/api/auth.test");

    let transport = ScriptedTransport::new().then(Ok(answer(302, &[], "")));
    let slack = over(&transport, hook());
    assert!(slack.check().await.is_ok());
    assert!(slack.check().await.is_err(), "nobody answers");
    let request = &transport.requests()[0];
    assert_eq!((request.method.as_str(), request.url.expose()), ("GET", "https://hooks.slack.com/"));
}

#[tokio::test]
async fn a_recipient_on_a_webhook_is_the_legacy_channel() {
    let transport = ScriptedTransport::new().answering(200, "ok");
    over(&transport, hook()).send(&envelope(Some("#ops"), Message::text("b"))).await.expect("accepted");
    assert_eq!(body(&transport, 0)["channel"], "#ops");
}
