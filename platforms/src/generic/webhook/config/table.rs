//! The table itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Auth, BatchFormat, BodyKind, ClientCertificate, CloudEventsConfig, HandshakeConfig, SuccessBody, WaitField};
use crate::contract::Secret;

/// The keys of a `type = "webhook"` table.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebhookConfig {
    /// Where to, for targets that name no URL themselves; a user and password in it become a basic authorization.
    /// Default: none, every target names its URL.
    pub url: Option<Secret>,
    /// The HTTP method. Default: POST.
    pub method: WebhookMethod,
    /// Headers of every request; values may hold placeholders as `template` may, and one that is empty for a message is
    /// left out. They go to all recipients: credentials belong in `auth`. Default: none.
    pub headers: BTreeMap<String, Secret>,
    /// Query parameters added to every URL. They go to all recipients. Default: none.
    pub query: BTreeMap<String, Secret>,
    /// How requests to `url` and its origin authorize themselves. Default: not at all.
    pub auth: Auth,
    /// The certificate shown to servers of the origin of `url` that ask for one. Default: none.
    pub client_certificate: Option<ClientCertificate>,
    /// Ask every URL for permission before it is sent to, as CloudEvents webhooks do (`OPTIONS`). Default: nobody is asked.
    pub handshake: Option<HandshakeConfig>,
    /// Standard Webhooks keys, `whsec_…` or `whsk_…`: all of them sign. Default: unsigned.
    pub signing_secrets: Vec<Secret>,
    /// The secret of an `X-Hub-Signature-256` header. Default: none.
    pub hub_signature: Option<Secret>,
    /// What the body is. Default: an event.
    pub body: BodyKind,
    /// The attributes of events; needed with `body = "cloudevents"`, meaningless without.
    pub cloudevents: Option<CloudEventsConfig>,
    /// The text that is sent, with placeholders such as `{{ title }}` for the message's values; needed with
    /// `body = "template"`, meaningless without. The `content_type` decides how values are escaped; JSON stays JSON.
    /// Placeholders: id, time, `unix_time`, title, body, text (the body as plain text), format, priority, kind, `image_url`,
    /// `click_url`, `thread_key`, `correlation_id`, fields, fields.NAME, actions, mentions, data (the whole message), raw,
    /// raw.NAME (of the caller's `raw.webhook`).
    pub template: Option<String>,
    /// Most messages of one request, 1 to 1000; each is then a member of a list, also where it is alone, and holds its
    /// own id. Default: one message per request, no list.
    #[schemars(range(min = 1, max = 1000))]
    pub max_batch: Option<usize>,
    /// What the list is. Default: a JSON array.
    pub batch_format: Option<BatchFormat>,
    /// JSON pointer to the list of results in an accepting answer, one for each message, in order: a status, or an object
    /// with a `status` in which `success_body`, `receipt_field` and `retry_after_field` look. Default: all share the
    /// answer's outcome.
    pub batch_results: Option<String>,
    /// The `content-type`. Default: what fits the body, JSON for a template.
    pub content_type: Option<String>,
    /// Statuses that accept. Default: 200 to 299.
    pub success_status: Vec<u16>,
    /// What the body of an accepting answer must say as well. Default: nothing.
    pub success_body: Option<SuccessBody>,
    /// Statuses after which to try again, whatever the table of statuses says. Default: none.
    pub retry_status: Vec<u16>,
    /// Statuses after which never to try again, whatever the table of statuses says. Default: none.
    pub permanent_status: Vec<u16>,
    /// Where the body of a refusal says how long to wait. Default: only the `Retry-After` header does.
    pub retry_after_field: Option<WaitField>,
    /// JSON pointer to the receipt's id in the body of an accepting answer. Default: no id.
    pub receipt_field: Option<String>,
    /// Whether `url` may be in a private network; without `url`, whether recipients may. Default: false.
    pub allow_private_networks: bool,
    /// Bytes of an answer that are read at most, 1 to 1,048,576: raise it where `success_body`, `receipt_field` or
    /// `batch_results` point beyond. Default: 65,536.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub max_response_bytes: Option<usize>,
    /// Whether `url` may be `http://`; without `url`, whether recipients may. Default: false.
    pub allow_http: bool,
    /// A further header that carries the stable id, such as `Idempotency-Key`. Default: none.
    pub idempotency_header: Option<String>,
}

/// The HTTP methods that carry a webhook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum WebhookMethod {
    /// The usual one.
    #[default]
    Post,
    /// For receivers that store under the URL.
    Put,
    /// For receivers that change what is at the URL.
    Patch,
}
