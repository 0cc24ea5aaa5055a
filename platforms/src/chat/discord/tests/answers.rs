//! Every row of the table of answers.

use std::time::Duration;

use super::*;
use crate::{
    Platform,
    contract::{
        ErrorKind::{Ambiguous, InvalidMessage, InvalidRecipient, RateLimited, Unauthorized, Unavailable},
        LimitScope,
        LimitScope::{Lane, Target},
        SendError,
    },
    testkit::answer,
};

fn error(status: u16, headers: &[(&str, &str)], body: &str) -> SendError {
    discord(hook()).classify(&answer(status, headers, body.to_owned())).expect_err(body)
}

#[test]
fn every_refusal_has_its_kind() {
    for (status, code, kind) in [
        (400, 50035, InvalidMessage),
        (400, 50006, InvalidMessage),
        (400, 50109, InvalidMessage),
        (400, 220_001, Unauthorized),
        (400, 220_003, Unauthorized),
        (400, 50008, InvalidRecipient),
        (403, 50007, InvalidRecipient),
        (404, 10015, Unauthorized),
        (401, 50027, Unauthorized),
        (404, 10003, InvalidRecipient),
        (404, 10008, InvalidRecipient),
        (403, 50001, Unauthorized),
        (403, 50013, Unauthorized),
        (403, 160_005, Unauthorized),
        (403, 40333, Unauthorized),
        (413, 40005, InvalidMessage),
        (400, 99999, InvalidMessage),
        (403, 99999, Unauthorized),
        (500, 50035, Unavailable),
        (502, 0, Unavailable),
        (401, 0, Unauthorized),
    ] {
        let found = error(status, &[], &json!({"code": code, "message": "m"}).to_string());
        assert_eq!(found.kind(), kind, "{status} {code}");
        let shown = if status < 500 && code != 0 { code.to_string() } else { status.to_string() };
        assert_eq!(found.code(), Some(shown.as_str()));
    }
    for (status, body, kind) in [
        (400, "<html>", InvalidMessage),
        (401, "", Unauthorized),
        (413, "", InvalidMessage),
        (403, "<html>error code: 1010", Unauthorized),
        (404, "null", InvalidRecipient),
        (503, "", Unavailable),
        (302, "", Unauthorized),
        (200, "", Ambiguous),
        (200, "{}", Ambiguous),
        (200, r#"{"id":1}"#, Ambiguous),
        (204, "", Ambiguous),
    ] {
        assert_eq!(error(status, &[], body).kind(), kind, "{status} {body}");
    }
}

#[test]
fn a_refused_form_says_where_the_mistakes_are() {
    let body = r#"{"code":50035,"message":"Invalid Form Body","errors":{"embeds":{"0":{"description":{"_errors":[{"code":"BASE_TYPE_MAX_LENGTH","message":"Must be 4096 or fewer in length."}]}}}}}"#;
    let expected = "invalid_message (50035): discord refuses the form of the message; embeds.0.description: Must be 4096 or fewer in length.";
    assert_eq!(error(400, &[], body).to_string(), expected);
}

#[test]
fn a_rate_limit_says_how_long_and_for_whom() {
    let platform = LimitScope::Platform;
    for (headers, body, millis, scope) in [
        (&[][..], r#"{"retry_after":0.65,"global":false}"#, 650, Lane),
        (&[("retry-after", "1")], r#"{"retry_after":0.65}"#, 1_000, Lane),
        (&[("retry-after", "1")], r#"{"retry_after":64.57}"#, 64_570, Lane),
        (&[], r#"{"retry_after":2,"global":true}"#, 2_000, platform),
        (&[("x-ratelimit-global", "true")], r#"{"retry_after":2}"#, 2_000, platform),
        (&[("x-ratelimit-scope", "global")], r#"{"retry_after":2}"#, 2_000, platform),
        (&[("x-ratelimit-scope", "shared")], r#"{"retry_after":2}"#, 2_000, Target),
        (&[("x-ratelimit-scope", "user")], r#"{"retry_after":2}"#, 2_000, Lane),
        (&[("x-ratelimit-reset-after", "1.5")], "{}", 1_500, Lane),
        (&[("retry-after", "Tue, 14 Nov 2023 22:13:50 GMT")], "{}", 30_000, Lane),
        (&[("retry-after", "0.5")], "{}", 500, Lane),
        (&[("retry-after", "7")], "<html>", 7_000, platform),
        (&[], "<html>error code: 1015", 600_000, platform),
        (&[], "", 600_000, platform),
    ] {
        let found = error(429, headers, body);
        assert_eq!(
            (found.kind(), found.retry_after(), found.scope()),
            (RateLimited, Some(Duration::from_millis(millis)), scope),
            "{body}"
        );
    }
}

#[test]
fn a_refusal_is_of_the_token_or_of_one_channel() {
    for (code, scope) in [(50027, Lane), (10015, Lane), (50001, Target), (50013, Target)] {
        assert_eq!(error(403, &[], &format!(r#"{{"code":{code},"message":"no"}}"#)).scope(), scope, "{code}");
    }
}

#[test]
fn a_bucket_of_a_bot_is_one_channel() {
    let bot = discord(DiscordConfig { token: Some(Secret::new("s3cret")), ..DiscordConfig::default() });
    for (headers, body, scope) in [
        (&[][..], r#"{"retry_after":0.65}"#, Target),
        (&[("x-ratelimit-scope", "user")], r#"{"retry_after":2}"#, Target),
        (&[("x-ratelimit-scope", "shared")], r#"{"retry_after":2}"#, Target),
        (&[], r#"{"retry_after":2,"global":true}"#, LimitScope::Platform),
        (&[("x-ratelimit-scope", "global")], r#"{"retry_after":2}"#, LimitScope::Platform),
        (&[], "<html>", LimitScope::Platform),
    ] {
        let error = bot.classify(&answer(429, headers, body)).expect_err(body);
        assert_eq!((error.kind(), error.scope()), (RateLimited, scope), "{body}");
    }
}

#[test]
fn acceptance_is_a_message_with_an_id() {
    let receipt = discord(hook()).classify(&answer(200, &[], r#"{"id":"1180","channel_id":"99"}"#)).expect("accepted");
    assert_eq!((receipt.id.as_deref(), receipt.detail.as_deref()), (Some("1180"), Some("channel 99")));
}

#[tokio::test]
async fn a_check_reads_the_webhook_only() {
    let transport = ScriptedTransport::new()
        .answering(200, r#"{"id":"1180","name":"hub"}"#)
        .answering(404, r#"{"code":10015,"message":"Unknown Webhook"}"#);
    let discord = Discord::build(hook(), &parts(&transport)).expect("a valid configuration");
    assert!(discord.check().await.is_ok());
    assert_eq!(discord.check().await.expect_err("deleted").kind(), Unauthorized);
    let request = &transport.requests()[0];
    assert_eq!((request.method.as_str(), request.url.expose(), request.body.len()), ("GET", HOOK, 0));
}

#[test]
fn a_webhook_whose_allowance_is_used_up_rests_until_it_is_filled_again() {
    let posted = |config: DiscordConfig, headers: &[(&str, &str)]| {
        let posted = answer(200, headers, json!({"id": "1180000000000000007"}).to_string());
        discord(config).classify(&posted).expect("accepted").rest
    };
    let reset = ("x-ratelimit-reset-after", "1.25");
    assert_eq!(posted(hook(), &[("x-ratelimit-remaining", "0"), reset]), Some(Duration::from_millis(1250)));
    assert_eq!(posted(hook(), &[("x-ratelimit-remaining", "3"), reset]), None);
    assert_eq!(posted(hook(), &[reset]), None);
    assert_eq!(
        posted(
            DiscordConfig { token: Some(Secret::new("s3cret")), ..DiscordConfig::default() },
            &[("x-ratelimit-remaining", "0"), reset]
        ),
        None,
        "a bot's bucket is one channel's"
    );
}
