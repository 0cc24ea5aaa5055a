//! Looking through the store, and what a person does with dead letters.

use std::time::Duration;

use super::{Hub, HubError};
use crate::store::{Cursor, Page, TaskFilter};

/// Dead letters requeued or dropped in one call of the store.
const SLICE: usize = 100;

/// The pause after each: at most a thousand a second, so that what comes back does not bury what is new.
const PAUSE: Duration = Duration::from_millis(100);

/// Dead letters: tasks that nothing but a person changes any more. From [`Hub::dead`].
#[derive(Debug, Clone, Copy)]
pub struct DeadLetters<'a> {
    hub: &'a Hub,
}

impl Hub {
    /// A page of at most `max` tasks that `filter` means, newest first; `after` is where the page before it ended.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if the store cannot be read, or the cursor is none of its own.
    pub async fn tasks(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, HubError> {
        Ok(self.inner.store.list(filter, after, max).await?)
    }

    /// The dead letters.
    pub fn dead(&self) -> DeadLetters<'_> {
        DeadLetters { hub: self }
    }
}

impl DeadLetters<'_> {
    /// A page of the dead among those that `filter` means, newest first.
    ///
    /// # Errors
    ///
    /// As [`Hub::tasks`].
    pub async fn list(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, HubError> {
        let dead = TaskFilter { states: TaskFilter::dead().states, ..filter.clone() };
        self.hub.tasks(&dead, after, max).await
    }

    /// Lets all dead tasks that `filter` means be tried anew, at most 1,000 a second: they wait behind all others, with all
    /// their attempts before them. Returns how many.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if the store cannot do it; what was requeued by then stays so.
    ///
    /// # Cancellation
    ///
    /// Dropped, what was requeued by then stays so.
    pub async fn requeue(&self, filter: TaskFilter) -> Result<usize, HubError> {
        self.in_slices(async || self.hub.inner.store.requeue(&filter, SLICE).await.map_err(HubError::from)).await
    }

    /// Forgets all dead tasks that `filter` means, at most 1,000 a second. Returns how many.
    ///
    /// # Errors
    ///
    /// [`HubError::Store`] if the store cannot do it; what was forgotten by then stays so.
    ///
    /// # Cancellation
    ///
    /// Dropped, what was forgotten by then stays so.
    pub async fn drop(&self, filter: TaskFilter) -> Result<usize, HubError> {
        self.in_slices(async || self.hub.inner.store.drop_dead(&filter, SLICE).await.map_err(HubError::from)).await
    }

    async fn in_slices(&self, slice: impl AsyncFn() -> Result<usize, HubError>) -> Result<usize, HubError> {
        let (mut all, clock) = (0, &self.hub.inner.clock);
        loop {
            let done = slice().await?;
            all += done;
            if done < SLICE {
                return Ok(all);
            }
            clock.sleep_until(clock.now() + PAUSE).await;
        }
    }
}
