//! Every row of the tables of answers.

use std::time::Duration;

use super::*;
use crate::{
    contract::{
        ErrorKind::{Ambiguous, InvalidMessage, InvalidRecipient, RateLimited, Unauthorized, Unavailable, Unexpected},
        LimitScope, SendError,
    },
    testkit::answer,
};

fn api_error(status: u16, body: &str) -> SendError {
    slack(bot()).classify(&answer(status, &[], body.to_owned())).expect_err(body)
}

fn hook_error(status: u16, body: &str) -> SendError {
    slack(hook()).classify(&answer(status, &[], body.to_owned())).expect_err(body)
}

#[test]
fn every_refusal_of_a_webhook_has_its_kind() {
    for (status, bodies, kind) in [
        (400, "invalid_payload no_text missing_text_or_fallback_or_attachments invalid_blocks", InvalidMessage),
        (400, "invalid_blocks_format invalid_attachments too_many_attachments anything_else", InvalidMessage),
        (400, "user_not_found", InvalidRecipient),
        (403, "action_prohibited posting_to_general_channel_denied invalid_token anything", Unauthorized),
        (404, "channel_not_found", InvalidRecipient),
        (404, "no_service no_service_id no_team team_disabled no_active_hooks", Unauthorized),
        (410, "channel_is_archived", InvalidRecipient),
        (410, "no_service", Unauthorized),
        (429, "rate_limited ratelimited <html>", RateLimited),
        (500, "rollup_error", Ambiguous),
        (500, "anything", Unavailable),
        (302, "found", Unauthorized),
        (200, "OK ok! <html>", Ambiguous),
        (200, "invalid_payload", InvalidMessage),
        (201, "ok", Ambiguous),
    ] {
        for body in bodies.split(' ') {
            assert_eq!(hook_error(status, body).kind(), kind, "{status} {body}");
        }
    }
    assert_eq!(hook_error(200, "").kind(), Ambiguous);
    assert_eq!(
        hook_error(404, "no_service").to_string(),
        "unauthorized (no_service): the webhook was revoked or its app removed: make a new one"
    );
}

#[test]
fn every_error_of_the_web_api_has_its_kind() {
    for (codes, kind) in [
        ("msg_too_long no_text invalid_blocks invalid_blocks_format msg_blocks_too_long too_many_attachments", InvalidMessage),
        ("invalid_arguments invalid_json json_not_object metadata_too_large markdown_text_conflict", InvalidMessage),
        ("invalid_charset missing_post_type invalid_post_type", InvalidMessage),
        ("cannot_reply_to_message thread_not_found restricted_action_thread_locked", InvalidMessage),
        ("channel_not_found is_archived is_inactive user_not_found messages_tab_disabled cannot_dm_bot", InvalidRecipient),
        ("not_in_channel not_authed invalid_auth token_revoked token_expired account_inactive missing_scope", Unauthorized),
        ("no_permission not_allowed_token_type restricted_action restricted_action_read_only_channel", Unauthorized),
        ("ekm_access_denied access_denied org_login_required", Unauthorized),
        ("ratelimited rate_limited message_limit_exceeded", RateLimited),
        ("request_timeout service_unavailable team_added_to_org", Unavailable),
        ("internal_error fatal_error", Ambiguous),
        ("something_new", Unexpected),
    ] {
        for code in codes.split(' ') {
            let error = api_error(200, &json!({"ok": false, "error": code}).to_string());
            assert_eq!((error.kind(), error.code()), (kind, Some(code)));
        }
    }
}

#[test]
fn answers_without_slacks_json_go_by_their_status() {
    for (status, body, kind) in [
        (200, "<html>", Ambiguous),
        (200, "", Ambiguous),
        (200, r#"{"ok":1}"#, Ambiguous),
        (200, r#"{"ok":false}"#, Ambiguous),
        (500, "", Unavailable),
        (503, r#"{"ok":false,"error":"service_unavailable"}"#, Unavailable),
        (500, r#"{"ok":false,"error":"fatal_error"}"#, Ambiguous),
        (500, r#"{"ok":false,"error":"something_new"}"#, Unavailable),
        (500, r#"{"ok":true}"#, Unavailable),
        (401, "", Unauthorized),
        (301, "", Unauthorized),
    ] {
        assert_eq!(api_error(status, body).kind(), kind, "{status} {body}");
    }
}

#[test]
fn a_rate_limit_says_how_long_and_for_whom() {
    for (config, body, scope) in
        [(hook(), "rate_limited", LimitScope::Lane), (bot(), r#"{"ok":false,"error":"ratelimited"}"#, LimitScope::Target)]
    {
        let slack = slack(config);
        for (headers, wait) in [(&[("retry-after", "7")][..], 7), (&[("retry-after", "soon")], 30), (&[], 30)] {
            let error = slack.classify(&answer(429, headers, body)).expect_err("429");
            assert_eq!((error.kind(), error.retry_after(), error.scope()), (RateLimited, Some(Duration::from_secs(wait)), scope));
        }
    }
    let error = api_error(200, r#"{"ok":false,"error":"message_limit_exceeded"}"#);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
}

#[test]
fn a_refusal_is_of_the_token_or_of_one_channel() {
    for (code, scope) in [
        ("invalid_auth", LimitScope::Lane),
        ("missing_scope", LimitScope::Lane),
        ("service_unavailable", LimitScope::Lane),
        ("not_in_channel", LimitScope::Target),
        ("restricted_action_read_only_channel", LimitScope::Target),
    ] {
        assert_eq!(api_error(200, &format!(r#"{{"ok":false,"error":"{code}"}}"#)).scope(), scope, "{code}");
    }
}

#[test]
fn an_error_tells_what_slack_told() {
    let error = api_error(
        200,
        r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] too long [json-pointer:/blocks/0]"]}}"#,
    );
    assert_eq!(
        error.to_string(),
        "invalid_message (invalid_blocks): slack refuses the layout: [ERROR] too long [json-pointer:/blocks/0]"
    );
    let error = api_error(200, r#"{"ok":false,"error":"missing_scope","needed":"chat:write"}"#);
    assert_eq!(error.to_string(), "unauthorized (missing_scope): the token lacks a scope: chat:write");
}

#[test]
fn acceptance_is_slacks_own_word() {
    let receipt =
        slack(bot()).classify(&answer(200, &[], r#"{"ok":true,"channel":"C1","ts":"1.000002","warning":"w"}"#)).expect("ok");
    assert_eq!((receipt.id.as_deref(), receipt.detail.as_deref()), (Some("1.000002"), Some("channel C1")));
    assert_eq!(slack(hook()).classify(&answer(200, &[], "ok")).expect("ok").id, None);
    let trigger = SlackConfig { webhook_url: Some(Secret::new("https://hooks.slack.com/triggers/1")), ..SlackConfig::default() };
    for (body, kind) in [
        (r#"{"ok":true}"#, None),
        ("ok", None),
        (r#"{"ok":false,"error":"invalid_auth"}"#, Some(Unauthorized)),
        ("{", Some(Ambiguous)),
    ] {
        let outcome = slack(trigger.clone()).classify(&answer(200, &[], body));
        assert_eq!(outcome.err().map(|error| error.kind()), kind, "{body}");
    }
}
