//! Configuration to adapter; everything that can be wrong is found here.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use lettre::transport::smtp::{
    authentication::{Credentials, Mechanism},
    client::{Certificate, CertificateStore, TlsParameters},
    extension::ClientId,
};

use super::{
    AuthMechanism, Email, EmailConfig, ListUnsubscribe, Security, header,
    letter::Letterhead,
    mailbox,
    pool::Pool,
    server::{Login, Server},
};
use crate::contract::{ConfigError, NetworkPolicy, Parts};

const CONNECTIONS_MAX: usize = 100;

/// Makes the adapter.
///
/// # Errors
///
/// [`ConfigError`] naming the key.
pub(super) fn email(config: &EmailConfig, parts: &Parts) -> Result<Email, ConfigError> {
    check_bounds(config)?;
    let letterhead = letterhead(config)?;
    let pool = Pool::new(server(config, parts)?, config.max_connections, config.idle_timeout, config.max_messages_per_connection);
    Ok(Email { letterhead, pool })
}

fn check_bounds(config: &EmailConfig) -> Result<(), ConfigError> {
    if config.host.is_empty() || config.host.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(ConfigError::at("host", "expected a host name or an address, such as `smtp.example.com`"));
    }
    if !(1..=CONNECTIONS_MAX).contains(&config.max_connections) {
        return Err(ConfigError::at("max_connections", format!("expected 1 to {CONNECTIONS_MAX}")));
    }
    if config.max_messages_per_connection == 0 {
        return Err(ConfigError::at("max_messages_per_connection", "expected at least 1"));
    }
    Ok(())
}

fn letterhead(config: &EmailConfig) -> Result<Letterhead, ConfigError> {
    let read = |key: &str, text: &str| mailbox::parse(text).map_err(|reason| ConfigError::at(key, reason));
    let from = read("from", &config.from)?;
    let envelope_from = match config.envelope_from.as_deref() {
        None => Some(from.email.clone()),
        Some("<>") => None,
        Some(text) => Some(mailbox::parse_address(text).map_err(|reason| ConfigError::at("envelope_from", reason))?),
    };
    let headers = config
        .headers
        .iter()
        .map(|(name, value)| header::parse(name, value).map_err(|reason| ConfigError::at("headers", reason)));
    Ok(Letterhead {
        reply_to: config.reply_to.as_deref().map(|text| read("reply_to", text)).transpose()?,
        envelope_from,
        subject: config.subject.clone(),
        headers: headers.collect::<Result<_, _>>()?,
        list_unsubscribe: config.list_unsubscribe.clone().map(checked_list).transpose()?,
        from,
    })
}

fn checked_list(list: ListUnsubscribe) -> Result<ListUnsubscribe, ConfigError> {
    let wrong = |reason: &str| Err(ConfigError::at("list_unsubscribe", reason));
    if list.url.is_none() && list.mailto.is_none() {
        return wrong("expected a `url`, a `mailto` or both");
    }
    if list.url.as_deref().is_some_and(|url| !url.starts_with("https://") || url.contains(['<', '>', ' ']) || !url.is_ascii()) {
        return wrong("`url` must be an https:// URL: one-click unsubscribe (RFC 8058) allows no other");
    }
    if list.mailto.as_deref().is_some_and(|text| mailbox::parse_address(text).is_err()) {
        return wrong("`mailto` must be an address such as `unsubscribe@example.com`");
    }
    Ok(list)
}

fn server(config: &EmailConfig, parts: &Parts) -> Result<Server, ConfigError> {
    let allow_private = config.allow_private_networks || parts.allow_private_networks;
    Ok(Server {
        host: config.host.clone(),
        port: config.port.unwrap_or_else(|| config.security.default_port()),
        security: config.security,
        tls: tls(config)?,
        login: login(config)?,
        hello: hello(config.helo_name.as_deref())?,
        network: if allow_private { NetworkPolicy::AllowPrivate } else { NetworkPolicy::PublicOnly },
        connect_timeout: config.connect_timeout,
        timeout: config.command_timeout,
        clock: parts.clock.clone(),
    })
}

fn tls(config: &EmailConfig) -> Result<Option<TlsParameters>, ConfigError> {
    if config.security == Security::None {
        return Ok(None);
    }
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let wrong = |reason: String| ConfigError::at("ca_file", format!("`{}`: {reason}", path.display()));
        let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
        let authority = Certificate::from_pem(&pem).map_err(|_| wrong("expected certificates in PEM form".into()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    let parameters = builder.build().map_err(|error| ConfigError::new(format!("TLS cannot be set up: {error}")))?;
    Ok(Some(parameters))
}

fn login(config: &EmailConfig) -> Result<Option<Login>, ConfigError> {
    let (secret, default): (_, &[Mechanism]) = match (&config.username, &config.password, &config.access_token) {
        (None, None, None) => return Ok(None),
        (Some(_), Some(_), Some(_)) => {
            return Err(ConfigError::at("access_token", "give a password or an access token, not both"));
        }
        (Some(_), Some(password), None) => (password, &[Mechanism::Plain, Mechanism::Login]),
        (Some(_), None, Some(token)) => (token, &[Mechanism::Xoauth2]),
        (Some(_), None, None) => return Err(ConfigError::at("password", "a username needs a password or an access_token")),
        (None, ..) => return Err(ConfigError::at("username", "a password or an access_token needs a username")),
    };
    let user = config.username.clone().unwrap_or_default();
    if [&*user, secret.expose()].iter().any(|text| text.chars().any(char::is_control)) {
        return Err(ConfigError::at("username", "neither username nor password may have control characters"));
    }
    let mut mechanisms: Vec<_> = config.auth_mechanisms.iter().copied().map(Mechanism::from).collect();
    if mechanisms.is_empty() {
        mechanisms = default.to_vec();
    }
    if mechanisms.contains(&Mechanism::Xoauth2) != config.access_token.is_some()
        || (config.access_token.is_some() && mechanisms.len() > 1)
    {
        return Err(ConfigError::at(
            "auth_mechanisms",
            "`xoauth2` goes with an access_token, `plain` and `login` with a password",
        ));
    }
    let secret = secret.expose().to_owned();
    let on_the_wire = [format!("\0{user}\0{secret}"), secret.clone(), format!("user={user}\x01auth=Bearer {secret}\x01\x01")];
    let secrets = on_the_wire.iter().map(|form| BASE64.encode(form)).chain([secret.clone()]).collect();
    Ok(Some(Login {
        credentials: Credentials::new(user, secret),
        mechanisms,
        allow_insecure: config.allow_insecure_auth,
        secrets,
    }))
}

impl From<AuthMechanism> for Mechanism {
    fn from(mechanism: AuthMechanism) -> Self {
        match mechanism {
            AuthMechanism::Plain => Self::Plain,
            AuthMechanism::Login => Self::Login,
            AuthMechanism::Xoauth2 => Self::Xoauth2,
        }
    }
}

fn hello(name: Option<&str>) -> Result<ClientId, ConfigError> {
    let Some(name) = name else { return Ok(ClientId::default()) };
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::at("helo_name", "expected a host name such as `app.example.com`"));
    }
    Ok(ClientId::Domain(name.to_owned()))
}
