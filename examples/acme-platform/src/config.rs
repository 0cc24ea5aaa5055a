//! The keys of an Acme table, and the URLs that stand for one.

use notifyhub_platforms::contract::{ConfigError, Secret, UrlTarget};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

/// The keys of a `type = "acme"` table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcmeConfig {
    /// The account's token.
    pub token: Secret,
    /// Where Acme is: the service, or a gateway of your own. Default: the service.
    #[serde(default = "service")]
    pub base_url: String,
    /// Whether the gateway may be in a private network; it may then speak `http://` as well. Default: false.
    #[serde(default)]
    pub allow_private_networks: bool,
}

fn service() -> String {
    "https://api.acme-pager.example".to_owned()
}

impl AcmeConfig {
    /// The base URL, checked, without a slash at its end.
    pub(crate) fn base(&self, private: bool) -> Result<&str, ConfigError> {
        let wrong = |reason: &str| Err(ConfigError::at("base_url", reason));
        let Ok(url) = Url::parse(&self.base_url) else { return wrong("not a URL, expected https://host") };
        if !url.username().is_empty() || url.password().is_some() {
            return wrong("holds a user or password, which belongs in `token`");
        }
        match url.scheme() {
            _ if url.query().is_some() || url.fragment().is_some() => wrong("has a query, expected https://host"),
            "https" => Ok(self.base_url.trim_end_matches('/')),
            "http" if private => Ok(self.base_url.trim_end_matches('/')),
            "http" => wrong("http:// is for gateways in a private network: use https://, or set allow_private_networks = true"),
            _ => wrong("expected https://host"),
        }
    }
}

/// Reads `acme://token@host[:port]/recipient`; with `?tls=no` the host is spoken to without TLS.
pub(crate) fn from_url(url: &str) -> Result<UrlTarget<AcmeConfig>, ConfigError> {
    let wrong = || ConfigError::new("expected acme://token@host[:port]/recipient, with ?tls=no for a gateway without TLS");
    let url = Url::parse(url).map_err(|_| wrong())?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if url.username().is_empty() || !url.username().bytes().all(plain) || url.password().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    let scheme = match url.query() {
        None => "https",
        Some("tls=no") => "http",
        Some(_) => return Err(wrong()),
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let recipient = url.path().trim_matches('/');
    let token = Secret::new(url.username());
    let config = AcmeConfig { token, base_url: format!("{scheme}://{host}{port}"), allow_private_networks: false };
    Ok(UrlTarget { config, recipient: (!recipient.is_empty()).then(|| recipient.to_owned()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_token_host_and_recipient() {
        for (url, base, recipient) in [
            ("acme://t0ken@pager.example/team-red", "https://pager.example", Some("team-red")),
            ("acme://t0ken@127.0.0.1:8080/ada/?tls=no", "http://127.0.0.1:8080", Some("ada")),
            ("acme://t0ken@pager.example", "https://pager.example", None),
        ] {
            let target = from_url(url).expect(url);
            assert_eq!((&*target.config.base_url, target.recipient.as_deref()), (base, recipient));
            assert_eq!(target.config.token.expose(), "t0ken");
        }
    }

    #[test]
    fn a_url_of_another_shape_is_refused_and_not_repeated() {
        for url in ["acme://", "acme://host/x", "acme://t0ken:x@host/y", "acme://t0ken@host/y?tls=maybe", "acme://t 0ken@h/y"] {
            let error = from_url(url).expect_err(url).to_string();
            assert!(error.starts_with("expected acme://token@host") && !error.contains("t0ken"), "{error}");
        }
    }

    #[test]
    fn a_base_url_is_https_unless_the_network_is_private() {
        let base = |url: &str, private| {
            let config = AcmeConfig { token: Secret::new("t"), base_url: url.into(), allow_private_networks: private };
            config.base(private).map(str::to_owned).map_err(|error| error.to_string())
        };
        assert_eq!(base("https://a.example/", false), Ok("https://a.example".into()));
        assert_eq!(base("http://10.0.0.1/acme", true), Ok("http://10.0.0.1/acme".into()));
        for (url, part) in [
            ("http://a.example", "`base_url`: http:// is for gateways"),
            ("ftp://a.example", "`base_url`: expected https://host"),
            ("https://u@a.example", "`base_url`: holds a user"),
            ("https://a.example/?a=b", "`base_url`: has a query"),
            ("a.example", "`base_url`: not a URL"),
        ] {
            let error = base(url, false).expect_err(url);
            assert!(error.starts_with(part), "{error}");
        }
    }
}
