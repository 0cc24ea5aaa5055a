//! The table and the URLs that stand for it.

use notifyhub_platforms::{
    Registry,
    contract::{Idempotency, Message, RecipientRule},
    testkit::{Answer, FaultServer},
};
use serde_json::json;

use super::{build, envelope, parts, strict_parts};

#[test]
fn a_table_that_cannot_work_is_refused_at_the_key_and_without_its_secrets() {
    let url = "https://example.com/s3cret";
    for (table, key, part) in [
        (json!({"url": "s3cret"}), "url", "not a URL"),
        (json!({"url": "ftp://s3cret"}), "url", "neither http:// nor https://"),
        (json!({"url": "http://example.com/s3cret"}), "url", "allow_http = true"),
        (json!({"url": "https://10.0.0.1/s3cret"}), "url", "allow_private_networks = true"),
        (json!({"url": url, "methd": "PUT"}), "methd", "unknown field"),
        (json!({"url": url, "method": "GET"}), "method", "`POST`, `PUT`, `PATCH`"),
        (json!({"url": url, "body": "xml"}), "body", "`event`, `cloudevents`, `template`, `raw`, `form`"),
        (json!({"url": url, "headers": {"a b": "s3cret"}}), "headers.a b", "not a header's name"),
        (json!({"url": url, "headers": {"x": "s3\r\ncret: 1"}}), "headers.x", "line break"),
        (json!({"url": url, "headers": {"Host": "s3cret"}}), "headers.Host", "belongs to the transport"),
        (json!({"url": url, "headers": {"webhook-id": "s3cret"}}), "headers.webhook-id", "set by notifyhub itself"),
        (json!({"url": url, "signing_secrets": ["s3cret"]}), "signing_secrets[0]", "whsec_"),
        (json!({"url": url, "idempotency_header": "a b"}), "idempotency_header", "not a header's name"),
        (json!({"url": url, "content_type": "a\nb"}), "content_type", "line break"),
        (json!({"url": url, "auth": {"type": "basic", "user": "a:b", "password": "s3cret"}}), "auth.user", "colon"),
        (json!({"url": url, "auth": {"type": "bearer", "token": "s3\ncret"}}), "auth.token", "line break"),
        (json!({"url": url, "auth": {"type": "header", "name": "Webhook-Id", "value": "s3cret"}}), "auth", "set elsewhere"),
        (json!({"auth": {"type": "bearer", "token": "s3cret"}}), "auth", "needs `url`"),
        (json!({"url": "https://a:s3cret@example.com", "auth": {"type": "bearer", "token": "s3cret"}}), "auth", "give them once"),
        (json!({"url": url, "success_status": [2]}), "success_status", "200 to 999"),
        (json!({"url": url, "receipt_field": "id"}), "receipt_field", "JSON pointer"),
        (json!({"url": url, "success_body": {"equals": 1}}), "success_body.equals", "needs `pointer`"),
        (json!({"url": url, "success_body": {"pointer": "/a"}}), "success_body", "exactly one of"),
        (json!({"url": url, "success_body": {"contains": "a", "matches": "b"}}), "success_body", "exactly one of"),
        (json!({"url": url, "success_body": {"matches": "("}}), "success_body.matches", "unclosed group"),
        (json!({"url": url, "success_body": {"matches": "(?:a{999}){999}"}}), "success_body.matches", "size limit"),
        (json!({"url": url, "body": "cloudevents"}), "cloudevents", "is needed"),
        (json!({"url": url, "cloudevents": {"source": "/x"}}), "cloudevents", "means nothing"),
        (json!({"url": url, "body": "cloudevents", "cloudevents": {}}), "cloudevents", "`source`"),
        (json!({"url": url, "body": "template"}), "template", "is needed"),
        (json!({"url": url, "handshake": {"origin": "my hub"}}), "handshake.origin", "not a DNS name"),
        (json!({"url": url, "handshake": {"origin": "a.example", "rate": 0}}), "handshake.rate", "1 or more"),
        (
            json!({"url": url, "handshake": {"origin": "a.example"}, "headers": {"webhook-request-origin": "x"}}),
            "headers.webhook-request-origin",
            "set by notifyhub itself",
        ),
        (json!({"url": url, "max_response_bytes": 0}), "max_response_bytes", "expected 1 to 1048576"),
        (json!({"url": url, "max_batch": 0}), "max_batch", "expected 1 to 1000"),
        (json!({"url": url, "max_batch": 1001}), "max_batch", "expected 1 to 1000"),
        (json!({"url": url, "max_batch": 5, "body": "raw"}), "max_batch", "event, cloudevents or template"),
        (json!({"url": url, "max_batch": 5, "body": "form"}), "max_batch", "event, cloudevents or template"),
        (
            json!({"url": url, "max_batch": 5, "body": "cloudevents", "cloudevents": {"source": "/x"}}),
            "max_batch",
            "cloudevents.mode = \"batched\"",
        ),
        (
            json!({"url": url, "max_batch": 5, "body": "template", "template": "{{ id }}", "content_type": "text/plain"}),
            "max_batch",
            "a template that is JSON",
        ),
        (json!({"url": url, "batch_format": "ndjson"}), "batch_format", "without `max_batch`"),
        (json!({"url": url, "batch_results": "/results"}), "batch_results", "without `max_batch`"),
        (json!({"url": url, "max_batch": 5, "batch_results": "results"}), "batch_results", "JSON pointer"),
        (json!({"url": url, "max_batch": 5, "batch_format": "csv"}), "batch_format", "`array` or `ndjson`"),
        (
            json!({"url": url, "batch_format": "ndjson", "body": "cloudevents", "cloudevents": {"source": "/x", "mode": "batched"}}),
            "batch_format",
            "is an array",
        ),
        (json!({"url": url, "max_batch": 5, "headers": {"x": "{{ kind }}"}}), "headers.x", "several messages"),
        (json!({"url": url, "template": "s3cret"}), "template", "means nothing"),
        (json!({"url": url, "headers": {"x": "{{ s3cret }}"}}), "headers.x", "known are: id, time"),
        (json!({"url": url, "headers": {"x": "s3cret {{ kind"}}), "headers.x", "known are: id, time"),
        (json!({"url": url, "headers": {"x": "s3\ncret {{ kind }}"}}), "headers.x", "line break"),
    ] {
        let error = build(table, &strict_parts()).map(|_| ()).expect_err(key);
        assert_eq!(error.key.as_deref(), Some(key), "{error}");
        assert!(error.reason.contains(part) && !error.to_string().contains("s3cret"), "{error}");
    }
}

#[test]
fn the_capabilities_say_what_the_body_can_carry() {
    for (body, attachments) in [("event", true), ("raw", false), ("form", false)] {
        let platform = build(json!({"url": "https://example.com", "body": body}), &strict_parts()).expect("a webhook");
        let found = platform.capabilities();
        assert_eq!(
            (found.attachments, found.idempotency, found.recipient),
            (attachments, Idempotency::Receiver, RecipientRule::Optional)
        );
    }
}

#[tokio::test]
async fn a_url_stands_for_a_webhook() {
    for scheme in ["json", "webhook", "JSON"] {
        let server = FaultServer::start().await;
        server.push(Answer::new(202));
        let url = server.url("/a/b?c=d").replace("http://", &format!("{scheme}://ada:p%40ss@"));
        let found = Registry::builtin().from_url(&url, &parts()).expect("a webhook");
        assert_eq!((found.kind, found.recipient), ("webhook", None));
        found.platform.send(&envelope(Message::text("x"))).await.expect("accepted");
        let request = server.requests().remove(0);
        assert_eq!((&*request.path, request.header("authorization")), ("/a/b?c=d", "Basic YWRhOnBAc3M="));
    }
}

#[test]
fn a_url_that_names_no_host_shows_what_one_looks_like() {
    for url in ["json://", "jsons:///s3cret", "webhook://?s3cret"] {
        let error = Registry::builtin().from_url(url, &parts()).map(|_| ()).expect_err(url).to_string();
        assert!(error.contains("jsons://[user:password@]host") && !error.contains("s3cret"), "{error}");
    }
    let error = Registry::builtin().from_url("json://127.0.0.1/s3cret", &strict_parts()).map(|_| ()).expect_err("private");
    assert!(error.to_string().contains("allow_private_networks") && !error.to_string().contains("s3cret"), "{error}");
}

#[test]
fn the_schema_names_every_key() {
    let schema = Registry::builtin().schema("webhook").expect("a schema");
    let properties = schema.get("properties").and_then(|found| found.as_object()).expect("an object");
    assert_eq!(properties.len(), 26);
    assert_eq!(schema.get("additionalProperties"), Some(&json!(false)));
}
