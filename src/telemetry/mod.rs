//! What the engine tells the outside: events and numbers.
//!
//! | file | what it holds |
//! |---|---|
//! | `events` | [`EventBus`]: one broadcast of everything that happens |
//! | `board` | [`Board`]: numbers that are read without asking whoever writes them |

mod board;
mod events;

pub use board::{Board, PlatformStats, PlatformTally, WorkerStats, WorkerTally};
pub use events::{EventBus, EventStream, Missed};
