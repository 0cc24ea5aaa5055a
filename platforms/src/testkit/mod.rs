//! What tests of adapters, and of programs that use them, need.
//!
//! | file | what it holds |
//! |---|---|
//! | `fault` | [`FaultServer`]: an HTTP server that records requests and misbehaves on demand |
//! | `smtp` | [`SmtpScript`]: a mail server that records what is said and answers by script |
//! | `fake` | [`FakePlatform`]: a platform that records envelopes and answers by script |
//! | `scripted` | [`ScriptedTransport`]: a transport in memory that records requests and answers by script |
//! | `conformance` | what every HTTP adapter promises, as a suite |
//! | `envelope` | [`envelope`](fn@envelope): an envelope for a test |
//! | `clock` | [`FixedClock`], which stands still, and [`TokioClock`] |

mod clock;
pub mod conformance;
mod envelope;
mod fake;
mod fault;
mod scripted;
mod smtp;

pub use clock::{FixedClock, TokioClock};
pub use envelope::envelope;
pub use fake::{FakePlatform, Reaction};
pub use fault::{Answer, Fault, FaultServer, RecordedRequest};
pub use scripted::{ScriptedTransport, answer};
pub use smtp::{SmtpReaction, SmtpScript};
