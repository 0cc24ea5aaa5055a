//! URLs that stand for a webhook: `json://host/path` (http) and `jsons://host/path` (https).

use url::Url;

use super::config::WebhookConfig;
use crate::contract::{ConfigError, Secret, UrlTarget};

/// Path and query are kept; a user and password become a basic authorization.
pub(super) fn read(url: &str) -> Result<UrlTarget<WebhookConfig>, ConfigError> {
    const SHAPE: &str = "expected jsons://[user:password@]host[:port]/path (https), or json:// (http)";
    let (scheme, rest) = url.split_once("://").ok_or_else(|| ConfigError::new(SHAPE))?;
    let clear = match scheme.to_ascii_lowercase().as_str() {
        "json" | "webhook" => true,
        "jsons" | "webhooks" => false,
        _ => return Err(ConfigError::new(SHAPE)),
    };
    if rest.is_empty() || rest.starts_with(['/', '?', '#']) {
        return Err(ConfigError::new(SHAPE));
    }
    let url = Secret::new(format!("{}://{rest}", if clear { "http" } else { "https" }));
    let config = WebhookConfig { url: Some(url), allow_http: clear, ..WebhookConfig::default() };
    Ok(UrlTarget { config, recipient: None })
}

/// Host and port, and whether more follows: user, path and query may hold secrets.
pub(super) fn shown(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let more = if matches!(url.path(), "" | "/") && url.query().is_none() { "" } else { "/…" };
    Some(format!("{host}{port}{more}"))
}
