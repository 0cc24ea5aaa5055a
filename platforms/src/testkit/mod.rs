//! What tests of adapters, and of programs that use them, need.

mod clock;

pub use clock::FixedClock;
