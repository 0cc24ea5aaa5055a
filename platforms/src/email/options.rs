//! The words and the inner tables of a `type = "email"` table.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::Secret;

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

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[default]
    #[serde(rename = "1.2")]
    V1_2,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    V1_3,
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

/// How access tokens are had by a refresh token (RFC 6749 section 6).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OAuth2 {
    /// Where tokens are asked for, e.g. `https://oauth2.googleapis.com/token`.
    pub token_url: String,
    /// The id of the registered application.
    pub client_id: String,
    /// Its secret. Default: none, for applications that have none.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// The refresh token of the mailbox. A newer one that comes with an access token is used until the process ends.
    pub refresh_token: Secret,
    /// What is asked for, e.g. `https://outlook.office.com/SMTP.Send`. Default: what the refresh token was given for.
    #[serde(default)]
    pub scope: Option<String>,
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

/// How mails are signed (RFC 6376).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// The name under `_domainkey` where the public key is in the DNS.
    pub selector: String,
    /// The private key, e.g. `{ file = "/etc/notifyhub/dkim.pem" }`: PEM, of at least 2048 bits for RSA. Ed25519 also as base64.
    pub private_key: Secret,
    /// What kind of key it is. Default: `rsa`, which everybody can verify.
    #[serde(default)]
    pub algorithm: DkimAlgorithm,
    /// The domain that signs. Default: that of the address in `from`.
    #[serde(default)]
    pub domain: Option<String>,
}

/// The kind of a DKIM key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DkimAlgorithm {
    /// RSA with SHA-256.
    #[default]
    Rsa,
    /// Ed25519 with SHA-256 (RFC 8463); not every receiver verifies it.
    Ed25519,
}

/// Which reports on a mail's way are asked for, where the server offers it (RFC 3461). They go to `envelope_from`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dsn {
    /// When a report is wanted; an empty list means never. Default: `["failure", "delay"]`.
    #[serde(default = "failure_and_delay")]
    pub notify: Vec<DsnNotify>,
    /// How much of the mail a report of a failure holds. Default: `headers`.
    #[serde(default)]
    pub ret: DsnReturn,
}

fn failure_and_delay() -> Vec<DsnNotify> {
    vec![DsnNotify::Failure, DsnNotify::Delay]
}

/// When a report is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DsnNotify {
    /// It was delivered.
    Success,
    /// It cannot be delivered.
    Failure,
    /// It has not been delivered yet.
    Delay,
}

/// How much of a mail comes back with a report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DsnReturn {
    /// Its header fields.
    #[default]
    Headers,
    /// All of it.
    Full,
}
