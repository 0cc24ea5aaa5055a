//! What the operator knows about the answers of his receiver.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

/// What an accepting body says: the value at `pointer` equals, or the text (at `pointer`, if given) contains or
/// matches.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SuccessBody {
    /// JSON pointer (RFC 6901) into the body. Default: the whole body as text.
    pub pointer: Option<String>,
    /// The value that must be at `pointer`.
    pub equals: Option<Value>,
    /// Text that must be contained.
    pub contains: Option<String>,
    /// A regular expression (the syntax of the `regex` crate) that must match somewhere; `^…$` for the whole text.
    pub matches: Option<String>,
}

/// Where a body says how long to wait.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitField {
    /// JSON pointer (RFC 6901) to a number.
    pub pointer: String,
    /// What it counts. Default: seconds.
    #[serde(default)]
    pub unit: WaitUnit,
}

/// What a wait counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum WaitUnit {
    /// Seconds, whole or decimal.
    #[default]
    #[serde(rename = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(rename = "ms")]
    Milliseconds,
}
