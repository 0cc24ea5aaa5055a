//! CloudEvents: where the attributes stand, and how they are written.

use notifyhub_platforms::contract::{Envelope, Field, Message};
use serde_json::{Value, json};

use super::{ID, arrives, build, envelope, strict_parts};

fn keys(cloudevents: Value) -> Value {
    json!({"body": "cloudevents", "cloudevents": cloudevents})
}

#[tokio::test]
async fn a_structured_event_names_its_source_and_keeps_its_id() {
    let request = arrives(keys(json!({"source": "/notifyhub/ops"})), &envelope(Message::text("x"))).await;
    assert_eq!(request.header("content-type"), "application/cloudevents+json; charset=utf-8");
    assert_eq!(
        std::str::from_utf8(&request.body),
        Ok(concat!(
            r#"{"specversion":"1.0","id":"0192f0c1-2345-7abc-8def-0123456789ab","source":"/notifyhub/ops","#,
            r#""type":"notification.sent","time":"2023-11-14T22:13:18.500Z","datacontenttype":"application/json","#,
            r#""data":{"body":"x","format":"text","priority":"normal"}}"#
        ))
    );
}

/// A message with a thread and a field, and the keys that make attributes of them.
fn described() -> (Value, Envelope) {
    let mut message = Message::text("x");
    message.kind = Some("disk.full".into());
    message.extras_mut().thread_key = Some("db 3".into());
    message.extras_mut().fields.push(Field { name: "host".into(), value: "größe \"5%\"\r\nce-id: 7 🎈".into() });
    let attributes = json!({
        "source": "https://notifyhub.example.com/ops?a=%20b",
        "type_prefix": "com.example.",
        "subject": "threads/{{ thread_key }}",
        "dataschema": "https://example.com/schema.json",
        "extensions": {"host": "{{ fields.host }}", "team": "ops", "traceparent": "{{ correlation_id }}"},
    });
    (attributes, envelope(message))
}

#[tokio::test]
async fn a_structured_event_holds_every_attribute_that_has_a_value() {
    let (attributes, envelope) = described();
    let request = arrives(keys(attributes), &envelope).await;
    let mut event: Value = serde_json::from_slice(&request.body).expect("JSON");
    let event = event.as_object_mut().expect("an object");
    event.remove("data").expect("data");
    assert_eq!(
        Value::Object(event.clone()),
        json!({"specversion": "1.0", "id": ID, "source": "https://notifyhub.example.com/ops?a=%20b", "type": "com.example.disk.full",
            "time": "2023-11-14T22:13:18.500Z", "subject": "threads/db 3", "dataschema": "https://example.com/schema.json",
            "datacontenttype": "application/json", "host": "größe \"5%\"  ce-id: 7 🎈", "team": "ops"})
    );
}

#[tokio::test]
async fn a_binary_event_carries_its_attributes_as_percent_encoded_headers_and_only_the_data_as_its_body() {
    let (mut attributes, envelope) = described();
    attributes["mode"] = json!("binary");
    let request = arrives(keys(attributes), &envelope).await;
    let found: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("ce-") || *name == "content-type")
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII")))
        .collect();
    let mut expected = [
        "content-type: application/json".to_owned(),
        "ce-specversion: 1.0".to_owned(),
        format!("ce-id: {ID}"),
        "ce-source: https://notifyhub.example.com/ops?a=%2520b".to_owned(),
        "ce-type: com.example.disk.full".to_owned(),
        "ce-time: 2023-11-14T22:13:18.500Z".to_owned(),
        "ce-subject: threads/db%203".to_owned(),
        "ce-dataschema: https://example.com/schema.json".to_owned(),
        "ce-host: gr%C3%B6%C3%9Fe%20%225%25%22%20%20ce-id:%207%20%F0%9F%8E%88".to_owned(),
        "ce-team: ops".to_owned(),
    ];
    let mut sorted = found.clone();
    sorted.sort_unstable();
    expected.sort_unstable();
    assert_eq!(sorted, expected);
    let data: Value = serde_json::from_slice(&request.body).expect("JSON");
    assert_eq!((data["body"].as_str(), data["kind"].as_str(), data.get("specversion")), (Some("x"), Some("disk.full"), None));
}

#[test]
fn attributes_that_no_event_can_have_are_refused_at_their_key() {
    for (attributes, key, part) in [
        (json!({"source": ""}), "cloudevents.source", "not a URI"),
        (json!({"source": "my hub"}), "cloudevents.source", "not a URI"),
        (json!({"source": "/x", "dataschema": "ä"}), "cloudevents.dataschema", "not a URI"),
        (json!({"source": "/x", "type_prefix": "a\n"}), "cloudevents.type_prefix", "control characters"),
        (json!({"source": "/x", "mode": "batches"}), "cloudevents.mode", "`structured`, `binary`, `batched`"),
        (json!({"source": "/x", "subject": "{{ topic }}"}), "cloudevents.subject", "unknown placeholder `{{ topic }}`"),
        (json!({"source": "/x", "extensions": {"Team": "a"}}), "cloudevents.extensions.Team", "lower case"),
        (json!({"source": "/x", "extensions": {"a_b": "a"}}), "cloudevents.extensions.a_b", "lower case"),
        (json!({"source": "/x", "extensions": {"time": "a"}}), "cloudevents.extensions.time", "attribute of every event"),
        (json!({"source": "/x", "extensions": {"team": "{{"}}), "cloudevents.extensions.team", "without `}}`"),
    ] {
        let mut table = keys(attributes);
        table["url"] = json!("https://example.com/hook");
        let error = build(table, &strict_parts()).map(|_| ()).expect_err(key);
        assert_eq!(error.key.as_deref(), Some(key), "{error}");
        assert!(error.reason.contains(part), "{error}");
    }
    let table = json!({"url": "https://example.com", "body": "cloudevents", "headers": {"ce-id": "1"},
        "cloudevents": {"source": "/x", "mode": "binary"}});
    let error = build(table, &strict_parts()).map(|_| ()).expect_err("twice");
    assert_eq!(error.key.as_deref(), Some("headers.ce-id"));
}
