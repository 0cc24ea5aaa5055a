//! Client certificates: shown to the operator's own server, and to nobody else.

use std::sync::Arc;

use notifyhub_platforms::{
    contract::{Envelope, Message, Parts},
    testkit::ScriptedTransport,
};
use serde_json::{Value, json};

use super::{build, envelope, parts, strict_parts};
use crate::tls::identity::{CLIENT_CERTIFICATE, CLIENT_KEY, server};

fn keys(url: &str) -> Value {
    json!({"url": url, "client_certificate": {"certificates": CLIENT_CERTIFICATE, "key": CLIENT_KEY}})
}

#[tokio::test]
async fn the_certificate_is_shown_to_the_operators_origin_only() {
    let (own, transport, _serving) = server(true).await;
    let (customer, elsewhere, _serving_too) = server(true).await;
    // Each transport finds its own server only, so the platform is built twice.
    for (transport, port, expected) in [(transport, own, "known"), (elsewhere, customer, "stranger")] {
        let mut table = keys(&format!("https://hooks.example.com:{own}/hook"));
        table["body"] = json!("raw");
        table["success_body"] = json!({"contains": expected});
        let platform = build(table, &Parts { transport: Arc::new(transport), ..parts() }).expect("a webhook");
        let recipient = Some(format!("https://hooks.example.com:{port}/other").into());
        platform.send(&Envelope { recipient, ..envelope(Message::text("hello")) }).await.expect(expected);
    }
}

#[tokio::test]
async fn a_server_that_demands_a_certificate_takes_the_message_and_no_strangers() {
    let (port, transport, _serving) = server(false).await;
    let parts = Parts { transport: Arc::new(transport), ..parts() };
    let url = format!("https://hooks.example.com:{port}/hook");
    let mut table = keys(&url);
    table["body"] = json!("raw");
    build(table, &parts).expect("a webhook").send(&envelope(Message::text("hello"))).await.expect("accepted");
    let stranger = build(json!({"url": url}), &parts).expect("a webhook");
    stranger.check().await.expect_err("no certificate");
}

#[test]
fn a_certificate_that_cannot_be_shown_is_refused_at_its_key() {
    let url = "https://example.com/hook";
    let strict = strict_parts();
    let scripted = Parts { transport: Arc::new(ScriptedTransport::new()), ..strict_parts() };
    let with = |key: &str, value: &str| {
        let mut table = keys(url);
        table["client_certificate"][key] = json!(value);
        table
    };
    let mut nowhere = keys(url);
    nowhere.as_object_mut().expect("a table").remove("url");
    let mut clear = keys("http://example.com/hook");
    clear["allow_http"] = json!(true);
    for (table, parts, key, part) in [
        (nowhere, &strict, "client_certificate", "needs `url`"),
        (clear, &strict, "client_certificate", "https"),
        (with("certificates", "s3cret"), &strict, "client_certificate.certificates", "BEGIN CERTIFICATE"),
        (with("key", "s3cret"), &strict, "client_certificate.key", "BEGIN PRIVATE KEY"),
        (keys(url), &scripted, "client_certificate", "cannot show a client certificate"),
    ] {
        let error = build(table, parts).map(|_| ()).expect_err(key);
        assert_eq!(error.key.as_deref(), Some(key), "{error}");
        assert!(error.reason.contains(part) && !error.to_string().contains("s3cret"), "{error}");
    }
}
