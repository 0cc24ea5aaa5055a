//! The system's clocks, as the engine's [`Clock`], and a deadline that moves.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
pub use notifyhub_platforms::contract::Clock;

/// The clocks of the operating system. The monotonic one is tokio's, so it stands still where a test paused it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The system's clocks.
    pub const fn new() -> Self {
        Self
    }
}

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the system")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    async fn sleep_until(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.into()).await;
    }
}

/// A moment on the monotonic clock that is moved ahead from time to time. Clones are the same deadline.
#[derive(Debug, Clone)]
pub struct Deadline {
    base: Instant,
    nanos: Arc<AtomicU64>,
}

impl Deadline {
    /// A deadline that has passed at `now`.
    pub fn new(now: Instant) -> Self {
        Self { base: now, nanos: Arc::default() }
    }

    /// Moves it to this moment.
    pub fn set(&self, to: Instant) {
        let nanos = to.saturating_duration_since(self.base).as_nanos();
        self.nanos.store(u64::try_from(nanos).unwrap_or(u64::MAX), Ordering::Release);
    }

    /// How much time is left until it; nothing once it has passed.
    pub fn left(&self, now: Instant) -> Duration {
        let nanos = self.nanos.load(Ordering::Acquire);
        Duration::from_nanos(nanos).saturating_sub(now.saturating_duration_since(self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a moment like any other")]
    fn a_deadline_passes_until_it_is_moved() {
        let now = Instant::now();
        let (deadline, second) = (Deadline::new(now), Duration::from_secs(1));
        assert_eq!(deadline.left(now), Duration::ZERO);
        deadline.clone().set(now + 3 * second);
        assert_eq!((deadline.left(now + second), deadline.left(now + 4 * second)), (2 * second, Duration::ZERO));
    }
}
