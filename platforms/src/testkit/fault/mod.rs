//! A raw HTTP/1.1 server that records every request and misbehaves on demand.
//!
//! | file | what it holds |
//! |---|---|
//! | `script` | [`Answer`] and [`Fault`]: what it does with a request |
//! | `server` | [`FaultServer`]: accepts, records, follows the script |
//! | `wire` | requests read from and misdeeds done to a socket |

mod script;
mod server;
mod wire;

pub use script::{Answer, Fault};
pub use server::FaultServer;
pub use wire::RecordedRequest;
