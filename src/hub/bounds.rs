//! Whether values set in code are within the bounds their docs name. Those of a file were checked before, with their places.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use super::StartError;
use crate::config::{Config, DeliveryConfig, PoolConfig, RateWindow, duration};

const MILLISECOND: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);
/// Most workers a pool may have, also by hand.
pub const WORKERS_MAX: usize = 1024;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Checks everything of `config`, the delivery settings of platforms that were given ready made, and the limits of accounts.
///
/// # Errors
///
/// Every value that is out of bounds, with the bounds.
pub fn check<'a>(
    config: &'a Config,
    ready: impl Iterator<Item = (&'a str, &'a DeliveryConfig)>,
    accounts: &[(String, Vec<RateWindow>)],
) -> Result<(), StartError> {
    let mut bounds = Bounds::default();
    bounds.pool(&config.pool);
    bounds.within("store").duration("retention", config.store.retention, MILLISECOND..=duration::DURATION_MAX);
    bounds.within("delivery").delivery(&config.delivery);
    let tables = config.platforms.iter().map(|(name, platform)| (name.as_str(), &platform.delivery));
    for (name, delivery) in tables.chain(ready) {
        bounds.within(&format!("platform `{name}`")).delivery(delivery);
    }
    for (name, limit) in accounts {
        bounds.within(&format!("account `{name}`")).windows("rate_limit", limit);
    }
    if bounds.mistakes.is_empty() { Ok(()) } else { Err(StartError::Invalid(bounds.mistakes.join("; "))) }
}

/// The mistakes so far, and where the next is looked for.
#[derive(Default)]
struct Bounds {
    place: String,
    mistakes: Vec<String>,
}

impl Bounds {
    fn within(&mut self, place: &str) -> &mut Self {
        place.clone_into(&mut self.place);
        self
    }

    fn pool(&mut self, pool: &PoolConfig) {
        self.within("pool");
        self.number("min_workers", pool.min_workers, 1..=WORKERS_MAX);
        if pool.max_workers != 0 {
            self.number("max_workers", pool.max_workers, pool.min_workers..=WORKERS_MAX);
        }
        let target = pool.target_load_permille as usize;
        self.number("target_load_permille", target, 50..=1000);
        self.number("scale_down_load_permille", pool.scale_down_load_permille as usize, 0..=target.saturating_sub(1));
        self.duration("scale_up_delay", pool.scale_up_delay, Duration::ZERO..=HOUR);
        self.duration("scale_down_delay", pool.scale_down_delay, Duration::ZERO..=HOUR);
        self.duration("wait_goal", pool.wait_goal, MILLISECOND..=HOUR);
        self.duration("health_check_interval", pool.health_check_interval, 100 * MILLISECOND..=HOUR);
        self.duration("max_idle_time", pool.max_idle_time, MILLISECOND..=24 * HOUR);
        self.number("slots", pool.slots, 1..=65_536);
        self.number("batch_size", pool.batch_size, 1..=10_000);
        self.number("threads", pool.threads, 0..=1024);
        self.duration("linger", pool.linger, Duration::ZERO..=MINUTE);
    }

    fn delivery(&mut self, delivery: &DeliveryConfig) {
        let long = MILLISECOND..=duration::DURATION_MAX;
        self.duration("timeout", delivery.timeout, MILLISECOND..=HOUR);
        self.number("max_attempts", delivery.max_attempts as usize, 1..=1000);
        self.number("max_in_flight", delivery.max_in_flight, 1..=65_536);
        self.duration("retry_after_max", delivery.retry_after_max, long.clone());
        let backoff = &delivery.backoff;
        self.duration("backoff.initial", backoff.initial, long.clone());
        self.duration("backoff.max", backoff.max, backoff.initial..=duration::DURATION_MAX);
        self.number("backoff.factor_permille", backoff.factor_permille as usize, 1000..=1_000_000);
        self.number("breaker.failure_threshold", delivery.breaker.failure_threshold as usize, 0..=1000);
        self.duration("breaker.recovery_timeout", delivery.breaker.recovery_timeout, MILLISECOND..=24 * HOUR);
        self.number("weight", delivery.weight as usize, 1..=100);
        self.duration("disable_after", delivery.disable_after, Duration::ZERO..=365 * 24 * HOUR);
        self.windows("rate_limit", &delivery.rate_limit);
        self.windows("recipient_rate_limit", &delivery.recipient_rate_limit);
    }

    fn windows(&mut self, name: &str, windows: &[RateWindow]) {
        for window in windows {
            self.duration(&format!("{name}.per"), window.per, Duration::from_nanos(1)..=duration::DURATION_MAX);
            self.number(&format!("{name}.burst"), window.burst.get() as usize, 1..=window.count.get() as usize);
        }
    }

    fn number(&mut self, name: &str, value: usize, range: RangeInclusive<usize>) {
        if !range.contains(&value) {
            self.report(name, value, range.start(), range.end());
        }
    }

    fn duration(&mut self, name: &str, value: Duration, range: RangeInclusive<Duration>) {
        if !range.contains(&value) {
            self.report(name, duration::written(value), duration::written(*range.start()), duration::written(*range.end()));
        }
    }

    fn report(&mut self, name: &str, value: impl Display, min: impl Display, max: impl Display) {
        self.mistakes.push(format!("{}: `{name}` is {value}, expected {min} to {max}", self.place));
    }
}
