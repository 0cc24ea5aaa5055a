//! Webhooks: an HTTP request to any URL, by default signed and shaped as Standard Webhooks 1.0.0 describes.
//!
//! ```toml
//! [platforms.crm]
//! type = "webhook"
//! url = "https://crm.example.com/hooks/notify"
//! signing_secrets = [{ env = "CRM_WEBHOOK_SECRET" }]      # whsec_… or whsk_…, several while rotating
//! ```
//!
//! Every request carries `webhook-id`, the same for all attempts, so that the receiver can drop copies;
//! `webhook-timestamp`, the time of the attempt; and `webhook-signature` where there are secrets. The body is written
//! once and signed as it travels.
//!
//! | body | what is sent | what `raw.webhook` of a message does |
//! |---|---|---|
//! | `event` (default) | `{"type":"notification.sent","timestamp":…,"data":{…}}` | replaces `data` |
//! | `cloudevents` | the same as a CloudEvents 1.0 event, structured or binary | replaces `data` |
//! | `template` | a text of the operator's with the message's values in it | is what `{{ raw.NAME }}` stands for |
//! | `raw` | the message's body as it is | replaces the body with its JSON |
//! | `form` | `title=…&body=…`, fields by their names | adds its members, replacing those of the same name |
//!
//! # Templates
//!
//! ```toml
//! body = "template"
//! template = '''{ "text": "{{ title }}: {{ text }}", "severity": {{ priority }}, "details": {{ fields }} }'''
//! headers = { "X-Kind" = "{{ kind }}" }
//! ```
//!
//! A placeholder that nobody knows is a mistake of the configuration. The `content_type`, JSON if there is none, decides how
//! values are written: whatever a message holds, the JSON stays JSON, and nothing breaks out of its place. A header
//! value that would hold a line break ends the attempt before anything is sent.
//!
//! # Batches
//!
//! With `max_batch`, a request carries a list of messages: a JSON array, or one JSON value per line. Each message holds its
//! own `id`; `webhook-id` is the id of the only message, else one that the same messages make again. All share
//! the answer's outcome, unless the receiver answers with a list of results and `batch_results` says where:
//!
//! ```json
//! {"results": [200, {"status": 202, "id": "m-2"}, {"status": 422, "error": "no such account"}]}
//! ```
//!
//! Each result is judged as if it were the answer to its message alone. A list that does not fit leaves all of them in
//! doubt. A request that is refused as invalid is taken apart, so that a bad message ends alone.
//!
//! # Recipients
//!
//! A target may name a URL of its own (`customers:https://their.example.com/hook`), one lane per host. Such a URL is a
//! caller's word, not the operator's: the trust and credentials configured for `url` hold for its origin only, and any
//! other recipient must be an `https` URL in public networks. Without `url` every target names its recipient.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | the keys of the table |
//! | `build` | configuration to adapter, everything static made once |
//! | `destination` | which URL, how far it is trusted |
//! | `headers` | the headers of the configuration |
//! | `body` | message to bytes |
//! | `cloudevents` | the attributes of CloudEvents |
//! | `batch` | several messages in one request |
//! | `template/` | texts with placeholders |
//! | `handshake` | asking receivers for permission |
//! | `request` | message, headers and signatures to a request |
//! | `adapter` | the traits |
//! | `verdict` | the answer's meaning |
//! | `proof` | what an accepting body must say |
//! | `address` | `json://…` and the like |

mod adapter;
mod address;
mod batch;
mod body;
mod build;
mod cloudevents;
mod config;
mod destination;
mod handshake;
mod headers;
mod proof;
mod request;
mod template;
mod verdict;

pub use adapter::Webhook;
pub use config::{
    Auth, BatchFormat, BodyKind, CloudEventsConfig, CloudEventsMode, HandshakeConfig, SuccessBody, WaitField, WaitUnit,
    WebhookConfig, WebhookMethod,
};
