//! What answers mean, and the suite every HTTP adapter passes.

use std::{sync::Arc, time::Duration};

use notifyhub_platforms::{
    Platform,
    contract::{ErrorKind, Message, Parts, Receipt, SendError},
    testkit::{Answer, FaultServer, conformance::Http},
};
use serde_json::{Value, json};

use super::{SIGNING_SECRET, build, envelope, parts, table};

fn webhook(keys: Value) -> impl Fn(&str, &Parts) -> Arc<dyn Platform> {
    move |url, parts| {
        let mut keys = keys.clone();
        keys["url"] = json!(format!("{url}/hooks/p4th-s3cret?key=qu3ry-s3cret"));
        build(keys, parts).expect("a webhook")
    }
}

#[tokio::test]
async fn the_adapter_keeps_every_promise_of_the_suite() {
    let keys = json!({
        "auth": {"type": "basic", "user": "ada", "password": "p4ssw0rd"},
        "headers": {"X-Key": "h3ader-s3cret"},
        "signing_secrets": [SIGNING_SECRET],
        "hub_signature": "hub-s3cret",
    });
    let secrets = ["p4th-s3cret", "qu3ry-s3cret", "p4ssw0rd", "YWRhOnA0c3N3MHJk", "h3ader-s3cret", SIGNING_SECRET, "hub-s3cret"];
    Http::new(webhook(keys), envelope(Message::text("x")), Answer::new(204)).secrets(secrets).run().await;
}

#[tokio::test]
async fn a_receiver_whose_body_decides_keeps_every_promise_of_the_suite() {
    let keys = json!({
        "auth": {"type": "query", "name": "token", "value": "t0ken s3cret"},
        "success_body": {"pointer": "/ok", "equals": true},
        "receipt_field": "/id",
    });
    let accepted = Answer::json(200, r#"{"ok":true,"id":"m-1"}"#);
    let secrets = ["p4th-s3cret", "t0ken s3cret", "t0ken+s3cret", "t0ken%20s3cret"];
    Http::new(webhook(keys), envelope(Message::text("x")), accepted).json().secrets(secrets).run().await;
}

async fn outcome(keys: Value, answer: Answer) -> Result<Receipt, SendError> {
    let server = FaultServer::start().await;
    server.push(answer);
    build(table(&server, keys), &parts()).expect("a webhook").send(&envelope(Message::text("x"))).await
}

#[tokio::test]
async fn an_answer_is_read_as_far_as_the_table_says() {
    let long = || Answer::json(200, format!(r#"{{"padding":"{}","id":"m-1"}}"#, "x".repeat(100_000)));
    let keys = |max: usize| json!({"receipt_field": "/id", "success_body": {"pointer": "/id", "equals": "m-1"}, "max_response_bytes": max});
    let read = outcome(keys(200_000), long()).await.expect("read to its end");
    assert_eq!(read.id.as_deref(), Some("m-1"));
    let cut = outcome(keys(1_000), long()).await.expect_err("nobody knows what it says");
    assert_eq!(cut.kind(), ErrorKind::Ambiguous);
}

#[tokio::test]
async fn every_status_of_the_sheet_has_its_verdict() {
    use ErrorKind::{Gone, InvalidMessage, InvalidRecipient, RateLimited, Unauthorized, Unavailable};
    for (statuses, expected) in [
        (&[200, 201, 202, 204, 299][..], None),
        (&[301, 302, 307, 308], Some(Unauthorized)),
        (&[400, 405, 409, 413, 415, 422], Some(InvalidMessage)),
        (&[401, 403, 407], Some(Unauthorized)),
        (&[404], Some(InvalidRecipient)),
        (&[410], Some(Gone)),
        (&[429], Some(RateLimited)),
        (&[408, 425, 500, 501, 502, 503, 504, 507], Some(Unavailable)),
    ] {
        for status in statuses {
            let found = outcome(json!({}), Answer::new(*status)).await.err().map(|error| error.kind());
            assert_eq!(found, expected, "{status}");
        }
    }
}

#[tokio::test]
async fn the_operator_may_know_his_receiver_better_than_the_table() {
    let keys = json!({"retry_status": [404, 204], "permanent_status": [500], "success_status": [200, 409]});
    for (status, expected) in [
        (200, None),
        (409, None),
        (201, Some(ErrorKind::Unexpected)),
        (204, Some(ErrorKind::Unavailable)),
        (404, Some(ErrorKind::Unavailable)),
        (500, Some(ErrorKind::InvalidMessage)),
        (502, Some(ErrorKind::Unavailable)),
    ] {
        let found = outcome(keys.clone(), Answer::new(status)).await.err().map(|error| error.kind());
        assert_eq!(found, expected, "{status}");
    }
}

#[tokio::test]
async fn a_receiver_that_lies_with_200_is_seen_through() {
    let equals = json!({"success_body": {"pointer": "/ok", "equals": true}});
    let contains = json!({"success_body": {"contains": "queued"}});
    let both = json!({"success_body": {"pointer": "/state", "contains": "queue"}});
    let matches = json!({"success_body": {"matches": r"(?i)^ok( \d+)?\s*$"}});
    let matches_at = json!({"success_body": {"pointer": "/code", "matches": "^2..$"}});
    for (keys, body, expected) in [
        (&equals, r#"{"ok":true}"#, None),
        (&equals, r#"{"ok":false}"#, Some(ErrorKind::Unexpected)),
        (&equals, r#"{"error":1}"#, Some(ErrorKind::Unexpected)),
        (&equals, "<html>", Some(ErrorKind::Ambiguous)),
        (&equals, "", Some(ErrorKind::Ambiguous)),
        (&contains, "message queued", None),
        (&contains, "error", Some(ErrorKind::Unexpected)),
        (&both, r#"{"state":"queued"}"#, None),
        (&both, r#"{"state":["queued"]}"#, Some(ErrorKind::Unexpected)),
        (&both, "queued", Some(ErrorKind::Ambiguous)),
        (&matches, "OK 17\n", None),
        (&matches, "not ok", Some(ErrorKind::Unexpected)),
        (&matches_at, r#"{"code":204}"#, None),
        (&matches_at, r#"{"code":500}"#, Some(ErrorKind::Unexpected)),
        (&matches_at, "204", Some(ErrorKind::Unexpected)),
        (&matches_at, "{", Some(ErrorKind::Ambiguous)),
    ] {
        let found = outcome(keys.clone(), Answer::json(200, body)).await.err().map(|error| error.kind());
        assert_eq!(found, expected, "{body}");
    }
}

#[tokio::test]
async fn the_longest_wait_of_header_and_body_counts() {
    let seconds = json!({"retry_after_field": {"pointer": "/retry/after"}});
    let millis = json!({"retry_after_field": {"pointer": "/retry/after", "unit": "ms"}});
    for (keys, body, expected) in [
        (&seconds, r#"{"retry":{"after":2.5}}"#, Duration::from_millis(2500)),
        (&seconds, r#"{"retry":{"after":0.5}}"#, Duration::from_secs(1)),
        (&seconds, r#"{"retry":{"after":"soon"}}"#, Duration::from_secs(1)),
        (&millis, r#"{"retry":{"after":2500}}"#, Duration::from_millis(2500)),
        (&millis, "{", Duration::from_secs(1)),
    ] {
        let answer = Answer::json(429, body).header("retry-after", "1");
        let error = outcome(keys.clone(), answer).await.expect_err("429");
        assert_eq!(error.retry_after(), Some(expected), "{body}");
    }
}

#[tokio::test]
async fn a_receipt_is_read_where_the_operator_says() {
    let keys = json!({"receipt_field": "/data/id"});
    for (body, expected) in [
        (r#"{"data":{"id":"m-1"}}"#, Some("m-1")),
        (r#"{"data":{"id":17}}"#, Some("17")),
        (r#"{"data":{"id":null}}"#, None),
        ("", None),
    ] {
        let receipt = outcome(keys.clone(), Answer::json(200, body)).await.expect("accepted");
        assert_eq!(receipt.id.as_deref(), expected, "{body}");
    }
}

#[tokio::test]
async fn a_check_asks_with_head_and_knows_refused_credentials() {
    for (status, expected) in [
        (200, None),
        (302, None),
        (404, None),
        (405, None),
        (401, Some(ErrorKind::Unauthorized)),
        (403, Some(ErrorKind::Unauthorized)),
        (503, Some(ErrorKind::Unavailable)),
    ] {
        let server = FaultServer::start().await;
        server.push(Answer::new(status));
        let keys = json!({"auth": {"type": "bearer", "token": "t0ken"}, "signing_secrets": [SIGNING_SECRET]});
        let found = build(table(&server, keys), &parts()).expect("a webhook").check().await;
        assert_eq!(found.err().map(|error| error.kind()), expected, "{status}");
        let [request] = &server.requests()[..] else { panic!("one request") };
        assert_eq!((&*request.method, request.header("authorization")), ("HEAD", "Bearer t0ken"));
        assert!(!request.headers.contains_key("webhook-id") && !request.headers.contains_key("webhook-signature"));
    }
}
