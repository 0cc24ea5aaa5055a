//! What a hub promises, with platforms that do as they are told.

mod at_most_once;
mod backlog;
mod backpressure;
mod bounds;
mod breaker;
mod delivery;
mod draining;
mod endpoints;
mod fairness;
mod gated_store;
mod lanes;
mod lifecycle;
mod limits;
mod restarts;
mod routes;
mod workers;

use std::{future::Future, time::Duration};

/// The future's output; a promise that would be kept never is broken in half a minute.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it happens soon")
}
