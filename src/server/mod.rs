//! What is answered over HTTP.
//!
//! | file | what it holds |
//! |---|---|
//! | `api` | the routes, who may ask, and the listener |
//! | `notifications` | `POST /v1/notifications` |
//! | `tasks` | `GET /v1/tasks/{id}`, `GET /v1/notifications/{id}`, and a task as JSON |
//! | `metrics` | `GET /metrics`, for Prometheus |
//! | `problem` | errors (RFC 9457) |

mod api;
mod metrics;
mod notifications;
mod problem;
mod tasks;

pub use api::{Server, api};
pub use metrics::Metrics;
#[cfg(any(test, feature = "testing"))]
pub use metrics::recorder;
pub use tasks::{record, records, time};
