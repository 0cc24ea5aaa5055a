//! Discord over real sockets: the promises of every HTTP adapter, and whole sends.

use std::{sync::Arc, time::Duration};

use notifyhub_platforms::{
    Platform, Registry,
    contract::{Attachment, AttachmentContent, Envelope, ErrorKind, LimitScope, Message, Parts},
    http::{ReqwestTransport, TransportConfig},
    testkit::{self, Answer, FixedClock, conformance::Http},
};
use serde_json::json;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_json, method, path, query_param},
};

const POSTED: &str = r#"{"id":"1180000000000000001","channel_id":"1180000000000000002"}"#;
const PATH: &str = "/api/webhooks/1180000000000000003/s3cret-t0ken";

fn parts() -> Parts {
    let transport = ReqwestTransport::new(TransportConfig::default()).expect("root certificates");
    Parts { transport: Arc::new(transport), clock: Arc::new(FixedClock::at_unix(1_700_000_000)), allow_private_networks: true }
}

fn hook(base_url: &str, parts: &Parts) -> Arc<dyn Platform> {
    let table = json!({"webhook_url": format!("https://discord.com{PATH}"), "base_url": base_url});
    Registry::builtin().build("discord", table, parts).expect("a valid table")
}

fn bot(base_url: &str, parts: &Parts) -> Arc<dyn Platform> {
    let table = json!({"token": "s3cret-t0ken", "base_url": base_url});
    Registry::builtin().build("discord", table, parts).expect("a valid table")
}

fn envelope(message: Message) -> Envelope {
    testkit::envelope(None, message)
}

#[tokio::test]
async fn a_webhook_keeps_every_promise_of_the_suite() {
    let message = Message::text("disk full").title("db1");
    Http::new(hook, envelope(message), Answer::json(200, POSTED)).json().secrets(["s3cret-t0ken", PATH]).run().await;
}

#[tokio::test]
async fn a_message_with_a_file_keeps_every_promise_of_the_suite() {
    let mut message = Message::text("disk full");
    let content = AttachmentContent::Bytes("line".into());
    message.extras_mut().attachments.push(Attachment { name: "log.txt".into(), mime: "text/plain".into(), content });
    Http::new(hook, envelope(message), Answer::json(200, POSTED)).json().secrets(["s3cret-t0ken"]).run().await;
}

#[tokio::test]
async fn a_bot_keeps_every_promise_of_the_suite() {
    let envelope =
        Envelope { recipient: Some("1180000000000000002".into()), ..envelope(Message::text("disk full").title("db1")) };
    Http::new(bot, envelope, Answer::json(200, POSTED)).json().secrets(["s3cret-t0ken"]).run().await;
}

#[tokio::test]
async fn a_send_arrives_as_discord_expects_it() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path(PATH))
        .and(query_param("wait", "true"))
        .and(body_json(json!({
            "embeds": [{"title": "Disk 91%", "description": "**db1** is filling", "color": 3_447_003}],
            "allowed_mentions": {"parse": []},
        })))
        .respond_with(ResponseTemplate::new(200).set_body_string(POSTED))
        .expect(1)
        .mount(&server)
        .await;
    let message = Message::markdown("**db1** is filling").title("Disk 91%");
    let receipt = hook(&server.uri(), &parts()).send(&envelope(message)).await.expect("accepted");
    assert_eq!(receipt.id.as_deref(), Some("1180000000000000001"));
    assert_eq!(receipt.detail.as_deref(), Some("channel 1180000000000000002"));
}

#[tokio::test]
async fn a_rate_limit_waits_as_long_as_discord_says() {
    let server = MockServer::start().await;
    let answer =
        ResponseTemplate::new(429).insert_header("retry-after", "65").set_body_string(r#"{"retry_after":64.57,"global":true}"#);
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    let error = hook(&server.uri(), &parts()).send(&envelope(Message::text("b"))).await.expect_err("429");
    let expected = (ErrorKind::RateLimited, Some(Duration::from_secs(65)), LimitScope::Platform);
    assert_eq!((error.kind(), error.retry_after(), error.scope()), expected);
}
