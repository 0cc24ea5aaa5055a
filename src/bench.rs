//! Inner parts for the benches of this repository; not part of the interface, and changed without notice.

#[cfg(feature = "server")]
pub use crate::server::recorder;
pub use crate::{
    pool::{Batch, Candidate, History, LoadBalancer, LoadSample, Rules, TICK, balancer, workers_wanted},
    telemetry::{Broadcaster, EventBus},
};
