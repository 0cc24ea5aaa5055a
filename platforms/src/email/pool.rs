//! Which connection carries the next mail.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{link::Link, server::Server};
use crate::contract::SendError;

/// After how long without use a connection is asked whether it still works.
const TEST_AFTER: Duration = Duration::from_secs(30);
/// How long a server is given to answer to our good-bye.
const QUIT_WITHIN: Duration = Duration::from_secs(1);

/// A bounded set of connections to one server. An unused one waits here for the next mail; nothing runs in the background,
/// so one that is kept too long is closed when the next mail comes.
pub(super) struct Pool {
    pub(super) server: Server,
    pub(super) connections_max: usize,
    pub(super) idle_timeout: Duration,
    pub(super) mails_max: u32,
    permits: Semaphore,
    /// Last used last. Never held over an await.
    idle: Mutex<Vec<Link>>,
}

/// A connection lent to one mail. Dropped without being given back, it is closed.
pub(super) struct Lent<'a> {
    pub(super) link: Link,
    /// Whether other mails went over it before.
    pub(super) is_reused: bool,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub(super) fn new(server: Server, connections_max: usize, idle_timeout: Duration, mails_max: u32) -> Self {
        Self {
            server,
            connections_max,
            idle_timeout,
            mails_max,
            permits: Semaphore::new(connections_max),
            idle: Mutex::default(),
        }
    }

    /// Lends a connection: the one used last if it still works, else a new one.
    ///
    /// # Errors
    ///
    /// [`SendError`] when all are busy for longer than the time limit, or none can be made.
    pub(super) async fn lend(&self) -> Result<Lent<'_>, SendError> {
        let permit = match self.server.in_time(self.server.timeout, self.permits.acquire()).await {
            Some(permit) => permit.expect("the pool never closes its semaphore"),
            None => {
                return Err(SendError::unavailable(format!(
                    "all {} connections to the mail server are busy",
                    self.connections_max
                )));
            }
        };
        while let Some(mut link) = self.take_idle() {
            let idle = self.server.clock.now().saturating_duration_since(link.used_at);
            if idle < TEST_AFTER || link.test(&self.server).await.is_ok() {
                return Ok(Lent { link, is_reused: true, _permit: permit });
            }
        }
        Ok(Lent { link: self.server.dial().await?, is_reused: false, _permit: permit })
    }

    /// Takes a connection back, for the next mail if it may carry one.
    pub(super) async fn give_back(&self, lent: Lent<'_>) {
        let Lent { link, .. } = lent;
        if !link.is_clean {
            return;
        }
        if link.mails >= self.mails_max {
            self.server.in_time(QUIT_WITHIN, link.quit()).await;
            return;
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(link);
    }

    /// The connection used last, after closing those that have waited too long.
    fn take_idle(&self) -> Option<Link> {
        let now = self.server.clock.now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|link| now.saturating_duration_since(link.used_at) < self.idle_timeout);
        idle.pop()
    }
}
