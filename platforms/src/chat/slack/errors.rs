//! What Slack's answers mean.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::{
    contract::{
        ErrorKind::{self, Ambiguous, InvalidMessage, InvalidRecipient, RateLimited, Unauthorized, Unavailable, Unexpected},
        HttpResponse, LimitScope, SendError,
    },
    http::{retry_after, verdict},
};

/// The wait when Slack says "slow down" without saying how long.
const RATE_WAIT: Duration = Duration::from_secs(30);

type Table = &'static [(ErrorKind, &'static [&'static str])];

/// Bodies of an incoming webhook (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>).
pub(super) const WEBHOOK: Table = &[
    (
        InvalidMessage,
        &[
            "invalid_payload",
            "no_text",
            "missing_text_or_fallback_or_attachments",
            "invalid_blocks",
            "invalid_blocks_format",
            "invalid_attachments",
            "too_many_attachments",
        ],
    ),
    (InvalidRecipient, &["user_not_found", "channel_not_found", "channel_is_archived"]),
    (
        Unauthorized,
        &[
            "action_prohibited",
            "posting_to_general_channel_denied",
            "invalid_token",
            "no_service",
            "no_service_id",
            "no_team",
            "team_disabled",
            "no_active_hooks",
        ],
    ),
    (RateLimited, &["rate_limited", "ratelimited"]),
    (Ambiguous, &["rollup_error"]),
];

/// `error` of the Web API (<https://docs.slack.dev/reference/methods/chat.postMessage>).
pub(super) const WEB_API: Table = &[
    (
        InvalidMessage,
        &[
            "msg_too_long",
            "no_text",
            "invalid_blocks",
            "invalid_blocks_format",
            "msg_blocks_too_long",
            "too_many_attachments",
            "invalid_arguments",
            "invalid_json",
            "json_not_object",
            "metadata_too_large",
            "markdown_text_conflict",
            "invalid_charset",
            "missing_post_type",
            "invalid_post_type",
            "cannot_reply_to_message",
            "thread_not_found",
            "restricted_action_thread_locked",
        ],
    ),
    (
        InvalidRecipient,
        &[
            "channel_not_found",
            "is_archived",
            "is_inactive",
            "user_not_found",
            "users_not_found",
            "messages_tab_disabled",
            "cannot_dm_bot",
        ],
    ),
    (
        Unauthorized,
        &[
            "not_in_channel",
            "not_authed",
            "invalid_auth",
            "token_revoked",
            "token_expired",
            "account_inactive",
            "missing_scope",
            "no_permission",
            "not_allowed_token_type",
            "ekm_access_denied",
            "access_denied",
            "org_login_required",
        ],
    ),
    (RateLimited, &["ratelimited", "rate_limited", "message_limit_exceeded"]),
    (Unavailable, &["request_timeout", "service_unavailable", "team_added_to_org"]),
    (Ambiguous, &["internal_error", "fatal_error"]),
];

/// Refusals that are about the channel, and not about the token or the account.
const OF_ONE_CHANNEL: [&str; 2] = ["not_in_channel", "no_permission"];

/// An incoming webhook has accepted only with status 200 and the body `ok`.
pub(super) fn webhook(response: &HttpResponse, now: SystemTime) -> Result<(), SendError> {
    let body = String::from_utf8_lossy(&response.body);
    let code = body.trim();
    if response.status == 200 && code == "ok" {
        return Ok(());
    }
    let error = if response.status == 429 { Some(RateLimited) } else { kind_in(WEBHOOK, code) };
    match error {
        Some(kind) => Err(refusal(kind, code, response, now).with_scope(LimitScope::Lane)),
        None => Err(unknown(response, now)),
    }
}

/// A workflow trigger answers `ok` or `{"ok":true}`.
pub(super) fn workflow(response: &HttpResponse, now: SystemTime) -> Result<(), SendError> {
    if response.status.is_success() && response.body.starts_with(b"{") {
        return web_api(response, now).map(drop);
    }
    webhook(response, now)
}

/// The Web API has accepted only with a 2xx and `"ok": true`; gives the whole answer.
pub(super) fn web_api(response: &HttpResponse, now: SystemTime) -> Result<Value, SendError> {
    let answer = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
    let code = answer["error"].as_str();
    if response.status == 429 {
        return Err(refusal(RateLimited, code.unwrap_or("ratelimited"), response, now).with_scope(LimitScope::Target));
    }
    match (answer["ok"].as_bool(), code) {
        (Some(true), _) if response.status.is_success() => Ok(answer),
        (Some(false), Some(code)) => Err(refused(code, &answer, response, now)),
        _ => Err(unknown(response, now)),
    }
}

fn refused(code: &str, answer: &Value, response: &HttpResponse, now: SystemTime) -> SendError {
    let kind = kind_in(WEB_API, code).unwrap_or_else(|| {
        let is_policy = code.starts_with("restricted_action");
        if is_policy { Unauthorized } else { verdict::kind_of(response.status).unwrap_or(Unexpected) }
    });
    let details = answer["response_metadata"]["messages"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let mut reason = explanation(code).to_owned();
    for detail in details.chain(answer["needed"].as_str()) {
        reason = format!("{reason}: {detail}");
    }
    let wait = retry_after::from_headers(&response.headers, now).or((kind == RateLimited).then_some(RATE_WAIT));
    // A rate limit of the Web API is a channel's.
    let is_of_one = kind == RateLimited || OF_ONE_CHANNEL.contains(&code) || code.starts_with("restricted_action");
    let scope = if is_of_one { LimitScope::Target } else { LimitScope::Lane };
    SendError::new(kind, reason).with_code(code).with_retry_after(wait).with_scope(scope)
}

fn refusal(kind: ErrorKind, code: &str, response: &HttpResponse, now: SystemTime) -> SendError {
    let wait = retry_after::from_headers(&response.headers, now).or((kind == RateLimited).then_some(RATE_WAIT));
    let code = if is_code(code) { code } else { response.status.as_str() };
    let reason = if is_code(code) { explanation(code).to_owned() } else { verdict::reason(response) };
    SendError::new(kind, reason).with_code(code).with_retry_after(wait)
}

/// An answer of no known form: not accepted by its status, or nobody knows.
fn unknown(response: &HttpResponse, now: SystemTime) -> SendError {
    match verdict::check_status(response, now) {
        Err(error) => error,
        Ok(()) => SendError::ambiguous("slack answered with a 2xx but did not say ok").with_code(response.status.as_str()),
    }
}

fn kind_in(table: Table, code: &str) -> Option<ErrorKind> {
    table.iter().find(|(_, codes)| codes.contains(&code)).map(|(kind, _)| *kind)
}

fn is_code(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

/// What a code means, with the way out where there is one.
fn explanation(code: &str) -> &str {
    match code {
        "not_in_channel" => "the bot is not in the channel: invite it",
        "channel_not_found" => "no such channel, or a private one the bot was not invited to",
        "users_not_found" => "nobody in the workspace has this mail address",
        "channel_is_archived" | "is_archived" => "the channel is archived",
        "no_service" | "no_service_id" | "no_active_hooks" | "invalid_token" => {
            "the webhook was revoked or its app removed: make a new one"
        }
        "no_team" | "team_disabled" => "the workspace is gone or disabled",
        "not_authed" | "invalid_auth" | "token_revoked" | "token_expired" | "account_inactive" => {
            "the token is not valid, or no longer: reinstall the app and use its new bot token"
        }
        "missing_scope" => "the token lacks a scope",
        "rate_limited" | "ratelimited" | "message_limit_exceeded" => "asked to slow down",
        "invalid_blocks" | "invalid_blocks_format" => "slack refuses the layout",
        "msg_blocks_too_long" | "msg_too_long" => "the message is too long",
        other => other,
    }
}
