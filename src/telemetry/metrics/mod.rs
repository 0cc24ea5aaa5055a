//! Metrics, as the `metrics` facade and Prometheus know them.
//!
//! Hot paths count on the [`Board`](super::Board) and know nothing of recorders; once a second a publisher passes on what
//! has changed. The library installs no recorder: whoever wants the metrics installs one before the hub starts, or asks
//! for the text with `Hub::prometheus`.
//!
//! | file | what it holds |
//! |---|---|
//! | `names` | the metrics there are |
//! | `numbers` | all series at one moment |
//! | `publisher` | [`Publisher`]: what has changed, to the facade |
//! | `prometheus` | the text, and a builder of recorders with our buckets |

mod names;
mod numbers;
#[cfg(feature = "prometheus")]
mod prometheus;
mod publisher;

#[cfg(feature = "prometheus")]
pub use prometheus::{prometheus, prometheus_builder};
pub use publisher::Publisher;
