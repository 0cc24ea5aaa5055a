//! The headers of a configuration, checked once: what every request carries, what differs, what authorizes.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{
    body::Body,
    cloudevents::CloudEvents,
    config::{Auth, WebhookConfig},
    destination::basic,
    handshake::{Handshake, REQUEST_ORIGIN},
    template::{Language, Template},
};
use crate::{
    contract::{ConfigError, Secret},
    http::signature::{HUB_SIGNATURE, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP},
};

/// The headers of every request, with room for the ones that differ, and those whose values are templates.
pub(super) fn headers(
    config: &WebhookConfig,
    body: &Body,
    content_type: &str,
    idempotency: Option<&HeaderName>,
    handshake: Option<&Handshake>,
) -> Result<(HeaderMap, Vec<(HeaderName, Template)>), ConfigError> {
    let later = HeaderValue::from_static("");
    let mut headers = HeaderMap::with_capacity(config.headers.len() + 8);
    headers.insert(WEBHOOK_ID, later.clone());
    headers.insert(WEBHOOK_TIMESTAMP, later.clone());
    if !config.signing_secrets.is_empty() {
        headers.insert(WEBHOOK_SIGNATURE, later.clone());
    }
    if config.hub_signature.is_some() {
        headers.insert(HUB_SIGNATURE, later.clone());
    }
    if let Some(name) = idempotency {
        headers.insert(name, later.clone());
    }
    if let Some(handshake) = handshake {
        headers.insert(REQUEST_ORIGIN, handshake.origin());
    }
    for name in body.binary().into_iter().flat_map(CloudEvents::header_names) {
        headers.insert(name, later.clone());
    }
    let content_type = config.content_type.as_deref().unwrap_or(content_type);
    headers.insert(header::CONTENT_TYPE, header_value("content_type", content_type)?);
    let mut templated = Vec::new();
    for (name, value) in own_headers(&config.headers)? {
        let value = match value {
            Own::Fixed(value) => value,
            Own::Template(template) => {
                templated.push((name.clone(), template));
                later.clone()
            }
        };
        if headers.insert(&name, value).is_some() {
            return Err(ConfigError::at(format!("headers.{name}"), "is set by notifyhub itself"));
        }
    }
    Ok((headers, templated))
}

/// The value of a configured header.
enum Own {
    Fixed(HeaderValue),
    Template(Template),
}

fn own_headers(written: &BTreeMap<String, Secret>) -> Result<Vec<(HeaderName, Own)>, ConfigError> {
    const TRANSPORTS: [HeaderName; 4] = [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];
    let own = |(name, value): (&String, &Secret)| {
        let key = format!("headers.{name}");
        let name = header_name(&key, name)?;
        if TRANSPORTS.contains(&name) {
            return Err(ConfigError::at(key, "belongs to the transport"));
        }
        Ok((name, own_header(&key, value)?))
    };
    written.iter().map(own).collect()
}

fn own_header(key: &str, value: &Secret) -> Result<Own, ConfigError> {
    let template = Template::parse(value.expose(), Language::Text).map_err(|_| {
        // The value may be a secret, so not even the name of a placeholder is repeated.
        let reason = format!("holds `{{{{` but no known placeholder; known are: {}", Template::names());
        ConfigError::at(key, reason)
    })?;
    for literal in template.literals() {
        header_value(key, literal)?;
    }
    if !template.is_fixed() {
        return Ok(Own::Template(template));
    }
    Ok(Own::Fixed(sensitive(key, &template.literals().collect::<String>())?))
}

/// The same headers and those that authorize.
pub(super) fn credentials(auth: &Auth, mut headers: HeaderMap) -> Result<HeaderMap, ConfigError> {
    let (name, value) = match auth {
        Auth::None | Auth::Query { .. } => return Ok(headers),
        Auth::Bearer { token } => (header::AUTHORIZATION, sensitive("auth.token", &format!("Bearer {}", token.expose()))?),
        Auth::Basic { user, .. } if user.contains(':') => return Err(ConfigError::at("auth.user", "must not contain a colon")),
        Auth::Basic { user, password } => (header::AUTHORIZATION, basic(format!("{user}:{}", password.expose()).as_bytes())),
        Auth::Header { name, value } => (header_name("auth.name", name)?, sensitive("auth.value", value.expose())?),
    };
    if headers.insert(&name, value).is_some() {
        return Err(ConfigError::at("auth", format!("the header `{name}` is set elsewhere as well")));
    }
    Ok(headers)
}

pub(super) fn header_name(key: &str, name: &str) -> Result<HeaderName, ConfigError> {
    name.parse().map_err(|_| ConfigError::at(key, "not a header's name, expected letters, digits and dashes"))
}

fn header_value(key: &str, value: &str) -> Result<HeaderValue, ConfigError> {
    HeaderValue::from_str(value)
        .map_err(|_| ConfigError::at(key, "not fit for a header: it holds a line break or a control character"))
}

fn sensitive(key: &str, value: &str) -> Result<HeaderValue, ConfigError> {
    let mut value = header_value(key, value)?;
    value.set_sensitive(true);
    Ok(value)
}
