//! Configuration to adapter; everything that can be wrong is found here.

use lettre::{
    Address,
    message::header::HeaderName,
    transport::smtp::{authentication::Mechanism, extension::ClientId},
};

use super::{
    AuthMechanism, Email, EmailConfig, ListUnsubscribe,
    dkim::Signer,
    header,
    letter::{Bounces, Letterhead},
    login::{Login, Proof},
    mailbox,
    oauth::Tokens,
    pool::Pool,
    server::Server,
    tls,
};
use crate::contract::{ConfigError, NetworkPolicy, Parts};

const CONNECTIONS_MAX: usize = 100;
const RECIPIENTS_MAX: usize = 1000;
/// The number of recipients every server has to take (RFC 5321 section 4.5.3.1.8).
const RECIPIENTS_DEFAULT: usize = 100;
/// An id as messages have them, to try a template with.
const ID_EXAMPLE: &str = "01920000-0000-7000-8000-000000000000";

/// Makes the adapter.
///
/// # Errors
///
/// [`ConfigError`] naming the key.
pub(super) fn email(config: &EmailConfig, parts: &Parts) -> Result<Email, ConfigError> {
    check_bounds(config)?;
    let letterhead = letterhead(config)?;
    let pool = Pool::new(server(config, parts)?, config.max_connections, config.idle_timeout, config.max_messages_per_connection);
    let recipients_max = config.max_recipients_per_transaction.unwrap_or(RECIPIENTS_DEFAULT);
    Ok(Email { letterhead, pool, recipients_max })
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
    if config.max_recipients_per_transaction.is_some_and(|max| !(1..=RECIPIENTS_MAX).contains(&max)) {
        return Err(ConfigError::at("max_recipients_per_transaction", format!("expected 1 to {RECIPIENTS_MAX}")));
    }
    check_hidden_copies(config)
}

fn check_hidden_copies(config: &EmailConfig) -> Result<(), ConfigError> {
    if config.hidden_copies {
        let url = config.list_unsubscribe.as_ref().and_then(|list| list.url.as_deref());
        if url.is_some_and(|url| url.contains("{recipient}") || url.contains("{id}")) {
            let reason = "with hidden_copies all get the same mail, so `url` can have no `{recipient}` and no `{id}`";
            return Err(ConfigError::at("list_unsubscribe", reason));
        }
        return Ok(());
    }
    for (key, is_set) in [
        ("list_name", config.list_name.is_some()),
        ("max_recipients_per_transaction", config.max_recipients_per_transaction.is_some()),
    ] {
        if is_set {
            return Err(ConfigError::at(key, "has no effect without `hidden_copies = true`"));
        }
    }
    Ok(())
}

fn letterhead(config: &EmailConfig) -> Result<Letterhead, ConfigError> {
    let read = |key: &str, text: &str| mailbox::parse(text).map_err(|reason| ConfigError::at(key, reason));
    let from = read("from", &config.from)?;
    let signer = config
        .dkim
        .as_ref()
        .map(|dkim| Signer::new(dkim, from.email.domain()).map_err(|(key, reason)| ConfigError::at(key, reason)));
    Ok(Letterhead {
        reply_to: config.reply_to.as_deref().map(|text| read("reply_to", text)).transpose()?,
        bounces: bounces(config.envelope_from.as_deref(), &from.email)?,
        subject: config.subject.clone(),
        headers: headers(config)?,
        list_unsubscribe: config.list_unsubscribe.clone().map(checked_list).transpose()?,
        signer: signer.transpose()?,
        dsn: config.dsn.clone(),
        hidden_to: config.hidden_copies.then(|| hidden_to(config.list_name.as_deref())).transpose()?,
        from,
    })
}

fn headers(config: &EmailConfig) -> Result<Vec<(HeaderName, String)>, ConfigError> {
    let parsed = config.headers.iter().map(|(name, value)| header::parse(name, value));
    parsed.map(|field| field.map_err(|reason| ConfigError::at("headers", reason))).collect()
}

fn bounces(envelope_from: Option<&str>, from: &Address) -> Result<Bounces, ConfigError> {
    let read = |text: &str| mailbox::parse_address(text).map_err(|reason| ConfigError::at("envelope_from", reason));
    match envelope_from {
        None => Ok(Bounces::To(from.clone())),
        Some("<>") => Ok(Bounces::Nowhere),
        Some(text) if text.contains("{id}") => {
            let (user, _) = text.rsplit_once('@').unwrap_or_default();
            if !user.contains("{id}") {
                return Err(ConfigError::at("envelope_from", "`{id}` stands before the `@`, as in `bounce+{id}@example.com`"));
            }
            read(&text.replace("{id}", ID_EXAMPLE))
                .map(|address| Bounces::ToEach(address.to_string().replace(ID_EXAMPLE, "{id}")))
        }
        Some(text) => read(text).map(Bounces::To),
    }
}

/// A group without members (RFC 5322 section 3.4). Its name needs no quotes and no encoding.
fn hidden_to(name: Option<&str>) -> Result<String, ConfigError> {
    let name = name.unwrap_or("undisclosed-recipients").trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '-' | '_' | '\'' | '&' | '/');
    if name.is_empty() || name.len() > 60 || !name.chars().all(is_plain) {
        return Err(ConfigError::at(
            "list_name",
            "expected up to 60 letters of ASCII, digits, spaces or `-_'&/`, such as `Acme staff`",
        ));
    }
    Ok(format!("{name}:;"))
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
    let network = if allow_private { NetworkPolicy::AllowPrivate } else { NetworkPolicy::PublicOnly };
    Ok(Server {
        host: config.host.clone(),
        port: config.port.unwrap_or_else(|| config.security.default_port()),
        security: config.security,
        tls: tls::parameters(config)?,
        login: login(config, network, parts)?,
        hello: hello(config.helo_name.as_deref())?,
        network,
        connect_timeout: config.connect_timeout,
        timeout: config.command_timeout,
        clock: parts.clock.clone(),
    })
}

fn login(config: &EmailConfig, network: NetworkPolicy, parts: &Parts) -> Result<Option<Login>, ConfigError> {
    let ways = [config.password.is_some(), config.access_token.is_some(), config.oauth2.is_some()];
    let user = match (&config.username, ways.iter().filter(|is_given| **is_given).count()) {
        (None, 0) => return Ok(None),
        (Some(user), 1) => user.clone(),
        (None, _) => return Err(ConfigError::at("username", "a password, an access_token or an oauth2 table needs a username")),
        (Some(_), 0) => {
            return Err(ConfigError::at("password", "a username needs a password, an access_token or an oauth2 table"));
        }
        (Some(_), _) => {
            let key = if config.access_token.is_some() { "access_token" } else { "oauth2" };
            return Err(ConfigError::at(key, "give one of password, access_token and oauth2"));
        }
    };
    let given = config.password.as_ref().or(config.access_token.as_ref()).map_or("", |secret| secret.expose());
    if [&*user, given].iter().any(|text| text.chars().any(char::is_control)) {
        return Err(ConfigError::at("username", "neither username nor password may have control characters"));
    }
    let known: &[Mechanism] =
        if config.password.is_some() { &[Mechanism::Plain, Mechanism::Login] } else { &[Mechanism::Xoauth2] };
    let mut mechanisms: Vec<_> = config.auth_mechanisms.iter().copied().map(Mechanism::from).collect();
    if mechanisms.is_empty() {
        mechanisms = known.to_vec();
    }
    if mechanisms.iter().any(|mechanism| !known.contains(mechanism)) {
        return Err(ConfigError::at(
            "auth_mechanisms",
            "a password goes with `plain` and `login`, an access_token or an oauth2 table with `xoauth2`",
        ));
    }
    let proof = match (&config.password, &config.access_token, &config.oauth2) {
        (Some(password), ..) => Proof::Password(password.clone(), mechanisms),
        (_, Some(token), _) => Proof::Token(token.clone()),
        (_, _, Some(oauth2)) => Proof::Tokens(Box::new(Tokens::new(oauth2, network, parts)?)),
        (None, None, None) => return Ok(None),
    };
    Ok(Some(Login { user, proof, allow_insecure: config.allow_insecure_auth }))
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
