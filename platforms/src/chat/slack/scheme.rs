//! `slack://` URLs as users of Apprise write them.

use percent_encoding::percent_decode_str;

use super::SlackConfig;
use crate::contract::{ConfigError, Secret, UrlTarget};

const SHAPE: &str = "expected slack://TOKEN_A/TOKEN_B/TOKEN_C[/#channel] (incoming webhook) or slack://xoxb-TOKEN/#channel (bot)";

/// Reads `slack://[name@]A/B/C[/#channel]` or `slack://[name@]xoxb-…[/#channel]`. A channel is written `#name` (or
/// `%23name`), `+ID` for a bare id, `@U…` for a user.
pub(super) fn read(url: &str) -> Result<UrlTarget<SlackConfig>, ConfigError> {
    let shape = || ConfigError::new(SHAPE);
    let (scheme, rest) = url.split_once("://").ok_or_else(shape)?;
    if !scheme.eq_ignore_ascii_case("slack") || rest.contains(['?', '\\']) {
        return Err(shape());
    }
    let (name, rest) = match rest.split_once('@') {
        Some((name, rest)) if !name.contains('/') => (Some(decoded(name)?), rest),
        _ => (None, rest),
    };
    let parts = rest.split('/').filter(|part| !part.is_empty()).map(decoded).collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (config, channel) = match parts.as_slice() {
        [token, channel @ ..] if token.starts_with("xox") => (bot(token), channel),
        [a, b, c, channel @ ..] if [a, b, c].iter().all(|token| is_token(token)) => (webhook(a, b, c), channel),
        _ => return Err(shape()),
    };
    let recipient = match channel {
        [] => None,
        [channel] => Some(recipient(channel)),
        _ => return Err(ConfigError::new("a slack:// URL names one channel; give one URL for each")),
    };
    Ok(UrlTarget { config: SlackConfig { username: name, ..config }, recipient })
}

fn bot(token: &str) -> SlackConfig {
    SlackConfig { token: Some(Secret::new(token)), ..SlackConfig::default() }
}

fn webhook(a: &str, b: &str, c: &str) -> SlackConfig {
    let url = format!("https://hooks.slack.com/services/{a}/{b}/{c}");
    SlackConfig { webhook_url: Some(Secret::new(url)), ..SlackConfig::default() }
}

fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn recipient(channel: &str) -> String {
    channel.strip_prefix(['+', '@']).unwrap_or(channel).to_owned()
}

fn decoded(part: &str) -> Result<String, ConfigError> {
    let value = percent_decode_str(part).decode_utf8().map_err(|_| ConfigError::new(SHAPE))?;
    if value.contains(char::is_control) { Err(ConfigError::new(SHAPE)) } else { Ok(value.into_owned()) }
}
