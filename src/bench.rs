//! For benches of this repository, not part of the interface: parts of the engine that are measured by themselves.

pub use crate::telemetry::{Broadcaster, EventBus};
