//! Slack over real sockets: the promises of every HTTP adapter, and whole sends.

use std::{sync::Arc, time::Duration};

use notifyhub_platforms::{
    Platform, Registry,
    contract::{Attachment, AttachmentContent, ErrorKind, LimitScope, Message, Parts},
    http::{ReqwestTransport, TransportConfig},
    testkit::{Answer, FixedClock, conformance::Http, envelope},
};
use serde_json::{Value, json};
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, body_string, header, method, path},
};

const POSTED: &str = r#"{"ok":true,"channel":"C012","ts":"1700000000.000200"}"#;

fn parts() -> Parts {
    let transport = ReqwestTransport::new(TransportConfig::default()).expect("root certificates");
    Parts { transport: Arc::new(transport), clock: Arc::new(FixedClock::at_unix(1_700_000_000)), allow_private_networks: true }
}

fn build(table: Value, parts: &Parts) -> Arc<dyn Platform> {
    Registry::builtin().build("slack", table, parts).expect("a valid table")
}

fn bot(base_url: &str, parts: &Parts) -> Arc<dyn Platform> {
    build(json!({"token": "xoxb-s3cret-t0ken", "base_url": format!("{base_url}/api")}), parts)
}

fn hook(base_url: &str, parts: &Parts) -> Arc<dyn Platform> {
    build(json!({"webhook_url": format!("{base_url}/services/T1/B1/s3cret-p4th")}), parts)
}

#[tokio::test]
async fn the_web_api_keeps_every_promise_of_the_suite() {
    let envelope = envelope(Some("#alerts"), Message::text("disk full").title("db1"));
    Http::new(bot, envelope, Answer::json(200, POSTED)).json().secrets(["xoxb-s3cret-t0ken"]).run().await;
}

#[tokio::test]
async fn an_incoming_webhook_keeps_every_promise_of_the_suite() {
    let secrets = ["s3cret-p4th", "/services/T1/B1/s3cret-p4th"];
    let accepted = Answer::new(200).body("ok");
    Http::new(hook, envelope(None, Message::text("disk full").title("db1")), accepted).secrets(secrets).run().await;
}

#[tokio::test]
async fn a_workflow_trigger_keeps_every_promise_of_the_suite() {
    let trigger = |base_url: &str, parts: &Parts| {
        build(json!({"webhook_url": format!("{base_url}/triggers/T1/1/s3cret-p4th"), "workflow_variables": ["text"]}), parts)
    };
    let accepted = Answer::json(200, r#"{"ok":true}"#);
    Http::new(trigger, envelope(None, Message::text("disk full")), accepted).secrets(["s3cret-p4th"]).run().await;
}

#[tokio::test]
async fn a_webhook_send_arrives_as_slack_expects_it() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/services/T1/B1/s3cret-p4th"))
        .and(header("content-type", "application/json; charset=utf-8"))
        .and(body_json(json!({
            "text": "*db1* is full",
            "blocks": [{"type": "markdown", "text": "**db1** is full"}],
            "mrkdwn": true, "parse": "none", "link_names": false, "unfurl_links": false, "unfurl_media": false,
        })))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .expect(1)
        .mount(&server)
        .await;
    let receipt =
        hook(&server.uri(), &parts()).send(&envelope(None, Message::markdown("**db1** is full"))).await.expect("accepted");
    assert_eq!(receipt.id, None);
}

#[tokio::test]
async fn a_web_api_send_with_a_file_makes_all_its_calls() {
    let server = MockServer::start().await;
    let api = |name: &str| {
        Mock::given(method("POST")).and(path(format!("/api/{name}"))).and(header("authorization", "Bearer xoxb-s3cret-t0ken"))
    };
    let upload = json!({"ok": true, "file_id": "F1", "upload_url": format!("{}/upload/1", server.uri())});
    api("files.getUploadURLExternal")
        .and(body_string("filename=log.txt&length=4"))
        .respond_with(ResponseTemplate::new(200).set_body_json(upload))
        .expect(1)
        .mount(&server)
        .await;
    Mock::given(path("/upload/1"))
        .and(body_string("line"))
        .respond_with(ResponseTemplate::new(200))
        .expect(1)
        .mount(&server)
        .await;
    api("chat.postMessage").respond_with(ResponseTemplate::new(200).set_body_string(POSTED)).expect(1).mount(&server).await;
    let shared = json!({"files": [{"id": "F1", "title": "log.txt"}], "channel_id": "C012", "thread_ts": "1700000000.000200"});
    api("files.completeUploadExternal")
        .and(body_json(shared))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"ok":true}"#))
        .expect(1)
        .mount(&server)
        .await;

    let mut message = Message::text("see the log");
    let content = AttachmentContent::Bytes("line".into());
    message.extras_mut().attachments.push(Attachment { name: "log.txt".into(), mime: "text/plain".into(), content });
    let receipt = bot(&server.uri(), &parts()).send(&envelope(Some("#alerts"), message)).await.expect("accepted");
    assert_eq!((receipt.id.as_deref(), receipt.detail.as_deref()), (Some("1700000000.000200"), Some("channel C012, files: 1")));
}

#[tokio::test]
async fn a_rate_limited_channel_waits_as_long_as_slack_says() {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(429).insert_header("retry-after", "12").set_body_string(r#"{"ok":false,"error":"ratelimited"}"#);
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let error = bot(&server.uri(), &parts()).send(&envelope(Some("C012"), Message::text("b"))).await.expect_err("429");
    assert_eq!(
        (error.kind(), error.retry_after(), error.scope()),
        (ErrorKind::RateLimited, Some(Duration::from_secs(12)), LimitScope::Target)
    );
}

#[tokio::test]
async fn an_ordinary_table_may_not_reach_private_networks() {
    let server = MockServer::start().await;
    let parts = Parts { allow_private_networks: false, ..parts() };
    let table = json!({"token": "xoxb-s3cret", "base_url": server.uri().replace("http:", "https:")});
    let error = build(table, &parts).send(&envelope(Some("C012"), Message::text("b"))).await.expect_err("blocked");
    assert_eq!(error.code(), Some("address_blocked"));
    assert!(server.received_requests().await.is_none_or(|requests| requests.is_empty()));
}
