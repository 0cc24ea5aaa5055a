//! Inner parts for the benches of this repository; not part of the interface, and changed without notice.

pub use crate::pool::{Batch, Candidate, LoadBalancer, balancer};
