//! Clocks for tests: one that stands still, and tokio's.

use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;

use crate::contract::Clock;

/// A clock that always shows the same time: for adapters whose requests hold a timestamp.
#[derive(Debug, Clone, Copy)]
pub struct FixedClock {
    now: Instant,
    wall: SystemTime,
}

impl FixedClock {
    /// A clock whose wall shows `seconds` since the Unix epoch.
    pub fn at_unix(seconds: u64) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the system")]
        Self { now: Instant::now(), wall: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds) }
    }
}

#[async_trait]
impl Clock for FixedClock {
    fn now(&self) -> Instant {
        self.now
    }

    fn wall(&self) -> SystemTime {
        self.wall
    }

    /// Returns at once where the deadline is not in the future, else never.
    async fn sleep_until(&self, deadline: Instant) {
        if deadline > self.now {
            std::future::pending::<()>().await;
        }
    }
}

/// The time of the tokio runtime, which a test may have paused, and the system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioClock;

#[async_trait]
#[expect(clippy::disallowed_methods, reason = "a clock is where time comes from")]
impl Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    async fn sleep_until(&self, deadline: Instant) {
        tokio::time::sleep_until(deadline.into()).await;
    }
}
