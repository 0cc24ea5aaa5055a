//! Inner parts for the benches of this repository; not part of the interface, and changed without notice.

pub use crate::{
    pool::{Batch, Candidate, History, LoadBalancer, LoadSample, Rules, TICK, balancer, workers_wanted},
    telemetry::{Broadcaster, EventBus},
};
