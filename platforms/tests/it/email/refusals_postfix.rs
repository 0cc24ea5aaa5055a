//! What a real server refuses, and the verdicts on it.

use std::time::Duration;

use bytes::Bytes;
use notifyhub_platforms::{
    contract::{Attachment, AttachmentContent, ErrorKind, LimitScope, Message, Platform},
    email::Security,
};

use super::{build, envelope, postfix::Postfix};

#[tokio::test]
async fn each_refused_recipient_gets_the_verdict_of_its_reply() {
    let platform = build(Postfix::get().config("plain", Security::StartTls));
    for (recipient, kind, code, wait) in [
        ("nobody@example.test", ErrorKind::InvalidRecipient, "550 5.1.1", None),
        ("full@example.test", ErrorKind::Unavailable, "452 4.2.2", Some(60)),
        ("grey@example.test", ErrorKind::Unavailable, "451 4.7.1", Some(60)),
        ("ada@elsewhere.test", ErrorKind::Unauthorized, "554 5.7.1", None),
    ] {
        let error = platform.send(&envelope(recipient, Message::text("x"))).await.expect_err(recipient);
        assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{error}");
        assert_eq!(error.retry_after(), wait.map(Duration::from_secs), "{error}");
        assert!(wait.is_none() || error.scope() == LimitScope::Target, "one full mailbox must not hold up the others");
    }
}

#[tokio::test]
async fn a_mail_over_the_servers_limit_is_refused_before_it_is_sent() {
    let platform = build(Postfix::get().config("plain", Security::StartTls));
    let mut message = Message::text("big");
    let content = AttachmentContent::Bytes(Bytes::from(vec![b'x'; 1_000_000]));
    message.extras_mut().attachments.push(Attachment {
        name: "big.bin".into(),
        mime: "application/octet-stream".into(),
        content,
    });
    let error = platform.send(&envelope("bob@example.test", message)).await.expect_err("too big");
    assert_eq!((error.kind(), error.code()), (ErrorKind::InvalidMessage, Some("552 5.3.4")), "{error}");
    platform.send(&envelope("bob@example.test", Message::text("small"))).await.expect("the connection is still good");
}
