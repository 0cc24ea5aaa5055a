//! What the engine tells the outside: events and numbers.
//!
//! | file | what it holds |
//! |---|---|
//! | `events` | [`EventBus`]: where everything that happens is published |
//! | `broadcaster` | [`Broadcaster`]: numbers events and fans them out |
//! | `stream` | [`EventStream`]: a subscription, as whoever made it holds it |
//! | `audience`, `place` | who listens; how far each of them has come |
//! | `board` | [`Board`]: numbers that are read without asking whoever writes them |
//! | `tally`, `histogram` | what is counted where it happens |
//! | `metrics` | the same as metrics, for recorders and for Prometheus |
//! | `cell`, `current` | [`WorkerCell`]: what one worker shows of itself |
//! | `pace` | how fast a worker is of late |
//! | `lane_stats` | [`LaneStats`]: how one lane stands |
//! | `worker_stats` | [`WorkerStats`]: the same as it is handed out |

mod audience;
mod board;
mod broadcaster;
mod cell;
mod current;
mod events;
mod histogram;
mod lane_stats;
mod metrics;
mod pace;
mod place;
mod stream;
mod tally;
#[cfg(test)]
mod tests;
mod worker_stats;

pub use board::{Board, Demand, Scaling};
pub use broadcaster::Broadcaster;
pub use cell::WorkerCell;
pub use current::CurrentSend;
pub use events::EventBus;
pub use lane_stats::{LaneStats, Parked, ParkedBy};
#[cfg(feature = "server")]
pub use metrics::{Kind, NAMES};
pub use metrics::{Publisher, prometheus};
pub use pace::Pace;
pub use stream::{EventStream, Missed};
pub use tally::{PlatformStats, PlatformTally};
pub use worker_stats::{WorkerState, WorkerStats};
