//! Templates: what arrives, and what no message can do to it.

use notifyhub_platforms::contract::{Action, ActionStyle, Envelope, ErrorKind, Field, Message, Priority};
use serde_json::{Value, json};

use super::{ID, arrives, build, envelope, strict_parts};

/// Texts that mean something in one language or another.
const HOSTILE: &str = "\"}],\\ {{ id }}\u{0}\r\n\u{7f}\u{2028}</a>&amp;=%00 größe 🎈";

fn template(template: &str) -> Value {
    json!({"body": "template", "template": template})
}

async fn body(keys: Value, envelope: &Envelope) -> String {
    String::from_utf8(arrives(keys, envelope).await.body.to_vec()).expect("UTF-8")
}

#[tokio::test]
async fn every_placeholder_has_its_value() {
    let mut message = Message::markdown("*91* %").title("Disk").priority(Priority::Urgent);
    message.kind = Some("disk.full".into());
    let extras = message.extras_mut();
    extras.fields.push(Field { name: "host".into(), value: "db-3".into() });
    extras.actions.push(Action { label: "Open".into(), url: "https://x.example/1".into(), style: ActionStyle::Primary });
    extras.image_url = Some("https://x.example/i.png".into());
    extras.click_url = Some("https://x.example/c".into());
    extras.thread_key = Some("disk-db-3".into());
    extras.raw.insert("webhook".into(), json!({"ticket": 17, "team": "ops", "none": null}));
    let envelope = Envelope { correlation_id: Some("c-1".into()), ..envelope(message) };
    for (name, in_text, in_json) in [
        ("id", ID, json!(ID)),
        ("time", "2023-11-14T22:13:18.500Z", json!("2023-11-14T22:13:18.500Z")),
        ("unix_time", "1699999998", json!(1_699_999_998)),
        ("title", "Disk", json!("Disk")),
        ("body", "*91* %", json!("*91* %")),
        ("text", "91 %", json!("91 %")),
        ("format", "markdown", json!("markdown")),
        ("priority", "urgent", json!("urgent")),
        ("kind", "disk.full", json!("disk.full")),
        ("image_url", "https://x.example/i.png", json!("https://x.example/i.png")),
        ("click_url", "https://x.example/c", json!("https://x.example/c")),
        ("thread_key", "disk-db-3", json!("disk-db-3")),
        ("correlation_id", "c-1", json!("c-1")),
        ("fields.host", "db-3", json!("db-3")),
        ("fields.port", "", json!(null)),
        ("fields", r#"[{"name":"host","value":"db-3"}]"#, json!([{"name": "host", "value": "db-3"}])),
        ("mentions", "[]", json!([])),
        ("raw.ticket", "17", json!(17)),
        ("raw.team", "ops", json!("ops")),
        ("raw.none", "", json!(null)),
        ("raw.absent", "", json!(null)),
    ] {
        let mut text = template(&format!("<{{{{ {name} }}}}>"));
        text["content_type"] = json!("text/plain");
        assert_eq!(body(text, &envelope).await, format!("<{in_text}>"), "{name}");
        let found = body(template(&format!("[{{{{{name}}}}}, \"{{{{{name}}}}}\"]")), &envelope).await;
        let found: Value = serde_json::from_str(&found).expect("JSON");
        assert_eq!(found, json!([in_json, in_text]), "{name}");
    }
    let actions: Value = serde_json::from_str(&body(template("{{ actions }}"), &envelope).await).expect("JSON");
    assert_eq!(actions[0]["label"], "Open");
    let data: Value = serde_json::from_str(&body(template("{{ data }}"), &envelope).await).expect("JSON");
    assert_eq!((&data["title"], &data["correlation_id"]), (&json!("Disk"), &json!("c-1")));
}

#[tokio::test]
async fn json_arrives_as_it_was_written_and_stays_json_whatever_the_message_holds() {
    let written = "{\n  \"a\" : \"{{ \"{{\" }} \\\" {{title}} }}\", \"b\": {{ body }} , \"c\": [{{ kind }}]\n}\n";
    let envelope = envelope(Message::text(HOSTILE).title(HOSTILE));
    let request = arrives(template(written), &envelope).await;
    assert_eq!(request.header("content-type"), "application/json");
    let text = std::str::from_utf8(&request.body).expect("UTF-8");
    assert!(text.starts_with("{\n  \"a\" : \"{{ \\\" ") && text.ends_with(" , \"c\": [null]\n}\n"), "{text}");
    let found: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(found, json!({"a": format!("{{{{ \" {HOSTILE} }}}}"), "b": HOSTILE, "c": [null]}));
}

#[tokio::test]
async fn values_cannot_break_out_of_forms_and_markup_and_are_themselves_in_plain_text() {
    let envelope = envelope(Message::text(HOSTILE));
    for (content_type, written, expected) in [
        ("text/plain; charset=utf-8", "{{ body }}", HOSTILE.to_owned()),
        (
            "application/x-www-form-urlencoded",
            "a=1&text={{ body }}",
            "a=1&text=%22%7D%5D%2C%5C+%7B%7B+id+%7D%7D%00%0D%0A%7F%E2%80%A8%3C%2Fa%3E%26amp%3B%3D%2500+gr%C3%B6%C3%9Fe+%F0%9F%8E%88".into(),
        ),
        (
            "application/soap+xml",
            "<a>{{ body }}</a>",
            "<a>&quot;}],\\ {{ id }}\r\n\u{7f}\u{2028}&lt;/a&gt;&amp;amp;=%00 größe 🎈</a>".into(),
        ),
    ] {
        let mut keys = template(written);
        keys["content_type"] = json!(content_type);
        assert_eq!(body(keys, &envelope).await, expected);
    }
}

#[tokio::test]
async fn headers_say_what_the_message_is_and_are_left_out_where_it_says_nothing() {
    let keys = json!({"headers": {"X-Kind": "a/{{ kind }}", "X-Title": "{{ title }}", "X-Host": "{{ fields.host }}"}});
    let mut message = Message::text("x").title("größe");
    message.kind = Some("disk".into());
    let request = arrives(keys, &envelope(message)).await;
    assert_eq!(request.header("x-kind"), "a/disk");
    assert_eq!(request.headers["x-title"].as_bytes(), "größe".as_bytes());
    assert!(!request.headers.contains_key("x-host"));
}

#[tokio::test]
async fn a_message_cannot_write_headers() {
    let keys = json!({"url": "https://example.com/hook", "headers": {"X-Title": "{{ title }}"}});
    let platform = build(keys, &strict_parts()).expect("a webhook");
    for title in ["a\r\nx-admin: 1", "a\nb", "a\u{0}", "\u{7f}"] {
        let error = platform.send(&envelope(Message::text("x").title(title))).await.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidMessage, "{error}");
        assert!(error.reason().contains("header `x-title`"), "{error}");
    }
}

#[test]
fn a_template_that_could_go_wrong_is_refused_before_anything_is_sent() {
    for (written, part) in [
        ("{{ tittle }}", "unknown placeholder `{{ tittle }}`, expected one of: id, time, unix_time, title, "),
        ("{{ }}", "unknown placeholder `{{  }}`"),
        ("{{ fields. }}", "unknown placeholder"),
        ("{{ title | upper }}", "unknown placeholder"),
        (r#"{"a": "{{ title"}"#, "without `}}`"),
        (r#"{"a": {{ title }}"#, "is not JSON"),
        (r#"{"a": {{ title }}{{ body }}}"#, "is not JSON"),
        (r#"{"a": 1{{ unix_time }}}"#, "is not JSON"),
        (r#"{"a": "b"{{ title }}}"#, "is not JSON"),
        (r#"{ {{ title }}: 1}"#, "is not JSON"),
        (r#"{"a": {{ title }}} {{ body }}"#, "is not JSON"),
        (r#"{"a": "\{{ title }}"}"#, "inside an escape sequence"),
        (r#"{"a": "\u00{{ title }}41"}"#, "inside an escape sequence"),
        ("text: {{ title }}", "is not JSON"),
    ] {
        let mut table = template(written);
        table["url"] = json!("https://example.com/hook");
        let error = build(table, &strict_parts()).map(|_| ()).expect_err(written);
        assert_eq!(error.key.as_deref(), Some("template"));
        assert!(error.reason.contains(part), "{written}: {error}");
    }
}
