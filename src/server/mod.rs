//! What is answered over HTTP.
//!
//! | file | what it holds |
//! |---|---|
//! | `api` | the routes, who may ask, and the listener |
//! | `tasks` | `GET /v1/tasks/{id}`, `GET /v1/notifications/{id}`, and a task as JSON |
//! | `metrics` | `GET /metrics`, for Prometheus |
//! | `problem` | errors (RFC 9457) |

mod api;
mod metrics;
mod problem;
mod tasks;

pub use api::{Server, api};
pub use metrics::{Metrics, recorder};
pub use tasks::{record, records, time};
