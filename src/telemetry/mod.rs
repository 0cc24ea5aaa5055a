//! What the engine tells the outside: events.

mod events;

pub use events::{EventBus, EventStream, Missed};
