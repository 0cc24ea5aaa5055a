//! Endpoints that are sent to no more: which there are, and sending to one again.

use tokio::sync::oneshot;

use super::{Hub, HubError};
use crate::{
    dispatch::Command,
    store::{Endpoint, Failing},
};

/// Endpoints: recipients of platforms that have many, such as the webhooks of customers. One that answers 410 Gone, or with
/// nothing but errors for `disable_after`, is sent to no more; what comes for it is dead, with that reason. From
/// [`Hub::endpoints`].
#[derive(Debug, Clone, Copy)]
pub struct Endpoints<'a> {
    hub: &'a Hub,
}

impl Hub {
    /// The endpoints.
    pub fn endpoints(&self) -> Endpoints<'_> {
        Endpoints { hub: self }
    }
}

impl Endpoints<'_> {
    /// Those that are sent to no more, and those that have failed for over an hour, by platform and recipient.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if the store cannot be read.
    pub async fn failing(&self) -> Result<Vec<Failing>, HubError> {
        let mut failing = self.hub.inner.store.endpoints().await?;
        failing.sort_by(|one, other| one.endpoint.cmp(&other.endpoint));
        Ok(failing)
    }

    /// Sends to an endpoint again, as if it had never failed. Whether anything was known of it. What is dead stays so, until it is
    /// [requeued](super::DeadLetters::requeue). Other processes on the same store follow within half a minute.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if the store cannot be written to; nothing is changed then.
    ///
    /// # Cancellation
    ///
    /// Dropped, it is done or not done; this process may learn of it from its next start only.
    pub async fn enable(&self, endpoint: &Endpoint) -> Result<bool, HubError> {
        let known = self.hub.inner.store.forget_endpoint(endpoint).await?;
        let (done, is_done) = oneshot::channel();
        // A hub that delivers nothing has nobody to tell.
        if self.hub.inner.commands.send(Command::Enable(endpoint.clone(), done)).await.is_ok() {
            let _ = is_done.await;
        }
        Ok(known)
    }
}
