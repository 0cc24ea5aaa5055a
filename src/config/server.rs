//! `[server]`: what `notifyhub serve` answers over HTTP.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where `notifyhub serve` answers over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// Where `notifyhub serve` answers, and where other commands ask it: an address of this machine alone (loopback) with a
    /// port, `""` being nowhere. Every user of the machine can ask, and send. Default: `127.0.0.1:8420`.
    #[schemars(extend("x-format" = "listen-loopback"))]
    pub listen: String,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8420".into() }
    }
}
