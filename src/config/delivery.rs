//! `[delivery]`: timeouts, retries and limits; the defaults for every platform, each of which may override them.

use std::{num::NonZeroU32, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{duration, permille, rate};

/// What becomes of an attempt that may or may not have arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnAmbiguous {
    /// It is tried again: at least once, at the price of a possible copy.
    #[default]
    Retry,
    /// It is dead: at most once, at the price of a possible loss.
    Dead,
}

/// Which of the tasks that wait for a lane goes first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// What was accepted first; what is urgent overtakes what was accepted up to an hour before it.
    #[default]
    Oldest,
    /// What was accepted last, and what is urgent as if it had been accepted up to an hour later: after an outage news go
    /// first, and the backlog last.
    Newest,
}

/// What becomes of the tasks of a platform that refuses its credentials or the account.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnauthorized {
    /// The lane is suspended and its tasks are held, until somebody has seen to it; it costs them no attempt.
    #[default]
    Hold,
    /// Each is dead at once.
    Dead,
}

/// When a lane whose platform fails is left alone, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Failures of the platform in a row, after which nothing more is sent; 0 for never. At most 1000. Default: 5.
    #[schemars(range(max = 1000))]
    pub failure_threshold: u32,
    /// How long nothing is sent then, before one task tries whether the platform is back; up to a tenth more. 1 ms to 24 h.
    /// Default: 60 s.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-max" = "24h"))]
    pub recovery_timeout: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failure_threshold: 5, recovery_timeout: Duration::from_secs(60) }
    }
}

/// How long to wait between attempts: a random time up to `initial * factor^(n-1)`, at most `max` (full jitter).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Backoff {
    /// Upper bound of the first wait. Default: 2 s.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub initial: Duration,
    /// Upper bound of every wait; at least `initial`. Default: 2 h.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub max: Duration,
    /// What the bound is multiplied with each time, in thousandths. Default: 3000 (`factor = 3.0`). From 1000 to 1000000.
    #[serde(rename = "factor", with = "permille")]
    #[schemars(with = "f64", range(min = 1, max = 1000))]
    #[schemars(description = "What the bound is multiplied with each time, 1 to 1000. Default: 3.0.")]
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
    /// How many of them may go at once after a pause. Written as `"N/T"` it is 1: sends are spaced `T/N` apart. Whatever it is,
    /// no window of `T`, wherever it begins, holds more than `N`. From 1 to `count`.
    pub burst: NonZeroU32,
}

impl RateWindow {
    /// After a restart, or when another node takes it over, a window that is no longer than this is waited for. What is sent
    /// within longer ones is written down.
    pub const SHORT_MAX: Duration = Duration::from_secs(60);
}

/// How the tasks of a platform are delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DeliveryConfig {
    /// Longest time one attempt may take, at most 1 h. Default: 10 s.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-max" = "1h"))]
    pub timeout: Duration,
    /// Attempts before a task is dead, 1 to 1000. Default: 20.
    #[schemars(range(min = 1, max = 1000))]
    pub max_attempts: u32,
    /// Waits between attempts.
    pub backoff: Backoff,
    /// Longest `Retry-After` that is obeyed. Default: 24 h.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema")]
    pub retry_after_max: Duration,
    /// What becomes of ambiguous attempts. Default: retry.
    pub on_ambiguous: OnAmbiguous,
    /// What becomes of tasks whose platform refuses its credentials. Default: hold.
    pub on_unauthorized: OnUnauthorized,
    /// When a platform that fails is left alone, and for how long.
    pub breaker: BreakerConfig,
    /// Sends of one lane under way at most, 1 to 65536; where an adapter blocks its thread never more than 16. Default: 64.
    #[schemars(range(min = 1, max = 65536))]
    pub max_in_flight: usize,
    /// How much of what there is a lane is given beside the others while all want more: so many full batches a turn, 1 to 100.
    /// Default: 1.
    #[schemars(range(min = 1, max = 100))]
    pub weight: u32,
    /// Which of the waiting tasks of a lane goes first; those of one `order_key` keep their order anyway. Holds for what is
    /// accepted from then on. Default: oldest.
    pub order: Order,
    /// How long a recipient with a lane of its own (a webhook of many) may answer with nothing but errors until it is sent to no
    /// more; 0 for ever. At most 365 d. Default: 5 d.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-min" = "0s", "x-max" = "365d"))]
    pub disable_after: Duration,
    /// How long what a node has claimed of a shared store stays its own after it was last heard of, 1 s to 2 h; of the
    /// whole engine, no platform's own. With `store.type = "postgres"` at least 10 s more than every `timeout`.
    /// Default: 45 s.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-min" = "1s", "x-max" = "2h"))]
    pub lease: Duration,
    /// Rate limits, all of which hold: `"1/s"`, `["5/2s", "30/min"]` or `{ rate = "30/min", burst = 10 }`. Default: none.
    #[serde(with = "rate")]
    #[schemars(schema_with = "rate::schema")]
    pub rate_limit: Vec<RateWindow>,
    /// Rate limits of each single recipient, written as `rate_limit` is; who must wait holds nobody else up. Default: none.
    #[serde(with = "rate")]
    #[schemars(schema_with = "rate::schema")]
    pub recipient_rate_limit: Vec<RateWindow>,
    /// The account, one of `[accounts]`, whose rate limit all platforms that name it share. Default: none.
    pub account: Box<str>,
}

impl Default for DeliveryConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            max_attempts: 20,
            backoff: Backoff::default(),
            retry_after_max: Duration::from_secs(24 * 60 * 60),
            on_ambiguous: OnAmbiguous::default(),
            on_unauthorized: OnUnauthorized::default(),
            breaker: BreakerConfig::default(),
            max_in_flight: 64,
            weight: 1,
            order: Order::default(),
            disable_after: Duration::from_secs(5 * 24 * 60 * 60),
            lease: Duration::from_secs(45),
            rate_limit: Vec::new(),
            recipient_rate_limit: Vec::new(),
            account: Box::default(),
        }
    }
}
