//! How messages look, and that they fit.

use proptest::prelude::*;

use super::*;
use crate::contract::{Action, ActionStyle, Attachment, AttachmentContent, Field, Mention, Priority};

fn rich() -> Message {
    let mut message = Message::text("body").title("title").priority(Priority::Urgent);
    let extras = message.extras_mut();
    extras.fields = (0..11).map(|n| Field { name: format!("n{n}"), value: "<v>".into() }).collect();
    extras.actions = vec![
        Action { label: "Go".into(), url: "https://x.example/?a&b".into(), style: ActionStyle::Danger },
        Action { label: "Bad".into(), url: "javascript:1".into(), style: ActionStyle::Default },
    ];
    extras.click_url = Some("https://click.example".into());
    extras.image_url = Some("https://x.example/i.png".into());
    extras.attachments = vec![
        Attachment {
            name: "log".into(),
            mime: "text/plain".into(),
            content: AttachmentContent::Url("https://x.example/log".into()),
        },
        Attachment { name: "dump".into(), mime: "text/plain".into(), content: AttachmentContent::Bytes("x".into()) },
    ];
    extras.mentions = vec![Mention::User("U1".into()), Mention::Group("S1".into()), Mention::Here, Mention::Everyone];
    message
}

#[test]
fn every_part_of_a_message_has_its_block() {
    let payload = payload(rich());
    assert_eq!(
        payload["blocks"],
        json!([
            {"type": "section", "text": {"type": "mrkdwn", "text": "<@U1> <!subteam^S1> <!here> <!channel>"}},
            {"type": "header", "text": {"type": "plain_text", "text": "title"}},
        ])
    );
    let bar = &payload["attachments"][0];
    let kinds: Vec<_> =
        bar["blocks"].as_array().expect("blocks").iter().map(|block| block["type"].as_str().expect("a type")).collect();
    assert_eq!(
        (bar["color"].as_str(), kinds),
        (Some("#e74c3c"), vec!["section", "section", "section", "image", "actions", "context"])
    );
    assert_eq!(bar["blocks"][1]["fields"].as_array().map(Vec::len), Some(10));
    assert_eq!(bar["blocks"][2]["fields"], json!([{"type": "mrkdwn", "text": "*n10*\n&lt;v&gt;"}]));
    assert_eq!(bar["blocks"][3], json!({"type": "image", "image_url": "https://x.example/i.png", "alt_text": "title"}));
    assert_eq!(
        bar["blocks"][4]["elements"],
        json!([
            {"type": "button", "action_id": "action-0", "text": {"type": "plain_text", "text": "Open"}, "url": "https://click.example"},
            {"type": "button", "action_id": "action-1", "text": {"type": "plain_text", "text": "Go"}, "url": "https://x.example/?a&b", "style": "danger"},
        ])
    );
    assert_eq!(
        bar["blocks"][5]["elements"][0]["text"],
        "<https://x.example/log|log>\ndump was not attached: a webhook carries no files\nBad: javascript:1"
    );
}

#[test]
fn text_layout_says_the_same_in_one_piece() {
    let request =
        slack(SlackConfig { layout: super::super::Layout::Text, ..hook() }).request(&envelope(None, rich())).expect("a request");
    let payload: Value = serde_json::from_slice(&request.body).expect("JSON");
    let text = payload["text"].as_str().expect("a text");
    assert!(payload.get("blocks").is_none() && payload.get("attachments").is_none());
    assert!(text.starts_with("<@U1> <!subteam^S1> <!here> <!channel>\n*title*\nbody\n*n0* &lt;v&gt;\n"), "{text}");
    assert!(text.contains("<https://x.example/?a&amp;b|Go>\nBad: javascript:1\n<https://x.example/log|log>"), "{text}");
}

#[test]
fn only_priorities_off_normal_get_a_colour_bar_unless_the_layout_asks() {
    assert!(payload(Message::text("b")).get("attachments").is_none());
    let low = payload(Message::text("b").priority(Priority::Low));
    assert_eq!(
        (&low["attachments"][0]["color"], &low["blocks"][0]["elements"][0]["text"]),
        (&json!("#95a5a6"), &json!("Low priority"))
    );
    let title_only = payload(Message::text("").title("t").priority(Priority::High));
    assert_eq!(title_only["attachments"][0]["blocks"][0]["type"], "header");
    let config = SlackConfig { layout: super::super::Layout::Attachment, ..hook() };
    let request = slack(config).request(&envelope(None, Message::text("b"))).expect("a request");
    assert!(String::from_utf8_lossy(&request.body).contains("#3498db"));
}

#[test]
fn text_never_pings_anybody() {
    let evil = "<!channel> <!here> <@U1> <!subteam^S1> @here [x](!channel) <https://x|<@U2>>";
    for mut message in
        [Message::text(evil), Message::markdown(evil), Message::html(evil.replace('<', "&lt;")), Message::html(evil)]
    {
        message.title = Some(evil.into());
        let extras = message.extras_mut();
        extras.fields = vec![Field { name: evil.into(), value: evil.into() }];
        extras.actions = vec![Action { label: evil.into(), url: "!channel".into(), style: ActionStyle::Default }];
        extras.attachments =
            vec![Attachment { name: evil.into(), mime: "x/y".into(), content: AttachmentContent::Url("@U1".into()) }];
        for layout in [super::super::Layout::Blocks, super::super::Layout::Attachment, super::super::Layout::Text] {
            let request = slack(SlackConfig { layout, ..hook() }).request(&envelope(None, message.clone())).expect("a request");
            let body = String::from_utf8_lossy(&request.body);
            assert!(!body.contains("<!") && !body.contains("<@"), "{body}");
            assert!(body.contains(r#""parse":"none""#) && body.contains(r#""link_names":false"#));
        }
    }
}

#[test]
fn a_mention_that_is_no_id_and_an_empty_message_are_refused() {
    let mut message = Message::text("b");
    message.extras_mut().mentions = vec![Mention::User("ada> <!channel".into())];
    for message in [message, Message::text(" "), Message::text("").title("\n")] {
        let error = slack(hook()).request(&envelope(None, message)).expect_err("refused");
        assert_eq!(error.kind(), crate::contract::ErrorKind::InvalidMessage);
    }
}

#[test]
fn what_is_too_long_for_blocks_goes_as_text() {
    let payload = payload(Message::text("x".repeat(50_000)));
    assert!(payload.get("blocks").is_none());
    assert_eq!(payload["text"].as_str().map(|text| text.chars().count()), Some(40_000));
    let long_title = super::payload(Message::text("b").title("t".repeat(151)));
    assert_eq!(long_title["blocks"][0]["text"]["text"].as_str().map(str::len), Some(153));
}

/// Every string under `key` is at most `max` characters long.
fn assert_limit(value: &Value, kind: &str, max: usize) {
    if value["type"] == kind {
        let length = value["text"].as_str().or(value["text"]["text"].as_str()).map_or(0, |text| text.chars().count());
        assert!(length <= max, "{kind} of {length}");
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| assert_limit(item, kind, max)),
        Value::Object(map) => map.values().for_each(|item| assert_limit(item, kind, max)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_message_fits_all_limits(title in "\\PC{0,200}", body in "([a-z\n*&<`]|👍🏽| ){0,900}", repeat in 1usize..20, fields in 0usize..30, markdown: bool) {
        let body = body.repeat(repeat);
        let mut message = if markdown { Message::markdown(format!("x{body}")) } else { Message::text(format!("x{body}")) };
        message.title = Some(title.clone());
        message.extras_mut().fields = (0..fields).map(|_| Field { name: title.clone(), value: body.clone() }).collect();
        let payload = payload(message);
        prop_assert!(payload["text"].as_str().is_some_and(|text| !text.is_empty() && text.chars().count() <= 40_000));
        prop_assert!(payload["blocks"].to_string().len() <= 12_100);
        prop_assert!(payload["blocks"].as_array().is_none_or(|blocks| blocks.len() <= 50));
        for (kind, max) in [("header", 150), ("section", 3000), ("mrkdwn", 3000)] {
            assert_limit(&payload["blocks"], kind, max);
        }
    }
}
