//! `discord://` URLs as users of Apprise write them.

use super::{DiscordConfig, config::is_snowflake};
use crate::contract::{ConfigError, Secret, UrlTarget};

const SHAPE: &str = "expected discord://WEBHOOK_ID/WEBHOOK_TOKEN[?thread=THREAD_ID]";

/// Reads `discord://[name@]ID/TOKEN[?thread=ID]`.
pub(super) fn read(url: &str) -> Result<UrlTarget<DiscordConfig>, ConfigError> {
    let shape = || ConfigError::new(SHAPE);
    let (scheme, rest) = url.split_once("://").ok_or_else(shape)?;
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (name, path) = path.split_once('@').map_or((None, path), |(name, path)| (Some(name), path));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let [id, token] = parts[..] else { return Err(shape()) };
    let is_token = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let is_id = id.bytes().all(|byte| byte.is_ascii_digit());
    if !scheme.eq_ignore_ascii_case("discord") || !is_id || !is_token {
        return Err(shape());
    }
    let mut recipient = None;
    for (key, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if key != "thread" || !is_snowflake(&value) {
            return Err(shape());
        }
        recipient = Some(value.into_owned());
    }
    let config = DiscordConfig::new(Secret::new(format!("https://discord.com/api/webhooks/{id}/{token}")));
    Ok(UrlTarget { config: DiscordConfig { username: name.map(str::to_owned), ..config }, recipient })
}
