//! E-mail over SMTP (RFC 5321), `type = "email"`.
//!
//! One envelope is one mail to one recipient in one transaction, so every recipient has an outcome of its own.
//! Connections are kept and reused; a connection whose state is not known for certain is never used again.
//!
//! | file | what it does |
//! |---|---|
//! | `platform` | [`Email`]: the adapter |
//! | `config` | [`EmailConfig`]: its keys |
//! | `address` | `mailto://` and `mailtos://` URLs |
//! | `mailbox` | `Ada <ada@example.com>`, read and checked |
//! | `header` | header fields a user may set |
//! | `letter` | an envelope becomes the bytes of a mail |
//! | `body` | the text and the HTML part |
//! | `pool` | which connection carries the next mail |
//! | `server` | where and how to connect: TLS, login |
//! | `link` | one connection, and the transaction on it |
//! | `stream` | a socket that keeps plaintext from leaking into TLS |
//! | `reply` | [`classify`]: what a server's reply means |

mod address;
mod body;
mod config;
mod header;
mod letter;
mod link;
mod mailbox;
mod platform;
mod pool;
mod reply;
mod server;
mod stream;

pub use config::{AuthMechanism, EmailConfig, ListUnsubscribe, Security};
pub use platform::Email;
pub use reply::{Stage, classify};
