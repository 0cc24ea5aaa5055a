//! Tables and URLs that are refused, and what the good ones mean.

use super::*;
use crate::Platform;

fn url_of(webhook_url: &str) -> String {
    sent(DiscordConfig::new(Secret::new(webhook_url)), Message::text("b")).0
}

#[test]
fn every_way_to_write_a_webhook_leads_to_the_same_place() {
    let path = "/api/webhooks/1/tok-en_1";
    for (given, sent) in [
        (format!("https://discord.com{path}"), format!("https://discord.com{path}?wait=true")),
        (format!("https://discord.com{path}/slack"), format!("https://discord.com{path}?wait=true")),
        (format!("https://discord.com{path}/github?wait=false"), format!("https://discord.com{path}?wait=true")),
        (format!("https://discord.com{path}/?thread_id=5"), format!("https://discord.com{path}?wait=true&thread_id=5")),
        (
            "https://ptb.discordapp.com/api/v10/webhooks/1/t".into(),
            "https://ptb.discordapp.com/api/v10/webhooks/1/t?wait=true".into(),
        ),
    ] {
        assert_eq!(url_of(&given), sent);
    }
    let config = DiscordConfig { base_url: Some("https://proxy.example/d".into()), ..hook() };
    assert_eq!(
        sent(config, Message::text("b")).0,
        "https://proxy.example/d/api/webhooks/1180000000000000001/s3cret-s3cret?wait=true"
    );
}

#[test]
fn a_table_that_cannot_work_is_refused_with_the_way_out() {
    let url = |url: &str| DiscordConfig::new(Secret::new(url));
    let bot = || DiscordConfig { token: Some(Secret::new("s3cret")), ..DiscordConfig::default() };
    let forum = |tags: usize| DiscordConfig { thread_name: Some("t".into()), applied_tags: vec![THREAD.into(); tags], ..hook() };
    let long = "x".repeat(101);
    for (config, part) in [
        (url("s3cret"), "`webhook_url`: is no URL"),
        (url("https://evil.example/api/webhooks/1/s3cret"), "`webhook_url`: is not at discord.com"),
        (url("http://discord.com/api/webhooks/1/s3cret"), "in the clear"),
        (url("https://discord.com/api/webhooks/s3cret"), "is no webhook"),
        (url("https://discord.com/api/webhooks/x/s3cret"), "is no webhook"),
        (url("https://discord.com/api/webhooks/1/s3cret/messages"), "is no webhook"),
        (DiscordConfig { base_url: Some("s3cret".into()), ..hook() }, "`base_url`"),
        (DiscordConfig { username: Some("My Discord bot".into()), ..hook() }, "`username`"),
        (DiscordConfig { username: Some("Clyde".into()), ..hook() }, "`username`"),
        (DiscordConfig { username: Some(" ".into()), ..hook() }, "`username`"),
        (DiscordConfig { username: Some(long.clone()), ..hook() }, "`username`"),
        (DiscordConfig { thread_id: Some("general".into()), ..hook() }, "`thread_id`"),
        (DiscordConfig { thread_name: Some(long), ..hook() }, "`thread_name`"),
        (DiscordConfig { applied_tags: vec!["red".into()], ..hook() }, "`applied_tags`"),
        (forum(6), "`applied_tags`: holds at most 5"),
        (DiscordConfig { thread_name: None, ..forum(1) }, "`applied_tags`: tags new threads only"),
        (DiscordConfig::default(), "give `webhook_url`"),
        (DiscordConfig { webhook_url: Some(Secret::new(HOOK)), ..bot() }, "give one of them"),
        (DiscordConfig { token: Some(Secret::new("Bot s3cret")), ..bot() }, "`token`: is no token"),
        (DiscordConfig { token: Some(Secret::new("")), ..bot() }, "`token`: is no token"),
        (DiscordConfig { base_url: Some("http://x.example/s3cret".into()), ..bot() }, "`base_url`"),
        (DiscordConfig { username: Some("hub".into()), ..bot() }, "`username`: works with `webhook_url` only"),
        (DiscordConfig { avatar_url: Some("https://x.example".into()), ..bot() }, "`avatar_url`"),
        (
            DiscordConfig { thread_id: Some(THREAD.into()), ..bot() },
            "`thread_id`: works with `webhook_url` only: with a `token` the",
        ),
        (DiscordConfig { thread_name: Some("t".into()), ..bot() }, "`thread_name`"),
    ] {
        let error = Discord::build(config, &parts(&ScriptedTransport::new())).err().expect("refused").to_string();
        assert!(error.contains(part) && !error.contains("s3cret"), "{error}");
    }
    let error = serde_json::from_value::<DiscordConfig>(json!({"webhook_url": HOOK, "sillent": true})).expect_err("unknown");
    assert!(error.to_string().contains("unknown field `sillent`"));
    let config: DiscordConfig =
        serde_json::from_value(json!({"webhook_url": HOOK, "mentions_allowed": ["roles"]})).expect("valid");
    assert_eq!(config.mentions_allowed, [MentionKind::Roles]);
}

#[test]
fn a_recipient_is_a_thread_and_goes_before_thread_key_and_table() {
    let mut message = Message::text("b");
    let url = |config: DiscordConfig, recipient: Option<&str>, message: &Message| {
        discord(config).request(&envelope(recipient, message.clone())).expect("a request").url.expose().to_owned()
    };
    let table = DiscordConfig { thread_id: Some("1180000000000000003".into()), ..hook() };
    assert!(url(table.clone(), None, &message).ends_with("&thread_id=1180000000000000003"));
    message.extras_mut().thread_key = Some("not an id".into());
    assert!(url(table.clone(), None, &message).ends_with("&thread_id=1180000000000000003"));
    message.extras_mut().thread_key = Some("1180000000000000004".into());
    assert!(url(table.clone(), None, &message).ends_with("&thread_id=1180000000000000004"));
    assert!(url(table, Some(THREAD), &message).ends_with("&thread_id=1180000000000000009"));
    for recipient in ["", "#general", "12", "123456789012345678901", "&x=1"] {
        assert!(discord(hook()).verify(Some(recipient)).is_err(), "{recipient}");
    }
}

#[test]
fn apprise_urls_are_understood() {
    for (url, recipient, name) in [
        ("discord://1180/to-k_en", None, None),
        ("DISCORD://bot@1180/to-k_en/", None, Some("bot")),
        ("discord://1180/to-k_en/?thread=1180000000000000009", Some(THREAD), None),
    ] {
        let target = Discord::from_url(url).expect(url);
        assert_eq!(target.config.webhook_url.as_ref().map(Secret::expose), Some("https://discord.com/api/webhooks/1180/to-k_en"));
        assert_eq!((target.recipient.as_deref(), target.config.username.as_deref()), (recipient, name));
    }
    for url in [
        "discord://",
        "discord://s3cret",
        "discord://x/s3cret",
        "discord://1/s3cret/y",
        "discord://1/s3cret?tts=yes",
        "discord://1/s3/cret#",
    ] {
        let error = Discord::from_url(url).expect_err(url).to_string();
        assert!(error.contains("discord://WEBHOOK_ID") && !error.contains("cret"), "{error}");
    }
}
