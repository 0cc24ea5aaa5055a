//! What is answered over HTTP.
//!
//! | file | what it answers |
//! |---|---|
//! | `metrics` | `GET /metrics`, for Prometheus |

mod metrics;

pub use metrics::{MetricsServer, recorder};
