//! Slack's promises, without a network.

mod answers;
mod config;
mod layout;
mod sends;
mod threads;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Slack, SlackConfig};
use crate::{
    contract::{Adapter, ConfigError, Message, Parts, Secret},
    http::Protocol,
    testkit::{FixedClock, ScriptedTransport, envelope},
};

const HOOK: &str = "https://hooks.slack.com/services/T1/B1/s3crets3cret";

fn parts(transport: &ScriptedTransport) -> Parts {
    let clock = Arc::new(FixedClock::at_unix(1_700_000_000));
    Parts { transport: Arc::new(transport.clone()), clock, allow_private_networks: false }
}

fn slack(config: SlackConfig) -> Slack {
    Slack::build(config, &parts(&ScriptedTransport::new())).expect("a valid configuration")
}

fn hook() -> SlackConfig {
    SlackConfig { webhook_url: Some(Secret::new(HOOK)), ..SlackConfig::default() }
}

fn bot() -> SlackConfig {
    SlackConfig { token: Some(Secret::new("xoxb-s3cret")), ..SlackConfig::default() }
}

/// What a webhook is sent for `message`.
fn payload(message: Message) -> Value {
    let request = slack(hook()).request(&envelope(None, message)).expect("a request");
    serde_json::from_slice(&request.body).expect("JSON")
}

fn config_error(config: SlackConfig) -> ConfigError {
    Slack::build(config, &parts(&ScriptedTransport::new())).err().expect("refused")
}

fn raw(value: Value) -> Message {
    let mut message = Message::text("b");
    message.extras_mut().raw.insert("slack".into(), value);
    message
}

#[test]
fn a_webhook_is_posted_exactly_these_bytes() {
    let request = slack(hook()).request(&envelope(None, Message::text("db1 <is> full").title("Disk 91%"))).expect("a request");
    assert_eq!((request.method.as_str(), request.url.expose()), ("POST", HOOK));
    assert_eq!(request.headers["content-type"], "application/json; charset=utf-8");
    assert_eq!(
        std::str::from_utf8(&request.body),
        Ok(concat!(
            r#"{"blocks":[{"text":{"text":"Disk 91%","type":"plain_text"},"type":"header"},"#,
            r#"{"text":{"emoji":false,"text":"db1 &lt;is&gt; full","type":"plain_text"},"type":"section"}],"#,
            r#""link_names":false,"mrkdwn":true,"parse":"none","text":"Disk 91%\ndb1 &lt;is&gt; full","#,
            r#""unfurl_links":false,"unfurl_media":false}"#
        ))
    );
}

#[test]
fn the_web_api_is_posted_exactly_these_bytes() {
    let config = SlackConfig { username: Some("hub".into()), icon_emoji: Some(":fire:".into()), reply_broadcast: true, ..bot() };
    let mut message = Message::markdown("**b**");
    message.extras_mut().thread_key = Some("1700000000.000200".into());
    let request = slack(config).request(&envelope(Some("C012"), message)).expect("a request");
    assert_eq!(request.url.expose(), "https://slack.com/api/chat.postMessage");
    assert_eq!(request.headers["authorization"], "Bearer xoxb-s3cret");
    assert!(!format!("{request:?}").contains("s3cret"));
    assert_eq!(
        std::str::from_utf8(&request.body),
        Ok(concat!(
            r#"{"blocks":[{"text":"**b**","type":"markdown"}],"channel":"C012","#,
            r#""icon_emoji":":fire:","link_names":false,"#,
            r#""metadata":{"event_payload":{"id":"00000000-0000-0000-0000-000000000007"},"event_type":"notification"},"#,
            r#""mrkdwn":true,"parse":"none","reply_broadcast":true,"text":"*b*","thread_ts":"1700000000.000200","#,
            r#""unfurl_links":false,"unfurl_media":false,"username":"hub"}"#
        ))
    );
}

#[test]
fn a_workflow_trigger_gets_its_flat_variables_only() {
    let config = SlackConfig {
        webhook_url: Some(Secret::new("https://hooks.slack.com/triggers/T1/1/s3cret")),
        workflow_variables: Some(["text", "title", "priority", "url", "host", "absent"].map(Into::into).to_vec()),
        ..SlackConfig::default()
    };
    let mut message = Message::markdown("**b**").title("T");
    message.extras_mut().fields.push(crate::contract::Field { name: "host".into(), value: "db1".into() });
    message.extras_mut().click_url = Some("https://x.example".into());
    let request = slack(config).request(&envelope(None, message)).expect("a request");
    assert_eq!(
        std::str::from_utf8(&request.body),
        Ok(r#"{"absent":"","host":"db1","priority":"normal","text":"b","title":"T","url":"https://x.example"}"#)
    );
}

#[test]
fn raw_keys_come_last_and_must_be_an_object() {
    let payload = payload(raw(json!({"text": "mine", "unfurl_links": true})));
    assert_eq!((&payload["text"], &payload["unfurl_links"]), (&json!("mine"), &json!(true)));
    let error = slack(hook()).request(&envelope(None, raw(json!([1])))).expect_err("no object");
    assert_eq!(error.kind(), crate::contract::ErrorKind::InvalidMessage);
}
