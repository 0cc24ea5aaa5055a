//! The abuse protection of CloudEvents webhooks.

use schemars::JsonSchema;
use serde::Deserialize;

/// Who asks receivers for permission, and for what.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandshakeConfig {
    /// The DNS name of this sender (`WebHook-Request-Origin`), e.g. `notifyhub.example.com`.
    pub origin: String,
    /// Requests per minute to ask for (`WebHook-Request-Rate`); what the receiver permits is kept to. Default: none is
    /// named.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub rate: Option<u32>,
}
