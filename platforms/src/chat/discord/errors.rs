//! What Discord's answers mean.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName};
use serde_json::Value;

use crate::{
    contract::{
        ErrorKind::{self, Ambiguous, InvalidMessage, InvalidRecipient, RateLimited, Unauthorized},
        HttpResponse, LimitScope, Receipt, SendError,
    },
    http::{retry_after, verdict},
};

/// The wait after a 429 that says nothing: it comes from the guard in front of Discord, which bans for a while.
const BAN_WAIT: Duration = Duration::from_secs(600);

const RESET_AFTER: HeaderName = HeaderName::from_static("x-ratelimit-reset-after");

/// JSON codes (<https://docs.discord.com/developers/topics/opcodes-and-status-codes#json-json-error-codes>).
pub(super) const CODES: &[(u64, ErrorKind, &str)] = &[
    (50035, InvalidMessage, "discord refuses the form of the message"),
    (50006, InvalidMessage, "the message is empty"),
    (50109, InvalidMessage, "the message is no valid JSON"),
    (40005, InvalidMessage, "the message is too large"),
    (220001, Unauthorized, "the channel is a forum: set `thread_name` or `thread_id`"),
    (220003, Unauthorized, "the channel is no forum: leave out `thread_name`"),
    (10015, Unauthorized, "the webhook was deleted: make a new one"),
    (50027, Unauthorized, "the token of the webhook is not valid: copy its URL anew"),
    (50001, Unauthorized, "no access: let the bot see the channel"),
    (50013, Unauthorized, "a permission is missing in the channel: allow it to send messages there"),
    (THREAD_LOCKED, Unauthorized, "the thread is locked"),
    (40333, Unauthorized, "blocked in front of discord for the user agent"),
    (THREAD_UNKNOWN, InvalidRecipient, "no such channel or thread"),
    (10008, InvalidRecipient, "no such message"),
    (50008, InvalidRecipient, "the channel takes no text"),
    (50007, InvalidRecipient, "the user takes no messages from the bot"),
];
const THREAD_UNKNOWN: u64 = 10003;
const THREAD_LOCKED: u64 = 160005;

/// A message that Discord has saved.
pub(super) struct Posted {
    id: String,
    /// The channel it is in; a thread is one too.
    pub(super) channel: Option<String>,
    /// How long nothing more may come, where this was the last that the bucket allowed.
    rest: Option<Duration>,
}

impl Posted {
    pub(super) fn receipt(&self) -> Receipt {
        let receipt = Receipt::with_id(&*self.id).rest(self.rest);
        match &self.channel {
            Some(channel) => receipt.detail(format!("channel {channel}")),
            None => receipt,
        }
    }
}

/// Whether the thread a message was sent to is gone or locked, so that a new one may be opened.
pub(super) fn is_thread_lost(error: &SendError) -> bool {
    [THREAD_UNKNOWN, THREAD_LOCKED].iter().any(|code| error.code() == Some(code.to_string().as_str()))
}

/// Discord has accepted only with a 200 and the JSON of something with an id. `bucket` is what an ordinary limit covers.
///
/// # Errors
///
/// Everything else.
pub(super) fn accepted(response: &HttpResponse, bucket: LimitScope, now: SystemTime) -> Result<Posted, SendError> {
    let answer: Option<Value> = serde_json::from_slice(&response.body).ok();
    let answer = answer.filter(Value::is_object);
    if response.status == 429 {
        return Err(rate_limited(response, answer.as_ref(), bucket, now));
    }
    let text = |key: &str| answer.as_ref()?.get(key)?.as_str();
    if !response.status.is_success() {
        return Err(refused(response, answer.as_ref(), now));
    }
    let Some(id) = text("id").filter(|_| response.status == 200) else {
        let error = SendError::new(Ambiguous, "discord answered with a 2xx but showed no message");
        return Err(error.with_code(response.status.as_str()));
    };
    let rest = if bucket == LimitScope::Lane { used_up(&response.headers) } else { None };
    Ok(Posted { id: id.to_owned(), channel: text("channel_id").map(str::to_owned), rest })
}

/// How long the bucket is empty, where this answer says that it is.
fn used_up(headers: &HeaderMap) -> Option<Duration> {
    let remaining = headers.get("x-ratelimit-remaining")?.to_str().ok()?;
    (remaining.trim() == "0").then(|| retry_after::from_seconds_header(headers, &RESET_AFTER)).flatten()
}

fn rate_limited(response: &HttpResponse, answer: Option<&Value>, bucket: LimitScope, now: SystemTime) -> SendError {
    let headers = &response.headers;
    let from_body = answer.and_then(|answer| retry_after::from_json(&answer["retry_after"]));
    let reset = retry_after::from_seconds_header(headers, &RESET_AFTER);
    let wait = retry_after::from_headers(headers, now).max(from_body).or(reset).unwrap_or(BAN_WAIT);
    SendError::new(RateLimited, "asked to slow down")
        .with_code("429")
        .with_retry_after(Some(wait))
        .with_scope(scope(headers, answer, bucket))
}

/// A ban in front of Discord answers without JSON and covers all of us.
fn scope(headers: &HeaderMap, answer: Option<&Value>, bucket: LimitScope) -> LimitScope {
    let named = headers.get("x-ratelimit-scope").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(answer) = answer else { return LimitScope::Platform };
    if answer["global"] == true || headers.contains_key("x-ratelimit-global") || named == "global" {
        return LimitScope::Platform;
    }
    if named == "shared" { LimitScope::Target } else { bucket }
}

/// Refusals that are about the channel, and not about the token or the webhook.
const OF_ONE_CHANNEL: [u64; 5] = [220_001, 220_003, 50_001, 50_013, THREAD_LOCKED];

fn refused(response: &HttpResponse, answer: Option<&Value>, now: SystemTime) -> SendError {
    let code = answer.and_then(|answer| answer["code"].as_u64());
    // Zero is a general error, about which the status says more.
    let code = code.filter(|code| *code != 0 && response.status.is_client_error());
    let Some((code, answer)) = code.zip(answer) else {
        let kind = verdict::kind_of(response.status).unwrap_or(Ambiguous);
        return verdict::error(kind, response, now);
    };
    let known = CODES.iter().find(|(known, ..)| *known == code);
    let kind = known.map(|(_, kind, _)| *kind).or_else(|| verdict::kind_of(response.status)).unwrap_or(Ambiguous);
    let mut reason = match known {
        Some((.., explanation)) => (*explanation).to_owned(),
        None => answer["message"].as_str().unwrap_or("discord gave no reason").to_owned(),
    };
    let mut details = Vec::new();
    mistakes(&answer["errors"], "", &mut details);
    for detail in details {
        reason = format!("{reason}; {detail}");
    }
    let wait = retry_after::from_headers(&response.headers, now);
    let scope = if OF_ONE_CHANNEL.contains(&code) { LimitScope::Target } else { LimitScope::Lane };
    SendError::new(kind, reason).with_code(code.to_string()).with_retry_after(wait).with_scope(scope)
}

/// The first mistakes in an `errors` tree, as `embeds.0.description: Must be 4096 or fewer in length.`
fn mistakes(tree: &Value, path: &str, found: &mut Vec<String>) {
    const MISTAKES_MAX: usize = 3;
    let Some(tree) = tree.as_object() else { return };
    for (key, below) in tree {
        if found.len() >= MISTAKES_MAX {
            return;
        }
        if key == "_errors" {
            let messages = below.as_array().into_iter().flatten().filter_map(|mistake| mistake["message"].as_str());
            found.extend(messages.map(|message| format!("{path}: {message}")));
        } else {
            mistakes(below, &if path.is_empty() { key.clone() } else { format!("{path}.{key}") }, found);
        }
    }
}
