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
//! | `text` | the same as text, for Prometheus |

mod names;
mod numbers;
mod publisher;
mod text;

#[cfg(feature = "server")]
pub use names::{Kind, NAMES};
pub use publisher::Publisher;

use super::{Board, EventBus};

/// All metrics in Prometheus' text format.
pub fn prometheus(board: &Board, events: &EventBus) -> String {
    text::text(&numbers::Numbers::read(board, events))
}
