//! Exact bytes on the wire.

use std::time::Duration;

use bytes::Bytes;
use notifyhub_platforms::{
    contract::{Action, ActionStyle, Attachment, AttachmentContent, Envelope, Field, Mention, Message, Parts, Priority, Secret},
    http::signature::{VerifyingKey, verify},
    testkit::FaultServer,
};
use serde_json::json;

use super::{ID, MovedClock, NOW, SIGNING_SECRET, arrives, build, envelope, parts, table, wall};

/// The bytes 1 to 32.
const PRIVATE_KEY: &str = "whsk_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

#[tokio::test]
async fn a_bare_text_arrives_byte_by_byte() {
    let request = arrives(json!({}), &envelope(Message::text("disk \"full\""))).await;
    let expected = format!(
        "POST /hook HTTP/1.1\r\nwebhook-id: {ID}\r\nwebhook-timestamp: {NOW}\r\ncontent-type: application/json\r\naccept: */*\r\n\
         user-agent: notifyhub/{} (notification dispatch)\r\nhost: {}\r\ncontent-length: 135\r\n\r\n",
        env!("CARGO_PKG_VERSION"),
        request.header("host"),
    );
    assert_eq!(std::str::from_utf8(&request.head), Ok(&*expected));
    assert_eq!(
        std::str::from_utf8(&request.body),
        Ok(concat!(
            r#"{"type":"notification.sent","timestamp":"2023-11-14T22:13:18.500Z","#,
            r#""data":{"body":"disk \"full\"","format":"text","priority":"normal"}}"#
        ))
    );
}

#[tokio::test]
async fn every_part_of_a_message_travels() {
    let mut message = Message::markdown("*91 %*").title("Disk").priority(Priority::Urgent);
    message.kind = Some("disk.full".into());
    let extras = message.extras_mut();
    extras.fields.push(Field { name: "host".into(), value: "db-3".into() });
    extras.actions.push(Action { label: "Open".into(), url: "https://x.example/1".into(), style: ActionStyle::Primary });
    extras.attachments.push(Attachment {
        name: "a.bin".into(),
        mime: "application/octet-stream".into(),
        content: AttachmentContent::Bytes(Bytes::from_static(b"\x00\xff!")),
    });
    extras.attachments.push(Attachment {
        name: "b.png".into(),
        mime: "image/png".into(),
        content: AttachmentContent::Url("https://x.example/b.png".into()),
    });
    extras.mentions = vec![Mention::User("ada".into()), Mention::Here];
    extras.image_url = Some("https://x.example/i.png".into());
    extras.click_url = Some("https://x.example/c".into());
    extras.thread_key = Some("disk-db-3".into());
    let envelope = Envelope { correlation_id: Some("c-1".into()), ..envelope(message) };
    let request = arrives(json!({}), &envelope).await;
    assert_eq!(
        std::str::from_utf8(&request.body),
        Ok(concat!(
            r#"{"type":"notification.disk.full","timestamp":"2023-11-14T22:13:18.500Z","data":{"#,
            r#""title":"Disk","body":"*91 %*","format":"markdown","priority":"urgent","kind":"disk.full","#,
            r#""fields":[{"name":"host","value":"db-3"}],"#,
            r#""actions":[{"label":"Open","url":"https://x.example/1","style":"primary"}],"#,
            r#""attachments":[{"name":"a.bin","mime":"application/octet-stream","base64":"AP8h"},"#,
            r#"{"name":"b.png","mime":"image/png","url":"https://x.example/b.png"}],"#,
            r#""mentions":[{"user":"ada"},"here"],"image_url":"https://x.example/i.png","#,
            r#""click_url":"https://x.example/c","thread_key":"disk-db-3","correlation_id":"c-1"}}"#
        ))
    );
}

#[tokio::test]
async fn a_kind_that_is_no_event_type_stays_in_the_data() {
    for kind in ["two words", "", "a..b", ".a", "größe"] {
        let mut message = Message::text("x");
        message.kind = Some(kind.into());
        let request = arrives(json!({}), &envelope(message)).await;
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("JSON");
        assert_eq!((body["type"].as_str(), body["data"]["kind"].as_str()), (Some("notification.sent"), Some(kind)));
    }
}

/// The expected values were computed with Python: `hmac` and, for Ed25519, `cryptography`.
#[tokio::test]
async fn a_signed_request_is_signed_as_others_sign_it_and_believed_by_its_receiver() {
    let body = r#"{"type":"notification.sent","data":{"id":1}}"#;
    let old = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let keys = json!({"body": "raw", "content_type": "application/json", "signing_secrets": [SIGNING_SECRET, old, PRIVATE_KEY],
        "hub_signature": "It's a Secret to Everybody", "idempotency_header": "Idempotency-Key"});
    let request = arrives(keys, &envelope(Message::text(body))).await;
    assert_eq!(request.body, body);
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("idempotency-key"), ID);
    assert_eq!(
        request.header("webhook-signature"),
        "v1,VfnVCWW/kV8HAiDxIht8J5Zk9rpKfnch1rmWKchTXlA= \
         v1,7JCwILxc3nI0rbUa0/zJRDnQ4HylpuDstdru2+ansQQ= \
         v1a,iSJYPXmaPt15ewktwnMH5g+/QZ+MUoBaVBO0pJ6RbMflcHS6LCHiv2SOQ7fml92nOzWMSYBEZyre/ajwtvKRBQ=="
    );
    let expected = "sha256=532e626e695a86df679a8180600862deb8919f5b6bf0e4acd0babbb48ffbc1c1";
    assert_eq!(request.header("x-hub-signature-256"), expected);
    for secret in [SIGNING_SECRET, old, "whpk_ebVWLo/mVPlAeLES6KmLp5AfhTrmlb7X4OORC60ElmQ="] {
        let key = VerifyingKey::parse(&Secret::new(secret)).expect("a key");
        assert_eq!(verify(&[key], &request.headers, &request.body, wall()), Ok(()));
    }
}

#[tokio::test]
async fn every_attempt_is_signed_anew_under_the_same_id() {
    let server = FaultServer::start().await;
    let clock = MovedClock::new();
    let table = table(&server, json!({"signing_secrets": [SIGNING_SECRET], "idempotency_header": "Idempotency-Key"}));
    let platform = build(table, &Parts { clock: clock.clone(), ..parts() }).expect("a webhook");
    let first = envelope(Message::text("x"));
    platform.send(&first).await.expect("accepted");
    clock.forward(Duration::from_secs(3600));
    platform.send(&Envelope { attempt: 2, ..first }).await.expect("accepted");
    let [first, second] = &server.requests()[..] else { panic!("two requests") };
    for name in ["webhook-id", "idempotency-key"] {
        assert_eq!((first.header(name), second.header(name)), (ID, ID));
    }
    assert_eq!(first.body, second.body);
    assert_ne!(first.header("webhook-signature"), second.header("webhook-signature"));
    for (request, at) in [(first, wall()), (second, wall() + Duration::from_secs(3600))] {
        let key = VerifyingKey::parse(&Secret::new(SIGNING_SECRET)).expect("a key");
        assert_eq!(verify(&[key], &request.headers, &request.body, at), Ok(()));
    }
}

#[tokio::test]
async fn raw_json_of_the_caller_replaces_what_the_adapter_would_say() {
    let mut message = Message::text("unseen");
    message.extras_mut().raw.insert("webhook".into(), json!({"id": 1}));
    message.extras_mut().raw.insert("slack".into(), json!({"blocks": []}));
    let envelope = envelope(message);
    for (keys, expected) in [
        (json!({}), r#"{"type":"notification.sent","timestamp":"2023-11-14T22:13:18.500Z","data":{"id":1}}"#),
        (json!({"body": "raw"}), r#"{"id":1}"#),
        (json!({"body": "form"}), "body=unseen&priority=normal&id=1"),
    ] {
        assert_eq!(arrives(keys, &envelope).await.body, expected);
    }
}

#[tokio::test]
async fn a_form_holds_the_texts_and_the_fields() {
    let mut message = Message::text("a&b=c d").title("T");
    message.extras_mut().fields.push(Field { name: "body_len".into(), value: "7".into() });
    message.extras_mut().raw.insert("webhook".into(), json!({"title": "Other", "n": 3}));
    let request = arrives(json!({"body": "form"}), &envelope(message)).await;
    assert_eq!(request.header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(request.body, "body=a%26b%3Dc+d&priority=normal&body_len=7&n=3&title=Other");
}

#[tokio::test]
async fn method_headers_query_and_authorization_are_as_configured() {
    let envelope = envelope(Message::text("x"));
    let put = json!({"method": "PUT", "headers": {"X-Team": "ops"}, "query": {"v": "1 2"}});
    let request = arrives(put, &envelope).await;
    assert_eq!((&*request.method, &*request.path, request.header("x-team")), ("PUT", "/hook?v=1+2", "ops"));
    for (auth, header, value) in [
        (json!({"type": "bearer", "token": "t0ken"}), "authorization", "Bearer t0ken"),
        (json!({"type": "basic", "user": "ada", "password": "pass word"}), "authorization", "Basic YWRhOnBhc3Mgd29yZA=="),
        (json!({"type": "header", "name": "X-Api-Key", "value": "k"}), "x-api-key", "k"),
        (json!({"type": "none"}), "authorization", ""),
    ] {
        assert_eq!(arrives(json!({"auth": auth}), &envelope).await.header(header), value);
    }
    let query = json!({"auth": {"type": "query", "name": "key", "value": "a/b"}, "query": {"v": "1"}, "method": "PATCH"});
    let request = arrives(query, &envelope).await;
    assert_eq!((&*request.method, &*request.path), ("PATCH", "/hook?v=1&key=a%2Fb"));
}
