//! The keys of a `type = "webhook"` table.
//!
//! | file | what it holds |
//! |---|---|
//! | `table` | [`WebhookConfig`], the table itself |
//! | `auth` | how requests authorize themselves |
//! | `body` | what is sent |
//! | `handshake` | asking receivers for permission |
//! | `answer` | what answers mean |

mod answer;
mod auth;
mod body;
mod handshake;
mod table;

pub use answer::{SuccessBody, WaitField, WaitUnit};
pub use auth::{Auth, ClientCertificate};
pub use body::{BatchFormat, BodyKind, CloudEventsConfig, CloudEventsMode};
pub use handshake::HandshakeConfig;
pub use table::{WebhookConfig, WebhookMethod};
