//! The keys of a `type = "email"` table.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serializer, de, ser};

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
    /// The ways to log in that may be used, best first. Default: `["plain", "login"]`, or `["xoauth2"]` with an access token.
    #[serde(default)]
    pub auth_mechanisms: Vec<AuthMechanism>,
    /// Whether a password may be sent over an unprotected connection. Default: false.
    #[serde(default)]
    pub allow_insecure_auth: bool,
    /// PEM file of the certificate authorities to trust instead of the system's. Default: the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Who the mail is from, e.g. `Acme Alerts <alerts@example.com>`.
    pub from: String,
    /// Where answers go. Default: to `from`.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Where bounces go: an address, or `<>` for nowhere. Default: the address in `from`.
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

/// How a connection is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// Plaintext first, then STARTTLS; a server that does not offer it is not used.
    #[default]
    StartTls,
    /// STARTTLS where the server offers it, else plaintext: whoever sits on the wire can read along.
    Opportunistic,
    /// Plaintext: for relays on this machine.
    None,
}

impl Security {
    /// The port that is usual for it.
    pub(super) fn default_port(self) -> u16 {
        match self {
            Self::Tls => 465,
            Self::StartTls => 587,
            Self::Opportunistic | Self::None => 25,
        }
    }
}

/// A way to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuthMechanism {
    /// Name and password in one message (RFC 4616).
    Plain,
    /// Name and password one after the other; obsolete, but some servers know nothing else.
    Login,
    /// Name and OAuth 2 access token.
    Xoauth2,
}

/// How recipients can unsubscribe (RFC 2369, RFC 8058).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListUnsubscribe {
    /// An HTTPS URL that unsubscribes by a POST alone; `{recipient}` becomes the address, `{id}` the id of the message.
    #[serde(default)]
    pub url: Option<String>,
    /// An address that unsubscribes whoever writes to it.
    #[serde(default)]
    pub mailto: Option<String>,
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
            auth_mechanisms: Vec::new(),
            allow_insecure_auth: false,
            ca_file: None,
            from: from.into(),
            reply_to: None,
            envelope_from: None,
            helo_name: None,
            subject: None,
            headers: BTreeMap::new(),
            list_unsubscribe: None,
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
