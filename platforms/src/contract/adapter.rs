//! How a configuration table or a URL becomes a platform.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::{Clock, Platform, Transport};

/// What an adapter is handed when it is built: the network and the clocks, as arguments.
#[derive(Clone)]
pub struct Parts {
    /// Carries every HTTP exchange of the adapter.
    pub transport: Arc<dyn Transport>,
    /// Tells the time, for timestamps and signatures.
    pub clock: Arc<dyn Clock>,
    /// Whether addresses in private networks are allowed whatever the configuration says: true for targets an
    /// operator typed on his own command line, false for everything that came from elsewhere.
    pub allow_private_networks: bool,
}

/// A platform described by a URL: its configuration and the recipient the URL names, if it names one.
#[derive(Debug)]
pub struct UrlTarget<C> {
    /// The configuration the URL stands for.
    pub config: C,
    /// The recipient in the URL (a channel, an address), if any.
    pub recipient: Option<String>,
}

/// The code that speaks one platform type.
///
/// ```text
/// [platforms.ops]          a table in TOML
/// type = "slack"           -> the adapter whose KIND is "slack"
/// webhook_url = "…"        -> its Config, unknown keys refused
/// ```
pub trait Adapter: Platform + Sized {
    /// The word users type as `type = "…"`: lower case, stable for ever.
    const KIND: &'static str;
    /// One line on what it delivers to, for the catalogue of `notifyhub platforms`.
    const SUMMARY: &'static str;
    /// URL schemes that stand for this adapter without any configuration, e.g. `["slack"]`.
    const SCHEMES: &'static [&'static str] = &[];

    /// The keys of its `[platforms.x]` table. Must refuse unknown keys (`#[serde(deny_unknown_fields)]`).
    type Config: DeserializeOwned;

    /// Makes the platform. Does no I/O.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when keys contradict each other or a value cannot be used; it names the key and the way out.
    fn build(config: Self::Config, parts: &Parts) -> Result<Self, ConfigError>;

    /// Reads a URL of one of [`SCHEMES`](Adapter::SCHEMES).
    ///
    /// # Errors
    ///
    /// [`ConfigError`] that shows the URL's expected shape; the URL itself is never repeated, it may hold a secret.
    fn from_url(_url: &str) -> Result<UrlTarget<Self::Config>, ConfigError> {
        Err(ConfigError::new(format!("platform type `{}` cannot be named by a URL", Self::KIND)))
    }

    /// What stands behind `scheme://` where a URL that [`from_url`](Adapter::from_url) took is shown: enough to tell it
    /// from others, and no secret. Default: `None`, nothing at all, for even a host may be a token.
    fn shown_url(_url: &str) -> Option<String> {
        None
    }
}

/// A configuration that cannot work: the key, what is wrong with it, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{reason}", key.as_ref().map(|key| format!("`{key}`: ")).unwrap_or_default())]
pub struct ConfigError {
    /// The key the mistake is at, if it is at one.
    pub key: Option<String>,
    /// What is wrong and what is allowed. Holds no secret.
    pub reason: String,
}

impl ConfigError {
    /// A mistake of the table as a whole.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { key: None, reason: reason.into() }
    }

    /// A mistake at one key.
    pub fn at(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: Some(key.into()), reason: reason.into() }
    }
}
