//! How one lane stands, as it is handed out.

use std::time::Duration;

use serde::Serialize;

use crate::{event::BreakerState, task::PlatformName};

/// How one lane stands. A lane is the road to one platform, or to one host of it where its adapter tells hosts apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaneStats {
    /// Its platform.
    pub platform: PlatformName,
    /// Which part of it, where its adapter tells parts apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<std::sync::Arc<str>>,
    /// How its circuit breaker stands.
    pub breaker: BreakerState,
    /// Tasks that wait here for their turn; more may wait in the store.
    pub waiting: usize,
    /// Tasks with workers.
    pub in_flight: usize,
    /// Sends that may be under way at this moment.
    pub limit: usize,
    /// Sends per minute that its platform was found to let through, where it kept asking to slow down; they are spaced out
    /// accordingly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned_per_minute: Option<u64>,
    /// Whether more waits in the store.
    pub backlog: bool,
    /// What keeps it from sending, if anything does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
}

/// What keeps a lane from sending.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parked {
    /// What.
    pub by: ParkedBy,
    /// For how much longer; nothing where only a person knows.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub left: Option<Duration>,
}

/// What can keep a lane from sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ParkedBy {
    /// A person paused its platform.
    Paused,
    /// Its circuit breaker is open.
    Breaker,
    /// Its platform refuses the credentials or the account.
    Suspended,
    /// Its platform asked to be left alone.
    RetryAfter,
    /// Its rate limit is used up.
    RateLimit,
    /// The rate that it was found to be let through is used up.
    LearnedRate,
    /// One recipient may not be sent to yet; the others of the lane may.
    Recipient,
    /// The last attempt of a task failed, and its next one waits a little.
    Backoff,
}
