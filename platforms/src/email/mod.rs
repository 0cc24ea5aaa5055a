//! E-mail over SMTP (RFC 5321), `type = "email"`.
//!
//! One envelope is one mail to one recipient in one transaction; with `hidden_copies` those with the same message share a mail
//! that names none of them. Either way every recipient has an outcome of its own.
//! Connections are kept and reused; a connection whose state is not known for certain is never used again.
//!
//! ```toml
//! [platforms.mail]
//! type = "email"
//! host = "smtp.example.com"          # port 587 with STARTTLS, unless `port` and `security` say otherwise
//! username = "alerts@example.com"
//! password = { env = "SMTP_PASSWORD" }
//! from = "Acme Alerts <alerts@example.com>"
//! ```
//!
//! | what a message has | what the mail has |
//! |---|---|
//! | title, or the first line of the body | `Subject` |
//! | text | one `text/plain` part |
//! | markdown | the source as `text/plain`, and `text/html` |
//! | HTML | its text as `text/plain`, and `text/html` |
//! | fields, actions, links, picture, attachments by URL | lines of the text; a table and links in the HTML |
//! | attachments with bytes | parts of their own; pictures in the HTML where it names them as `cid:NAME` |
//! | priority other than normal | `X-Priority`, `Importance` |
//! | thread key | `In-Reply-To`, `References` |
//! | `raw.email` | `headers` and `reply_to` of this mail alone |
//!
//! | file | what it does |
//! |---|---|
//! | `platform` | [`Email`]: the adapter |
//! | `config`, `options` | [`EmailConfig`]: its keys |
//! | `build`, `tls` | configuration to adapter |
//! | `address` | `mailto://` and `mailtos://` URLs |
//! | `mailbox` | `Ada <ada@example.com>`, read and checked |
//! | `header` | header fields a user may set |
//! | `letter` | an envelope becomes the bytes of a mail |
//! | `body`, `parts` | the text and the HTML; pictures and files |
//! | `dkim`, `canonical` | the signature of a mail |
//! | `hash` | a short name for some bytes |
//! | `sharing` | which envelopes of a batch are one mail |
//! | `round` | a batch on its way |
//! | `pool` | which connection carries the next mail |
//! | `server` | where and how to connect |
//! | `login`, `oauth` | who logs in, and how; access tokens |
//! | `link` | one connection, and the transaction on it |
//! | `offers` | what a server offers, and what is said with `MAIL` and `RCPT` |
//! | `stream` | a socket that keeps plaintext from leaking into TLS |
//! | `reply` | [`classify`]: what a server's reply means |

mod address;
mod body;
mod build;
mod canonical;
mod config;
mod dkim;
mod hash;
mod header;
mod letter;
mod link;
mod login;
mod mailbox;
mod oauth;
mod offers;
mod options;
mod parts;
mod platform;
mod pool;
mod reply;
mod round;
mod server;
mod sharing;
mod stream;
mod tls;

pub use config::EmailConfig;
pub use options::{AuthMechanism, Dkim, DkimAlgorithm, Dsn, DsnNotify, DsnReturn, ListUnsubscribe, OAuth2, Security, TlsVersion};
pub use platform::Email;
pub use reply::{Stage, classify};
