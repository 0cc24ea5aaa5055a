//! A clock that runs, and can be moved ahead by hand.

use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::clock::{Clock, SystemClock};

/// The system's clocks, ahead by as much as they were moved. Clones move together.
#[derive(Debug, Clone)]
pub struct MovedClock {
    ahead: watch::Sender<Duration>,
}

impl MovedClock {
    /// A clock that has not been moved.
    pub fn new() -> Self {
        Self { ahead: watch::Sender::new(Duration::ZERO) }
    }

    /// Moves time ahead; whoever waits for a moment that has now come wakes up.
    pub fn advance(&self, by: Duration) {
        self.ahead.send_modify(|ahead| *ahead += by);
    }

    fn ahead(&self) -> Duration {
        *self.ahead.borrow()
    }
}

impl Default for MovedClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for MovedClock {
    fn now(&self) -> Instant {
        SystemClock.now() + self.ahead()
    }

    fn wall(&self) -> SystemTime {
        SystemClock.wall() + self.ahead()
    }

    async fn sleep_until(&self, deadline: Instant) {
        let mut moved = self.ahead.subscribe();
        loop {
            let ahead = *moved.borrow_and_update();
            let Some(system) = deadline.checked_sub(ahead).filter(|system| *system > SystemClock.now()) else { return };
            tokio::select! {
                () = SystemClock.sleep_until(system) => return,
                _ = moved.changed() => {}
            }
        }
    }
}
