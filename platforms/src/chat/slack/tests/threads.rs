//! Threads: which message opens one, and which reply in it.

use super::*;
use crate::{
    Platform,
    contract::{Envelope, Field},
};

/// Slack, answering that each message was posted, in turn as `1.000001`, `1.000002` and so on.
fn posting(count: usize) -> ScriptedTransport {
    (1..=count).fold(ScriptedTransport::new(), |transport, n| {
        transport.answering(200, format!(r#"{{"ok":true,"channel":"C1","ts":"1.00000{n}"}}"#))
    })
}

fn threads(transport: &ScriptedTransport) -> Vec<Option<String>> {
    let thread = |body: &[u8]| {
        let body: Value = serde_json::from_slice(body).expect("JSON");
        body["thread_ts"].as_str().map(str::to_owned)
    };
    transport.requests().iter().map(|request| thread(&request.body)).collect()
}

fn keyed(channel: &str, key: &str) -> Envelope {
    let mut message = Message::text("b");
    message.extras_mut().thread_key = Some(key.into());
    envelope(Some(channel), message)
}

async fn send_all(config: SlackConfig, transport: &ScriptedTransport, envelopes: Vec<Envelope>) {
    let slack = Slack::build(config, &parts(transport)).expect("a valid configuration");
    for envelope in envelopes {
        slack.send(&envelope).await.expect("accepted");
    }
}

fn some(ts: &str) -> Option<String> {
    Some(ts.to_owned())
}

#[tokio::test]
async fn the_first_message_of_a_key_opens_a_thread_and_later_ones_reply_in_it() {
    let transport = posting(5);
    let keys = [("C1", "disk"), ("C1", " disk "), ("C1", "cpu"), ("C2", "disk"), ("C1", "disk")];
    send_all(bot(), &transport, keys.map(|(channel, key)| keyed(channel, key)).to_vec()).await;
    assert_eq!(threads(&transport), [None, some("1.000001"), None, None, some("1.000001")], "a thread is one channel's");
}

#[tokio::test]
async fn a_template_makes_the_key_where_the_message_has_none() {
    let on = |host: &str| {
        let mut message = Message::text("b").title("disk");
        message.extras_mut().fields.push(Field { name: "host".into(), value: host.into() });
        envelope(Some("C1"), message)
    };
    let transport = posting(5);
    let config = SlackConfig { thread_by: Some("{title} {field.host}".into()), ..bot() };
    let alone = envelope(Some("C1"), Message::text("b").title("disk"));
    send_all(config, &transport, vec![on("db1"), on("db2"), alone, on("db1"), keyed("C1", "disk db2")]).await;
    assert_eq!(threads(&transport), [None, None, None, some("1.000001"), some("1.000002")]);
}

#[tokio::test]
async fn a_thread_that_is_gone_is_opened_anew_by_the_message_that_found_out() {
    for code in ["thread_not_found", "cannot_reply_to_message", "restricted_action_thread_locked"] {
        let transport = posting(1)
            .answering(200, json!({"ok": false, "error": code}).to_string())
            .answering(200, r#"{"ok":true,"channel":"C1","ts":"2.000001"}"#)
            .answering(200, r#"{"ok":true,"channel":"C1","ts":"2.000002"}"#);
        let config = SlackConfig { reply_broadcast: true, ..bot() };
        send_all(config, &transport, vec![keyed("C1", "disk"); 3]).await;
        assert_eq!(threads(&transport), [None, some("1.000001"), None, some("2.000001")]);
        let body: Value = serde_json::from_slice(&transport.requests()[2].body).expect("JSON");
        assert!(body.get("reply_broadcast").is_none(), "slack refuses it outside of threads");
    }
}

#[tokio::test]
async fn messages_that_arrive_together_open_one_thread() {
    let transport = posting(3);
    let slack = Slack::build(bot(), &parts(&transport)).expect("a valid configuration");
    let envelopes = [keyed("C1", "disk"), keyed("C1", "disk"), keyed("C1", "disk")];
    let (one, two, three) = tokio::join!(slack.send(&envelopes[0]), slack.send(&envelopes[1]), slack.send(&envelopes[2]));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(threads(&transport), [None, some("1.000001"), some("1.000001")]);
}

#[tokio::test]
async fn a_first_message_that_fails_opens_nothing() {
    let transport = ScriptedTransport::new().answering(503, "").answering(200, r#"{"ok":true,"channel":"C1","ts":"1.000002"}"#);
    let slack = Slack::build(bot(), &parts(&transport)).expect("a valid configuration");
    slack.send(&keyed("C1", "disk")).await.expect_err("unavailable");
    slack.send(&keyed("C1", "disk")).await.expect("accepted");
    assert_eq!(threads(&transport), [None, None]);
}

#[tokio::test]
async fn a_thread_named_in_slacks_own_words_is_left_to_the_caller() {
    let transport = posting(2);
    let mut own = keyed("C1", "disk");
    Arc::make_mut(&mut own.message).extras_mut().raw.insert("slack".into(), json!({"thread_ts": "9.000009"}));
    send_all(bot(), &transport, vec![keyed("C1", "disk"), own]).await;
    assert_eq!(threads(&transport), [None, some("9.000009")]);
}
