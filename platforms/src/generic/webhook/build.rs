//! Configuration to adapter: everything that is the same for every request is made here, once.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::{
    adapter::Webhook,
    body,
    config::{Auth, BodyKind, WebhookConfig, WebhookMethod},
    destination::{Destinations, Fixed, Trust, basic},
    verdict::Verdict,
};
use crate::{
    contract::{ConfigError, Parts, Secret},
    http::{
        parsed,
        signature::{HUB_SIGNATURE, HubKey, SigningKey, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP},
    },
};

/// Shorter secrets are not looked for one by one in answers: they are ordinary words.
const SECRET_BYTES_MIN: usize = 8;

pub(super) fn webhook(config: WebhookConfig, parts: &Parts) -> Result<Webhook, ConfigError> {
    let destinations = destinations(&config, parts)?;
    let idempotency = config.idempotency_header.as_deref().map(|name| header_name("idempotency_header", name)).transpose()?;
    let headers = headers(&config, idempotency.as_ref())?;
    let credentials = credentials(&config.auth, headers.clone())?;
    let signing_keys = config
        .signing_secrets
        .iter()
        .enumerate()
        .map(|(index, secret)| {
            SigningKey::parse(secret).map_err(|error| ConfigError::at(format!("signing_secrets[{index}]"), error.reason))
        })
        .collect::<Result<_, _>>()?;
    Ok(Webhook {
        transport: parts.transport.clone(),
        clock: parts.clock.clone(),
        method: method(config.method),
        body: config.body,
        source: source(&config)?,
        secrets: secrets(&config, &destinations, &credentials),
        hub_key: config.hub_signature.as_ref().map(HubKey::new),
        verdict: Verdict::new(&config)?,
        destinations,
        headers,
        credentials,
        signing_keys,
        idempotency,
    })
}

fn method(method: WebhookMethod) -> Method {
    match method {
        WebhookMethod::Post => Method::POST,
        WebhookMethod::Put => Method::PUT,
        WebhookMethod::Patch => Method::PATCH,
    }
}

fn source(config: &WebhookConfig) -> Result<String, ConfigError> {
    match (config.body, config.cloudevents_source.as_deref()) {
        (BodyKind::CloudEvents, Some(source)) if !source.is_empty() => Ok(source.to_owned()),
        (BodyKind::CloudEvents, _) => {
            Err(ConfigError::at("cloudevents_source", "is needed with body = \"cloudevents\", e.g. \"/notifyhub\""))
        }
        (_, Some(_)) => Err(ConfigError::at("cloudevents_source", "means nothing without body = \"cloudevents\"")),
        (_, None) => Ok(String::new()),
    }
}

fn destinations(config: &WebhookConfig, parts: &Parts) -> Result<Destinations, ConfigError> {
    let credential = match &config.auth {
        Auth::Query { name, value } => Some((name.clone(), value.expose().to_owned())),
        _ => None,
    };
    if config.url.is_none() && !matches!(config.auth, Auth::None) {
        return Err(ConfigError::at("auth", "needs `url`: without it the credential would go to every recipient"));
    }
    let mut destinations = Destinations {
        fixed: None,
        query: config.query.iter().map(|(name, value)| (name.clone(), value.expose().to_owned())).collect(),
        credential,
        trust: Trust {
            http: config.allow_http,
            private: config.allow_private_networks,
            everywhere: parts.allow_private_networks,
        },
    };
    if let Some(url) = &config.url {
        let (origin, destination) = destinations.admit(url.expose()).map_err(|reason| ConfigError::at("url", reason))?;
        if destination.authorization.is_some() && !matches!(config.auth, Auth::None) {
            return Err(ConfigError::at("auth", "`url` holds a user and password as well: give them once"));
        }
        destinations.fixed = Some(Fixed { origin, destination });
    }
    Ok(destinations)
}

/// The headers of every request, with room for the ones that differ.
fn headers(config: &WebhookConfig, idempotency: Option<&HeaderName>) -> Result<HeaderMap, ConfigError> {
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
        headers.insert(name, later);
    }
    let content_type = config.content_type.as_deref().unwrap_or_else(|| body::content_type(config.body));
    headers.insert(header::CONTENT_TYPE, header_value("content_type", content_type)?);
    for (name, value) in own_headers(&config.headers)? {
        if headers.insert(&name, value).is_some() {
            return Err(ConfigError::at(format!("headers.{name}"), "is set by notifyhub itself"));
        }
    }
    Ok(headers)
}

fn own_headers(written: &BTreeMap<String, Secret>) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    const TRANSPORTS: [HeaderName; 4] = [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];
    let own = |(name, value): (&String, &Secret)| {
        let key = format!("headers.{name}");
        let name = header_name(&key, name)?;
        if TRANSPORTS.contains(&name) {
            return Err(ConfigError::at(key, "belongs to the transport"));
        }
        Ok((name, sensitive(&key, value.expose())?))
    };
    written.iter().map(own).collect()
}

/// The same headers and those that authorize.
fn credentials(auth: &Auth, mut headers: HeaderMap) -> Result<HeaderMap, ConfigError> {
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

fn header_name(key: &str, name: &str) -> Result<HeaderName, ConfigError> {
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

/// All that an answer must not be quoted with: secrets as configured, and as they travel.
fn secrets(config: &WebhookConfig, destinations: &Destinations, credentials: &HeaderMap) -> Vec<Secret> {
    let url = destinations.fixed.as_ref().and_then(|fixed| parsed(&fixed.destination.endpoint));
    let travelling =
        credentials.values().chain(destinations.fixed.iter().filter_map(|fixed| fixed.destination.authorization.as_ref()));
    let travelling = travelling.filter(|value| value.is_sensitive()).filter_map(|value| value.to_str().ok());
    let mut secrets: Vec<Secret> = Vec::new();
    let mut keep = |secret: &str| {
        if secret.len() >= SECRET_BYTES_MIN {
            secrets.push(Secret::new(secret));
        }
    };
    if let Some(url) = url {
        keep(&url[url::Position::BeforePath..]);
        keep(url.path());
        url.path().split('/').for_each(&mut keep);
        url.query_pairs().for_each(|(_, value)| keep(&value));
        url.query().into_iter().flat_map(|query| query.split(['&', '='])).for_each(&mut keep);
    }
    for value in travelling {
        keep(value);
        value.split(' ').for_each(&mut keep);
    }
    if let Auth::Basic { password, .. } = &config.auth {
        keep(password.expose());
    }
    config.signing_secrets.iter().chain(&config.hub_signature).for_each(|secret| keep(secret.expose()));
    secrets
}
