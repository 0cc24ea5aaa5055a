//! `[delivery]`: timeouts, retries and limits; the defaults for every platform, each of which may override them.

use std::{num::NonZeroU32, time::Duration};

/// What becomes of an attempt that may or may not have arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnAmbiguous {
    /// It is tried again: at least once, at the price of a possible copy.
    #[default]
    Retry,
    /// It is dead: at most once, at the price of a possible loss.
    Dead,
}

/// How long to wait between attempts: a random time up to `initial * factor^(n-1)`, at most `max` (full jitter).
#[derive(Debug, Clone, PartialEq)]
pub struct Backoff {
    /// Upper bound of the first wait. Default: 2 s.
    pub initial: Duration,
    /// Upper bound of every wait. Default: 2 h.
    pub max: Duration,
    /// What the bound is multiplied with each time, in thousandths. Default: 3000 (`factor = 3.0`). At least 1000.
    pub factor_permille: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(2), max: Duration::from_secs(2 * 60 * 60), factor_permille: 3000 }
    }
}

/// One window of a rate limit: `count` sends per `per`, of which `burst` may go at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateWindow {
    /// How many.
    pub count: NonZeroU32,
    /// Per how long. More than zero.
    pub per: Duration,
    /// How many of them may go at once. Default: 1 when written as `"N/T"`... evenly paced.
    pub burst: NonZeroU32,
}

/// How the tasks of a platform are delivered.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryConfig {
    /// Longest time one attempt may take. Default: 10 s.
    pub timeout: Duration,
    /// Attempts before a task is dead. Default: 20. At least 1.
    pub max_attempts: u32,
    /// Waits between attempts.
    pub backoff: Backoff,
    /// Longest `Retry-After` that is obeyed. Default: 24 h.
    pub retry_after_max: Duration,
    /// What becomes of ambiguous attempts. Default: retry.
    pub on_ambiguous: OnAmbiguous,
    /// Sends of one lane under way at most. Default: 64. At least 1.
    pub max_in_flight: usize,
    /// Rate limits, all of which hold. Default: none.
    pub rate_limit: Vec<RateWindow>,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_attempts: 20,
            backoff: Backoff::default(),
            retry_after_max: Duration::from_secs(24 * 60 * 60),
            on_ambiguous: OnAmbiguous::default(),
            max_in_flight: 64,
            rate_limit: Vec::new(),
        }
    }
}
