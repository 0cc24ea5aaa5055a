//! How requests authorize themselves.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::contract::Secret;

/// How a request authorizes itself.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// `Authorization: Bearer …`.
    Bearer {
        /// The token.
        token: Secret,
    },
    /// `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A key in a header.
    Header {
        /// The header's name.
        name: String,
        /// The key.
        value: Secret,
    },
    /// A key in the query.
    Query {
        /// The parameter's name.
        name: String,
        /// The key.
        value: Secret,
    },
}

/// The certificate this client shows, and its key (mutual TLS).
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificate {
    /// The certificate in PEM, followed by those that lead to an authority the server knows.
    pub certificates: Secret,
    /// Its private key in PEM, not encrypted.
    pub key: Secret,
}
