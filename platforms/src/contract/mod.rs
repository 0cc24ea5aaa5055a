//! What a platform is: the types and traits an adapter speaks, and nothing of ours below them.
//!
//! An adapter is handed an [`Envelope`] (one [`Message`] for one recipient) and answers with a [`Receipt`] or a
//! [`SendError`] that says what went wrong *and* what to do about it. It knows no queue, no retry, no worker and no
//! metric; time and network reach it as [`Clock`] and [`Transport`] when it is built.
//!
//! | file | what it holds |
//! |---|---|
//! | `platform` | the trait [`Platform`]: what every configured account can do |
//! | `adapter` | the trait [`Adapter`]: how a `[platforms.x]` table or a URL becomes a platform |
//! | `capabilities` | what a platform can and cannot carry |
//! | `message` | what is said: title, body, format, fields, actions, attachments |
//! | `envelope` | one message on its way to one recipient, with its stable id |
//! | `receipt`, `error` | the two ways a send can end |
//! | `secret` | strings that are never printed |
//! | `transport` | one HTTP exchange, as data |
//! | `clock` | the two clocks, as an argument |

mod adapter;
mod capabilities;
mod clock;
mod envelope;
mod error;
mod message;
mod platform;
mod receipt;
mod secret;
mod transport;

pub use adapter::{Adapter, ConfigError, Parts, UrlTarget};
pub use capabilities::{Capabilities, Counted, Idempotency, LengthUnit, RecipientRule, TextLimit};
pub use clock::Clock;
pub use envelope::{Envelope, EnvelopeId};
pub use error::{ErrorKind, LimitScope, SendError};
pub use message::{Action, ActionStyle, Attachment, AttachmentContent, Extras, Field, Format, Mention, Message, Priority};
pub use platform::Platform;
pub use receipt::Receipt;
pub use secret::Secret;
pub use transport::{
    ClientIdentity, Endpoint, HttpRequest, HttpResponse, NetworkPolicy, Transport, TransportError, TransportErrorKind,
};
