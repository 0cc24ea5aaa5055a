//! What the engine tells the outside: events and numbers.
//!
//! | file | what it holds |
//! |---|---|
//! | `events` | [`EventBus`]: one broadcast of everything that happens |
//! | `board` | [`Board`]: numbers that are read without asking whoever writes them |
//! | `cell`, `current` | [`WorkerCell`]: what one worker shows of itself |
//! | `pace` | how fast a worker is of late |
//! | `worker_stats` | [`WorkerStats`]: the same as it is handed out |

mod board;
mod cell;
mod current;
mod events;
mod pace;
mod worker_stats;

pub use board::{Board, Demand, PlatformStats, PlatformTally, Workers};
pub use cell::WorkerCell;
pub use current::CurrentSend;
pub use events::{EventBus, EventStream, Missed};
pub use pace::Pace;
pub use worker_stats::{WorkerState, WorkerStats};
