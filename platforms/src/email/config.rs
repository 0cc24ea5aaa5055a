//! The keys of a `type = "email"` table.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serializer, de, ser};

use super::{AuthMechanism, Dkim, Dsn, ListUnsubscribe, OAuth2, Security, TlsVersion};
use crate::contract::Secret;

/// The keys of a `type = "email"` table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmailConfig {
    /// Host name or address of the mail server. Also the name its certificate must have.
    pub host: String,
    /// Port. Default: 465 for `tls`, 587 for `starttls`, 25 for `none` and `opportunistic`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected. Default: `starttls`.
    #[serde(default)]
    pub security: Security,
    /// The login name. Default: no login.
    #[serde(default)]
    pub username: Option<String>,
    /// The password that goes with `username`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// An OAuth 2 access token instead of the password (XOAUTH2).
    #[serde(default)]
    pub access_token: Option<Secret>,
    /// How to get access tokens instead of the password (XOAUTH2). Default: they are not got.
    #[serde(default)]
    pub oauth2: Option<OAuth2>,
    /// The ways to log in that may be used, best first. Default: `["plain", "login"]`, or `["xoauth2"]` with access tokens.
    #[serde(default)]
    pub auth_mechanisms: Vec<AuthMechanism>,
    /// Whether a password may be sent over an unprotected connection. Default: false.
    #[serde(default)]
    pub allow_insecure_auth: bool,
    /// PEM file of the certificate authorities to trust instead of the system's. Default: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// PEM file of the certificate this client shows; only the first one in it is. Default: none.
    #[serde(default)]
    pub client_cert_file: Option<PathBuf>,
    /// The private key that goes with it, in PEM form, e.g. `{ file = "/etc/notifyhub/client.key" }`.
    #[serde(default)]
    pub client_key: Option<Secret>,
    /// The oldest version of TLS that is spoken. Default: `1.2`.
    #[serde(default)]
    pub tls_min_version: TlsVersion,
    /// Who the mail is from, e.g. `Acme Alerts <alerts@example.com>`.
    pub from: String,
    /// Where answers go. Default: to `from`.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Where bounces go: an address, in which `{id}` becomes the id of the message, or `<>` for nowhere. Default: the address in `from`.
    #[serde(default)]
    pub envelope_from: Option<String>,
    /// The name told in EHLO. Default: this machine's host name.
    #[serde(default)]
    pub helo_name: Option<String>,
    /// Subject of messages without a title. Default: the first line of the body.
    #[serde(default)]
    pub subject: Option<String>,
    /// Header fields added to every mail. Not allowed: what the adapter writes itself, Bcc, Content-*.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How recipients can unsubscribe. Default: no such header.
    #[serde(default)]
    pub list_unsubscribe: Option<ListUnsubscribe>,
    /// How mails are signed. Default: they are not.
    #[serde(default)]
    pub dkim: Option<Dkim>,
    /// Which reports on a mail's way are asked for. Default: what the server does by itself.
    #[serde(default)]
    pub dsn: Option<Dsn>,
    /// Whether recipients who get the same mail share it: it names none of them, and is handed over once for all that are in
    /// one batch (`batch_size`). Default: false, everybody gets a mail with his own address in `To`.
    #[serde(default)]
    pub hidden_copies: bool,
    /// The name in `To` of a mail with hidden copies, e.g. `Acme staff`. Default: `undisclosed-recipients`.
    #[serde(default)]
    pub list_name: Option<String>,
    /// Most recipients a mail with hidden copies is handed over for at a time, 1 to 1000. Default: 100, which every server has to take.
    #[serde(default)]
    pub max_recipients_per_transaction: Option<usize>,
    /// Longest wait for a connection, per address of the host. Default: "5s".
    #[serde(default = "connect_timeout", deserialize_with = "duration", serialize_with = "written")]
    #[schemars(with = "String")]
    pub connect_timeout: Duration,
    /// Longest wait for the answer to one command, and for a free connection. Default: "30s".
    #[serde(default = "command_timeout", deserialize_with = "duration", serialize_with = "written")]
    #[schemars(with = "String")]
    pub command_timeout: Duration,
    /// Most connections at a time, 1 to 100. Default: 4.
    #[serde(default = "max_connections")]
    pub max_connections: usize,
    /// How long an unused connection is kept for the next mail. Default: "60s".
    #[serde(default = "idle_timeout", deserialize_with = "duration", serialize_with = "written")]
    #[schemars(with = "String")]
    pub idle_timeout: Duration,
    /// Most mails over one connection. Default: 100.
    #[serde(default = "max_messages_per_connection")]
    pub max_messages_per_connection: u32,
    /// Whether the mail server may be in a private network. Default: true, the host is the operator's own choice. A URL
    /// as target sets it to false.
    #[serde(default = "yes")]
    pub allow_private_networks: bool,
}

impl EmailConfig {
    /// The defaults, for this server and this sender.
    pub fn new(host: impl Into<String>, from: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: None,
            security: Security::default(),
            username: None,
            password: None,
            access_token: None,
            oauth2: None,
            auth_mechanisms: Vec::new(),
            allow_insecure_auth: false,
            ca_file: None,
            client_cert_file: None,
            client_key: None,
            tls_min_version: TlsVersion::default(),
            from: from.into(),
            reply_to: None,
            envelope_from: None,
            helo_name: None,
            subject: None,
            headers: BTreeMap::new(),
            list_unsubscribe: None,
            dkim: None,
            dsn: None,
            hidden_copies: false,
            list_name: None,
            max_recipients_per_transaction: None,
            connect_timeout: connect_timeout(),
            command_timeout: command_timeout(),
            max_connections: max_connections(),
            idle_timeout: idle_timeout(),
            max_messages_per_connection: max_messages_per_connection(),
            allow_private_networks: true,
        }
    }
}

fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

fn command_timeout() -> Duration {
    Duration::from_secs(30)
}

fn max_connections() -> usize {
    4
}

fn idle_timeout() -> Duration {
    Duration::from_secs(60)
}

fn max_messages_per_connection() -> u32 {
    100
}

fn yes() -> bool {
    true
}

/// For the schema, which shows defaults as users write them.
fn written<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let signed = SignedDuration::try_from(*duration).map_err(ser::Error::custom)?;
    serializer.collect_str(&format_args!("{signed:#}"))
}

fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let parsed: Option<SignedDuration> = text.parse().ok();
    parsed.and_then(|signed| Duration::try_from(signed).ok()).filter(|duration| !duration.is_zero()).ok_or_else(|| {
        de::Error::custom(format!("`{text}` is no duration above zero, expected something like \"500ms\", \"30s\" or \"2m\""))
    })
}
