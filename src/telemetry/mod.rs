//! What the engine tells the outside: events and numbers.
//!
//! | file | what it holds |
//! |---|---|
//! | `events` | [`EventBus`]: where everything that happens is published |
//! | `broadcaster` | [`Broadcaster`]: numbers events and fans them out |
//! | `stream` | [`EventStream`]: a subscription, as whoever made it holds it |
//! | `audience`, `place` | who listens; how far each of them has come |
//! | `board` | [`Board`]: numbers that are read without asking whoever writes them |

mod audience;
mod board;
mod broadcaster;
mod events;
mod place;
mod stream;
#[cfg(test)]
mod tests;

pub use board::{Board, PlatformStats, PlatformTally, WorkerStats, WorkerTally};
pub use broadcaster::Broadcaster;
pub use events::EventBus;
pub use stream::{EventStream, Missed};
