//! What tests of adapters, and of programs that use them, need.
//!
//! | file | what it holds |
//! |---|---|
//! | `fault` | [`FaultServer`]: an HTTP server that records requests and misbehaves on demand |
//! | `fake` | [`FakePlatform`]: a platform that records envelopes and answers by script |
//! | `scripted` | [`ScriptedTransport`]: a transport in memory that records requests and answers by script |
//! | `conformance` | what every HTTP adapter promises, as a suite |
//! | `clock` | [`FixedClock`], which stands still, and [`TokioClock`] |

mod clock;
pub mod conformance;
mod fake;
mod fault;
mod scripted;

pub use clock::{FixedClock, TokioClock};
pub use fake::{FakePlatform, Reaction};
pub use fault::{Answer, Fault, FaultServer, RecordedRequest};
pub use scripted::{ScriptedTransport, answer};
