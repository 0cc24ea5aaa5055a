//! The two clocks, as an argument.

use std::time::{Instant, SystemTime};

use async_trait::async_trait;

/// Tells the time. Production passes the system's clocks, tests and the simulation pass their own.
///
/// The wall clock decides due times and is written into timestamps, nothing else; everything measured inside a process
/// uses the monotonic one.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The monotonic clock.
    fn now(&self) -> Instant;

    /// The wall clock.
    fn wall(&self) -> SystemTime;

    /// Waits until [`now`](Clock::now) has reached `deadline`. Dropping the future stops the wait.
    async fn sleep_until(&self, deadline: Instant);
}
