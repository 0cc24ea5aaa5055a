//! Tables and URLs that are refused, and what the good ones mean.

use super::*;
use crate::{
    Platform,
    contract::{NetworkPolicy, RecipientRule},
};

#[test]
fn a_table_chooses_one_road() {
    let both = SlackConfig { token: Some(Secret::new("xoxb-1")), ..hook() };
    let url = |url: &str| SlackConfig { webhook_url: Some(Secret::new(url)), ..SlackConfig::default() };
    let token = |token: &str| SlackConfig { token: Some(Secret::new(token)), ..SlackConfig::default() };
    for (config, part) in [
        (both, "give one of them"),
        (SlackConfig::default(), "give `webhook_url`"),
        (url("s3cret"), "`webhook_url`: is no URL"),
        (url("http://hooks.slack.com/services/s3cret"), "in the clear"),
        (url("https://hooks.slack.com"), "names no hook"),
        (token(""), "`token`: is no token"),
        (token("xoxb s3cret"), "`token`: is no token"),
        (SlackConfig { base_url: Some("ftp://s3cret".into()), ..bot() }, "`base_url`"),
        (SlackConfig { reply_broadcast: true, ..hook() }, "`reply_broadcast`"),
        (SlackConfig { thread_by: Some("{title}".into()), ..hook() }, "`thread_by`: works with `token` only"),
        (SlackConfig { thread_by: Some("{body}".into()), ..bot() }, "`thread_by`: has the unknown placeholder {body}"),
        (SlackConfig { workflow_variables: Some(vec![]), ..hook() }, "`workflow_variables`"),
        (SlackConfig { workflow_variables: Some(vec![]), ..bot() }, "`workflow_variables`"),
    ] {
        let error = config_error(config).to_string();
        assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn unknown_keys_are_refused() {
    let error = serde_json::from_value::<SlackConfig>(json!({"tokn": "x"})).expect_err("unknown").to_string();
    assert!(error.contains("unknown field `tokn`"), "{error}");
}

#[test]
fn base_urls_replace_where_it_is_sent() {
    let base_url = Some("https://proxy.example/slack/".to_owned());
    let message = || envelope(Some("#a"), Message::text("b"));
    let webhook = slack(SlackConfig { base_url: base_url.clone(), ..hook() }).request(&message()).expect("a request");
    assert_eq!(webhook.url.expose(), "https://proxy.example/slack/services/T1/B1/s3crets3cret");
    assert_eq!(webhook.network, NetworkPolicy::PublicOnly);
    let api = slack(SlackConfig { base_url, allow_private_networks: true, ..bot() }).request(&message()).expect("a request");
    assert_eq!(api.url.expose(), "https://proxy.example/slack/chat.postMessage");
    assert_eq!(api.network, NetworkPolicy::AllowPrivate);
}

#[test]
fn the_government_cloud_is_a_host_like_any_other() {
    let url = "https://hooks.slack-gov.com/services/T1/B1/x";
    let hook = SlackConfig { webhook_url: Some(Secret::new(url)), ..SlackConfig::default() };
    assert_eq!(slack(hook).request(&envelope(None, Message::text("b"))).expect("a request").url.expose(), url);
    let api = slack(SlackConfig { base_url: Some("https://slack-gov.com/api".into()), ..bot() });
    let request = api.request(&envelope(Some("C1"), Message::text("b"))).expect("a request");
    assert_eq!(request.url.expose(), "https://slack-gov.com/api/chat.postMessage");
}

#[test]
fn recipients_are_verified_before_anything_is_accepted() {
    let workflow = SlackConfig { webhook_url: Some(Secret::new("https://hooks.slack.com/triggers/1")), ..SlackConfig::default() };
    let (webhook, api, workflow) = (slack(hook()), slack(bot()), slack(workflow));
    for recipient in ["#alerts", "alerts", "C012AB3CD", "U012AB3CD", "#ärger"] {
        assert!(api.verify(Some(recipient)).is_ok() && webhook.verify(Some(recipient)).is_ok(), "{recipient}");
        assert!(workflow.verify(Some(recipient)).is_err());
    }
    for recipient in ["", "#", "@ada", "a b", "<!channel>", "ada@", "a b@example.com", "a/b"] {
        assert!(api.verify(Some(recipient)).is_err() && webhook.verify(Some(recipient)).is_err(), "{recipient}");
    }
    assert!(api.verify(Some("ada@example.com")).is_ok() && webhook.verify(Some("ada@example.com")).is_err());
    assert!(api.verify(None).is_err() && webhook.verify(None).is_ok() && workflow.verify(None).is_ok());
    let rules = [webhook, api, workflow].map(|slack| slack.capabilities().recipient);
    assert_eq!(rules, [RecipientRule::Optional, RecipientRule::Required, RecipientRule::Never]);
}

#[test]
fn apprise_urls_are_understood() {
    let webhook = "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ";
    for (url, secret, recipient, name) in [
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", webhook, None, None),
        ("slack://bot@T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#nuxref", webhook, Some("#nuxref"), Some("bot")),
        ("SLACK://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/%23nuxref/", webhook, Some("#nuxref"), None),
        ("slack://xoxb-1-2-abc/#general", "xoxb-1-2-abc", Some("#general"), None),
        ("slack://xoxb-1-2-abc/+C012", "xoxb-1-2-abc", Some("C012"), None),
        ("slack://xoxb-1-2-abc/ada@example.com", "xoxb-1-2-abc", Some("ada@example.com"), None),
        ("slack://xoxb-1-2-abc/@U012", "xoxb-1-2-abc", Some("U012"), None),
    ] {
        let target = Slack::from_url(url).expect(url);
        let found = target.config.webhook_url.or(target.config.token).expect("a credential");
        assert_eq!((found.expose(), target.recipient.as_deref(), target.config.username.as_deref()), (secret, recipient, name));
    }
    for url in [
        "slack://",
        "slack://s3cret",
        "slack://a/b",
        "slack://a/b/s3-cret",
        "slack://xoxb-s3cret/#a/#b",
        "slack://a/b/c?x=s3cret",
        "s3cret",
    ] {
        let error = Slack::from_url(url).expect_err(url).to_string();
        assert!(error.contains("slack://") && !error.contains("cret"), "{error}");
    }
}
