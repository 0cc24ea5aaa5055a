//! What a program's own tests need: a hub that sends nowhere, a clock that is moved by hand, and what was sent.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use notifyhub::{Notification, platforms::contract::SendError, testing::TestHub};
//!
//! let test = TestHub::start().await?;
//! test.platform.push(SendError::unavailable("down for repair"));
//!
//! let accepted = test.hub.send(Notification::text("hello").to("test:ada")).await?;
//! test.platform.wait_for(1).await;               // the first attempt failed,
//! test.clock.advance(Duration::from_secs(60));   // and nobody waits a minute for the second
//! assert!(accepted.outcome().await?.all_delivered());
//!
//! assert_eq!(test.sent(), vec![("ada".to_owned(), "hello".to_owned()); 2]);
//! # Ok(()) }
//! ```

mod clock;

#[cfg(feature = "failpoints")]
#[doc(hidden)]
pub use crate::failpoint::plant;
pub use clock::MovedClock;
pub use notifyhub_platforms::testkit::{FakePlatform, Reaction};

use std::sync::Arc;

use crate::{Hub, HubBuilder, StartError};

/// A hub whose one platform, `test`, is a [`FakePlatform`], and whose time is moved by hand.
#[derive(Debug)]
pub struct TestHub {
    /// The hub.
    pub hub: Hub,
    /// What its platform does, and what it was given.
    pub platform: FakePlatform,
    /// Its time.
    pub clock: MovedClock,
}

impl TestHub {
    /// Starts one with every default.
    ///
    /// # Errors
    ///
    /// As [`HubBuilder::start`].
    pub async fn start() -> Result<Self, StartError> {
        Self::start_with(|builder| builder).await
    }

    /// Starts one that is told more: other platforms, groups, limits.
    ///
    /// # Errors
    ///
    /// As [`HubBuilder::start`].
    pub async fn start_with(tell: impl FnOnce(HubBuilder) -> HubBuilder) -> Result<Self, StartError> {
        let (platform, clock) = (FakePlatform::new(), MovedClock::new());
        let builder = Hub::builder().clock(Arc::new(clock.clone())).seed(1).platform("test", platform.clone());
        Ok(Self { hub: tell(builder).start().await?, platform, clock })
    }

    /// Recipient (empty where there is none) and body of everything that was given to the platform, in order.
    pub fn sent(&self) -> Vec<(String, String)> {
        let of = |envelope: notifyhub_platforms::contract::Envelope| {
            (envelope.recipient.as_deref().unwrap_or_default().to_owned(), envelope.message.body.clone())
        };
        self.platform.sent().into_iter().map(of).collect()
    }
}
