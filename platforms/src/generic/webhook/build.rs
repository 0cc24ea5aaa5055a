//! Configuration to adapter: everything that is the same for every request is made here, once.

use std::sync::Arc;

use http::Method;

use super::{
    adapter::Webhook,
    batch::Batches,
    body::Body,
    config::{Auth, WebhookConfig, WebhookMethod},
    destination::{Destinations, Fixed, Trust},
    handshake::Handshake,
    headers::{credentials, header_name, headers},
    request::Requests,
    verdict::Verdict,
};
use crate::{
    contract::{ClientIdentity, ConfigError, Parts, Secret, Transport},
    http::{
        parsed,
        signature::{HubKey, SigningKey},
    },
};

/// Shorter secrets are not looked for one by one in answers: they are ordinary words.
const SECRET_BYTES_MIN: usize = 8;
/// What `max_response_bytes` may be at most.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

pub(super) fn webhook(config: WebhookConfig, parts: &Parts) -> Result<Webhook, ConfigError> {
    let destinations = destinations(&config, parts)?;
    let handshake = config.handshake.as_ref().map(Handshake::new).transpose()?;
    let requests = requests(&config, handshake.as_ref())?;
    Ok(Webhook {
        identified: identified(&config, parts)?,
        transport: parts.transport.clone(),
        clock: parts.clock.clone(),
        verdict: Verdict::new(&config)?,
        secrets: secrets(&config, &destinations, &requests),
        destinations,
        requests,
        handshake,
    })
}

fn requests(config: &WebhookConfig, handshake: Option<&Handshake>) -> Result<Requests, ConfigError> {
    let idempotency = config.idempotency_header.as_deref().map(|name| header_name("idempotency_header", name)).transpose()?;
    let body = Body::new(config)?;
    let batches = Batches::new(config)?;
    let content_type = batches.as_ref().map_or_else(|| body.content_type(), |batches| batches.content_type(&body));
    let (headers, templated) = headers(config, &body, content_type, idempotency.as_ref(), handshake)?;
    if let (Some(_), Some((name, _))) = (&batches, templated.first()) {
        let reason = "cannot hold placeholders with `max_batch`: one request carries several messages";
        return Err(ConfigError::at(format!("headers.{name}"), reason));
    }
    let credentials = credentials(&config.auth, headers.clone())?;
    let signing_key = |(index, secret): (usize, &Secret)| {
        SigningKey::parse(secret).map_err(|error| ConfigError::at(format!("signing_secrets[{index}]"), error.reason))
    };
    Ok(Requests {
        method: method(config.method),
        answer_bytes_max: answer_bytes_max(config)?,
        headers,
        credentials,
        templated,
        body,
        batches,
        signing_keys: config.signing_secrets.iter().enumerate().map(signing_key).collect::<Result<_, _>>()?,
        hub_key: config.hub_signature.as_ref().map(HubKey::new),
        idempotency,
    })
}

fn answer_bytes_max(config: &WebhookConfig) -> Result<Option<usize>, ConfigError> {
    match config.max_response_bytes {
        Some(bytes) if !(1..=ANSWER_BYTES_MAX).contains(&bytes) => {
            Err(ConfigError::at("max_response_bytes", format!("is {bytes}, expected 1 to {ANSWER_BYTES_MAX}")))
        }
        given => Ok(given),
    }
}

/// The transport that shows the client's certificate.
fn identified(config: &WebhookConfig, parts: &Parts) -> Result<Option<Arc<dyn Transport>>, ConfigError> {
    const KEY: &str = "client_certificate";
    let Some(written) = &config.client_certificate else { return Ok(None) };
    match config.url.as_ref().and_then(|url| url.expose().split_once(':')) {
        None => return Err(ConfigError::at(KEY, "needs `url`: without it the certificate would be shown to every recipient")),
        Some((scheme, _)) if !scheme.eq_ignore_ascii_case("https") => {
            return Err(ConfigError::at(KEY, "needs an https `url`: without TLS nobody asks for a certificate"));
        }
        Some(_) => {}
    }
    let identity = ClientIdentity { certificates: written.certificates.clone(), key: written.key.clone() };
    let transport = parts.transport.with_identity(&identity).map_err(|error| {
        let key = error.key.map_or(KEY.to_owned(), |key| format!("{KEY}.{key}"));
        ConfigError::at(key, error.reason)
    })?;
    Ok(Some(transport))
}

fn method(method: WebhookMethod) -> Method {
    match method {
        WebhookMethod::Post => Method::POST,
        WebhookMethod::Put => Method::PUT,
        WebhookMethod::Patch => Method::PATCH,
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

/// All that an answer must not be quoted with: secrets as configured, and as they travel.
fn secrets(config: &WebhookConfig, destinations: &Destinations, requests: &Requests) -> Vec<Secret> {
    let url = destinations.fixed.as_ref().and_then(|fixed| parsed(&fixed.destination.endpoint));
    let travelling = requests
        .credentials
        .values()
        .chain(destinations.fixed.iter().filter_map(|fixed| fixed.destination.authorization.as_ref()));
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
    requests.templated.iter().flat_map(|(_, template)| template.literals()).for_each(&mut keep);
    secrets
}
