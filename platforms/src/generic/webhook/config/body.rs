//! What is sent: the kinds of body.

use schemars::JsonSchema;
use serde::Deserialize;

/// What the body of a request is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// A Standard Webhooks event.
    #[default]
    Event,
    /// A CloudEvents 1.0 event in structured mode.
    CloudEvents,
    /// The message's body alone.
    Raw,
    /// A form (`application/x-www-form-urlencoded`).
    Form,
}
