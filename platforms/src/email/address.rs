//! `mailto://` and `mailtos://` URLs, as users of Apprise write them.

use percent_encoding::percent_decode_str;
use url::Url;

use super::{EmailConfig, Security, mailbox};
use crate::contract::{ConfigError, Secret, UrlTarget};

const SHAPE: &str = "expected mailto://user:password@host[:port][/recipient][?to=…&from=…&name=…&smtp=…&mode=starttls|ssl|insecure&reply=…], \
or mailtos:// for an encrypted connection";

/// Servers of well-known providers, by the domain of the address: submission over TLS from the first byte.
const PROVIDERS: [(&str, &str); 9] = [
    ("gmail.com", "smtp.gmail.com"),
    ("googlemail.com", "smtp.gmail.com"),
    ("yahoo.com", "smtp.mail.yahoo.com"),
    ("fastmail.com", "smtp.fastmail.com"),
    ("zoho.com", "smtp.zoho.com"),
    ("gmx.net", "mail.gmx.net"),
    ("gmx.com", "mail.gmx.com"),
    ("qq.com", "smtp.qq.com"),
    ("163.com", "smtp.163.com"),
];

/// Reads a URL.
///
/// The connection is encrypted by STARTTLS, or from the first byte with `mode=ssl`; only a `mailto://` without a password
/// takes what the server offers, and only `mode=insecure` never encrypts. Sender and recipient default to `user@host`.
///
/// # Errors
///
/// [`ConfigError`] with the URL's shape; the URL is not repeated, it holds a password.
pub(super) fn parse(text: &str) -> Result<UrlTarget<EmailConfig>, ConfigError> {
    let wrong = |reason: &str| ConfigError::new(format!("{reason}, {SHAPE}"));
    let url = Url::parse(text).map_err(|_| wrong("this is no URL"))?;
    let domain = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("the host is missing"))?;
    let query = Query::of(&url, wrong)?;
    let user = query.user.clone().or_else(|| decoded(url.username())).filter(|user| !user.is_empty());
    let password = query.password.clone().or_else(|| url.password().and_then(decoded));
    let own = user.as_deref().map(|user| if user.contains('@') { user.to_owned() } else { format!("{user}@{domain}") });
    let from = query.from.clone().or_else(|| own.clone()).ok_or_else(|| wrong("the sender is missing"))?;
    let from = match &query.name {
        Some(name) if !from.contains('<') => format!("\"{}\" <{from}>", name.replace('\\', "\\\\").replace('"', "\\\"")),
        _ => from,
    };
    let path = decoded(url.path().trim_matches('/')).filter(|path| !path.is_empty());
    let recipient = query.to.clone().or(path).or(own).unwrap_or_else(|| from.clone());
    mailbox::parse(&recipient).map_err(|reason| ConfigError::at("to", reason))?;

    let provider = PROVIDERS.iter().find(|(known, _)| domain.eq_ignore_ascii_case(known)).map(|(_, host)| *host);
    let host = query.smtp.as_deref().or(provider).unwrap_or(domain);
    let mut config = EmailConfig::new(host.trim_matches(['[', ']']), from);
    config.port = url.port();
    config.security = query.mode.unwrap_or_else(|| match (url.scheme(), &password) {
        _ if query.smtp.is_none() && provider.is_some() => Security::Tls,
        ("mailto", None) => Security::Opportunistic,
        _ => Security::StartTls,
    });
    config.username = password.is_some().then_some(user).flatten();
    config.password = password.map(Secret::new);
    config.reply_to = query.reply_to;
    config.allow_private_networks = false;
    Ok(UrlTarget { config, recipient: Some(recipient) })
}

#[derive(Default)]
struct Query {
    to: Option<String>,
    from: Option<String>,
    name: Option<String>,
    smtp: Option<String>,
    reply_to: Option<String>,
    user: Option<String>,
    password: Option<String>,
    mode: Option<Security>,
}

impl Query {
    fn of(url: &Url, wrong: impl Fn(&str) -> ConfigError) -> Result<Self, ConfigError> {
        let mut query = Self::default();
        for (key, value) in url.query_pairs() {
            let value = value.into_owned();
            match &*key {
                "to" => query.to = Some(value),
                "from" => query.from = Some(value),
                "name" => query.name = Some(value),
                "smtp" => query.smtp = Some(value),
                "reply" | "reply_to" => query.reply_to = Some(value),
                "user" => query.user = Some(value),
                "pass" => query.password = Some(value),
                "mode" => query.mode = Some(mode(&value).ok_or_else(|| wrong("the mode is unknown"))?),
                _ => return Err(wrong("there is an unknown parameter")),
            }
        }
        Ok(query)
    }
}

fn mode(word: &str) -> Option<Security> {
    Some(match word {
        "starttls" => Security::StartTls,
        "ssl" | "tls" => Security::Tls,
        "insecure" => Security::None,
        _ => return None,
    })
}

/// The text behind `%40` and its like; `None` where it is not UTF-8.
fn decoded(text: &str) -> Option<String> {
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}
