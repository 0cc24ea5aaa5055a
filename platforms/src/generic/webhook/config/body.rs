//! What is sent: the kinds of body.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// What the body of a request is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BodyKind {
    /// A Standard Webhooks event.
    #[default]
    Event,
    /// A CloudEvents 1.0 event, see `cloudevents`.
    CloudEvents,
    /// The text of `template` with the message's values in it.
    Template,
    /// The message's body alone.
    Raw,
    /// A form (`application/x-www-form-urlencoded`).
    Form,
}

/// How messages become CloudEvents.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudEventsConfig {
    /// The `source`, a URI reference that names this sender, e.g. `/notifyhub`.
    pub source: String,
    /// Where the attributes stand. Default: structured.
    #[serde(default)]
    pub mode: CloudEventsMode,
    /// What the `type` begins with; the message's kind follows, or `sent`. Default: `notification.`.
    #[serde(default = "notification")]
    pub type_prefix: String,
    /// The `subject`; may hold placeholders as `template` may. Default: none.
    #[serde(default)]
    pub subject: Option<String>,
    /// The `dataschema`, a URI. Default: none.
    #[serde(default)]
    pub dataschema: Option<String>,
    /// Extension attributes; their values may hold placeholders. One that is empty for a message is left out.
    /// Default: none.
    #[serde(default)]
    pub extensions: BTreeMap<String, String>,
}

fn notification() -> String {
    "notification.".to_owned()
}

/// Where the attributes of an event stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CloudEventsMode {
    /// Attributes and data are one JSON object.
    #[default]
    Structured,
    /// The body is the data, the attributes are `ce-` headers.
    Binary,
    /// The body is an array of events, at most `max_batch`: for receivers that asked for it.
    Batched,
}

/// How several messages are one body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BatchFormat {
    /// A JSON array.
    #[default]
    Array,
    /// One JSON value per line.
    Ndjson,
}
