//! What a notification platform is, and the ones notifyhub ships.
//!
//! # Layout
//!
//! - [`contract`]: the types and traits an adapter speaks. A third party's adapter needs this and nothing else.
//! - [`http`]: the one HTTP path every adapter takes: transport, address policy, status to error, signatures.
//! - [`render`]: markdown to each platform's dialect, escaping, length limits.
//! - [`chat`], [`email`], [`generic`]: the adapters, one file (or folder) each.
//! - [`registry`]: `type = "slack"` to the code that speaks Slack.
//! - `testkit` (feature `testkit`): what tests of adapters and of programs that use them need.
//!
//! Cargo keeps adapters away from the engine: this package does not depend on `notifyhub`, so no adapter can know a
//! retry, a queue, a worker or a metric.

pub mod chat;
pub mod contract;
#[cfg(feature = "email")]
pub mod email;
pub mod generic;
pub mod http;
pub mod registry;
pub mod render;
mod schema;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;

pub use contract::{Adapter, Platform};
pub use registry::Registry;
