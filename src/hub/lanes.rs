//! Lanes by hand, at run time: how they stand, pausing a platform, its circuit breaker.

use tokio::sync::oneshot;

use super::{Hub, HubError};
use crate::{
    dispatch::{Command, LaneOrder},
    task::PlatformName,
    telemetry::LaneStats,
};

/// The lanes of a hub: the roads to its platforms. What is said here is in force when the call returns, and until this process
/// ends.
#[derive(Debug, Clone, Copy)]
pub struct Lanes<'a> {
    hub: &'a Hub,
}

impl Hub {
    /// The lanes.
    pub fn lanes(&self) -> Lanes<'_> {
        Lanes { hub: self }
    }
}

impl Lanes<'_> {
    /// How each lane stands that was used since the hub started, in no order.
    ///
    /// # Errors
    ///
    /// [`HubError::ShuttingDown`].
    pub async fn list(&self) -> Result<Vec<LaneStats>, HubError> {
        let (answer, stats) = oneshot::channel();
        self.tell(Command::Lanes(answer)).await?;
        stats.await.map_err(|_| HubError::ShuttingDown)
    }

    /// Sends nothing more to a platform until it is [resumed](Self::resume). What is under way ends as it ends; what waits goes
    /// on waiting, costs no attempt, and may expire.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchPlatform`], [`HubError::ShuttingDown`].
    pub async fn pause(&self, platform: &PlatformName) -> Result<(), HubError> {
        self.order(platform, LaneOrder::Pause).await
    }

    /// Sends to a platform again that was [paused](Self::pause). Its circuit breakers stay as they are.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchPlatform`], [`HubError::ShuttingDown`].
    pub async fn resume(&self, platform: &PlatformName) -> Result<(), HubError> {
        self.order(platform, LaneOrder::Resume).await
    }

    /// Opens the circuit breakers of a platform's lanes: nothing is sent for its `recovery_timeout`, then it is tried.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchPlatform`], [`HubError::ShuttingDown`].
    pub async fn open_breaker(&self, platform: &PlatformName) -> Result<(), HubError> {
        self.order(platform, LaneOrder::Open).await
    }

    /// Closes the circuit breakers of a platform's lanes, and ends their rest: everything may be sent at once. That is what to
    /// call when refused credentials have been seen to.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchPlatform`], [`HubError::ShuttingDown`].
    pub async fn close_breaker(&self, platform: &PlatformName) -> Result<(), HubError> {
        self.order(platform, LaneOrder::Close).await
    }

    async fn order(&self, platform: &PlatformName, order: LaneOrder) -> Result<(), HubError> {
        if !self.hub.inner.directory.load().platforms.contains_key(platform) {
            return Err(HubError::NoSuchPlatform { name: platform.clone(), known: self.hub.platforms() });
        }
        let (done, is_done) = oneshot::channel();
        self.tell(Command::Order(platform.clone(), order, done)).await?;
        is_done.await.map_err(|_| HubError::ShuttingDown)
    }

    async fn tell(&self, command: Command) -> Result<(), HubError> {
        self.hub.inner.commands.send(command).await.map_err(|_| HubError::ShuttingDown)
    }
}
