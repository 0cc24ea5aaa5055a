//! What becomes of a task after an attempt.
//!
//! | the attempt ended | the task |
//! |---|---|
//! | with a receipt | is delivered |
//! | rate limited | waits as long as it was asked to; costs no attempt |
//! | unavailable, unexpected | waits by backoff, or as long as it was asked to if that is longer |
//! | ambiguous | the same, or is dead where the platform says `on_ambiguous = "dead"` |
//! | unauthorized | is held until the lane goes on, which costs no attempt; or is dead, where the platform says `on_unauthorized = "dead"` or one recipient is meant |
//! | invalid message, invalid recipient | is dead |
//!
//! What a breaker let go to see whether its platform is back costs no attempt if it fails. Whatever would wait beyond `expires_at` is expired, and what is out of attempts is dead.

use std::time::{Duration, SystemTime};

use notifyhub_platforms::contract::{ErrorKind, Receipt, SendError};
use rand::Rng;

use super::{Sign, full_jitter, probe_wait_max};
use crate::{
    config::{DeliveryConfig, OnAmbiguous, OnUnauthorized},
    task::{DeadReason, Disposition},
};

/// How many tries a task may have for each counted attempt: bounds a platform that rate limits for ever.
const TRIES_PER_ATTEMPT_MAX: u32 = 50;

/// Shortest wait after being rate limited, for platforms that ask for none at all.
const RATE_LIMITED_WAIT_MIN: Duration = Duration::from_millis(100);

/// Shortest wait after being rate limited without a word on how long.
const RATE_LIMITED_WAIT: Duration = Duration::from_secs(1);

/// What is known about a task when an attempt has ended.
#[derive(Debug, Clone, Copy)]
pub struct Judgement<'a> {
    /// How its platform is delivered to.
    pub config: &'a DeliveryConfig,
    /// Attempts that counted before this one.
    pub counted: u32,
    /// All attempts, this one included.
    pub tries: u32,
    /// When the notification expires.
    pub expires_at: Option<SystemTime>,
    /// Whether it was a probe: sent to see whether its platform is back.
    pub probe: bool,
    /// Whether somebody cancelled it while the attempt was under way.
    pub cancelled: bool,
    /// The wall clock.
    pub now: SystemTime,
}

/// What becomes of the task.
pub fn judge(result: &Result<Receipt, SendError>, case: Judgement<'_>, rng: &mut impl Rng) -> Disposition {
    let error = match result {
        Ok(_) => return Disposition::Delivered,
        Err(error) => error,
    };
    let is_held = Sign::of(result) == Sign::Refuses && case.config.on_unauthorized == OnUnauthorized::Hold;
    if !error.is_retryable() && !is_held {
        return Disposition::Dead(DeadReason::Refused(error.kind()));
    }
    if error.is_ambiguous() && case.config.on_ambiguous == OnAmbiguous::Dead {
        return Disposition::Dead(DeadReason::Ambiguous);
    }
    if case.cancelled {
        return Disposition::Cancelled;
    }
    let counts = error.kind() != ErrorKind::RateLimited && !is_held && !case.probe;
    let failed = case.counted + u32::from(counts);
    let is_bounded = !is_held && !case.probe;
    let tries_max = case.config.max_attempts.saturating_mul(TRIES_PER_ATTEMPT_MAX);
    if failed >= case.config.max_attempts || (is_bounded && case.tries >= tries_max) {
        return Disposition::Dead(DeadReason::OutOfAttempts);
    }
    let wait = if is_held {
        Duration::ZERO
    } else if case.probe {
        let longest = probe_wait_max(&case.config.breaker).max(asked(error, case.config));
        wait(error, case.config, case.tries, rng).min(longest)
    } else {
        wait(error, case.config, failed, rng)
    };
    let due = case.now.checked_add(wait).unwrap_or(case.now);
    if case.expires_at.is_some_and(|expires_at| due >= expires_at) {
        return Disposition::Expired;
    }
    Disposition::Retry { due, counts }
}

/// How long to wait: what the platform asked for (clamped) is a floor, never cut short.
fn wait(error: &SendError, config: &DeliveryConfig, failed: u32, rng: &mut impl Rng) -> Duration {
    match (error.kind(), error.retry_after()) {
        (ErrorKind::RateLimited, Some(_)) => asked(error, config).max(RATE_LIMITED_WAIT_MIN),
        (ErrorKind::RateLimited, None) => RATE_LIMITED_WAIT.max(full_jitter(&config.backoff, failed.max(1), rng)),
        (_, _) => full_jitter(&config.backoff, failed.max(1), rng).max(asked(error, config)),
    }
}

/// How long the platform asked to wait, as far as that is obeyed.
fn asked(error: &SendError, config: &DeliveryConfig) -> Duration {
    error.retry_after().unwrap_or_default().min(config.retry_after_max)
}

#[cfg(test)]
mod tests {
    use notifyhub_platforms::contract::LimitScope;
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    fn after(error: SendError, change: impl FnOnce(&mut Judgement<'_>, &mut DeliveryConfig)) -> Disposition {
        let mut config = DeliveryConfig::default();
        let probe = DeliveryConfig::default();
        let mut case =
            Judgement { config: &probe, counted: 0, tries: 1, expires_at: None, probe: false, cancelled: false, now: NOW };
        change(&mut case, &mut config);
        let case = Judgement { config: &config, ..case };
        judge(&Err(error), case, &mut SmallRng::seed_from_u64(7))
    }

    #[test]
    fn a_receipt_delivers_whatever_else_happened() {
        let config = DeliveryConfig::default();
        let case =
            Judgement { config: &config, counted: 99, tries: 99, expires_at: Some(NOW), probe: true, cancelled: true, now: NOW };
        assert_eq!(judge(&Ok(Receipt::accepted()), case, &mut SmallRng::seed_from_u64(7)), Disposition::Delivered);
    }

    #[test]
    fn what_can_never_succeed_is_dead_at_once() {
        for kind in [ErrorKind::InvalidMessage, ErrorKind::InvalidRecipient] {
            let disposition = after(SendError::new(kind, "no"), |case, _| case.probe = true);
            assert_eq!(disposition, Disposition::Dead(DeadReason::Refused(kind)));
        }
    }

    #[test]
    fn refused_credentials_hold_a_task_unless_one_recipient_is_meant_or_death_is_asked_for() {
        let refused = || SendError::unauthorized("bad token");
        let held = after(refused(), |case, _| (case.counted, case.tries) = (19, 100_000));
        assert_eq!(held, Disposition::Retry { due: NOW, counts: false });
        let dead = Disposition::Dead(DeadReason::Refused(ErrorKind::Unauthorized));
        assert_eq!(after(refused(), |_, config| config.on_unauthorized = OnUnauthorized::Dead), dead);
        assert_eq!(after(refused().with_scope(LimitScope::Target), |_, _| ()), dead);
        assert_eq!(after(refused(), |case, _| case.cancelled = true), Disposition::Cancelled);
        assert_eq!(after(refused(), |case, _| case.expires_at = Some(NOW)), Disposition::Expired);
    }

    #[test]
    fn a_probe_that_fails_costs_no_attempt_and_waits_for_minutes_at_most() {
        for tries in [1, 10, 100_000] {
            let probe = after(SendError::unavailable("x"), |case, _| (case.probe, case.counted, case.tries) = (true, 19, tries));
            let Disposition::Retry { due, counts: false } = probe else { panic!("{probe:?}") };
            assert!(due <= NOW + Duration::from_secs(600), "{due:?}");
        }
        let asked = SendError::unavailable("x").with_retry_after(Some(Duration::from_secs(3600)));
        let probe = after(asked, |case, _| case.probe = true);
        assert_eq!(probe, Disposition::Retry { due: NOW + Duration::from_secs(3600), counts: false });
    }

    #[test]
    fn a_retry_after_is_a_floor_clamped_by_configuration() {
        let asked = |seconds| SendError::unavailable("x").with_retry_after(Some(Duration::from_secs(seconds)));
        let Disposition::Retry { due, counts: true } = after(asked(90), |_, _| ()) else { panic!("a counted retry") };
        assert!(due >= NOW + Duration::from_secs(90));
        let disposition = after(asked(1 << 40), |_, config| config.retry_after_max = Duration::from_secs(60));
        assert_eq!(disposition, Disposition::Retry { due: NOW + Duration::from_secs(60), counts: true });
    }

    #[test]
    fn being_rate_limited_costs_no_attempt_but_not_for_ever() {
        let limited = || SendError::rate_limited("slow down").with_retry_after(Some(Duration::from_secs(3)));
        let disposition = after(limited(), |case, config| (case.counted, config.max_attempts) = (1, 2));
        assert_eq!(disposition, Disposition::Retry { due: NOW + Duration::from_secs(3), counts: false });
        let disposition = after(limited(), |case, config| (case.tries, config.max_attempts) = (100, 2));
        assert_eq!(disposition, Disposition::Dead(DeadReason::OutOfAttempts));
    }

    #[test]
    fn a_retry_after_of_nothing_is_no_busy_loop() {
        let limited = SendError::rate_limited("slow down").with_retry_after(Some(Duration::ZERO));
        let disposition = after(limited, |_, _| ());
        assert_eq!(disposition, Disposition::Retry { due: NOW + RATE_LIMITED_WAIT_MIN, counts: false });
    }

    #[test]
    fn the_last_attempt_ends_in_death() {
        let last = after(SendError::unavailable("x"), |case, config| (case.counted, config.max_attempts) = (4, 5));
        assert_eq!(last, Disposition::Dead(DeadReason::OutOfAttempts));
    }

    #[test]
    fn an_ambiguous_attempt_is_retried_or_dead_as_configured() {
        let ambiguous = || SendError::ambiguous("no answer");
        assert!(matches!(after(ambiguous(), |_, _| ()), Disposition::Retry { counts: true, .. }));
        let dead = after(ambiguous(), |_, config| config.on_ambiguous = OnAmbiguous::Dead);
        assert_eq!(dead, Disposition::Dead(DeadReason::Ambiguous));
    }

    #[test]
    fn a_retry_that_would_come_too_late_is_expired_and_a_cancelled_task_is_not_retried() {
        let error = || SendError::unavailable("x").with_retry_after(Some(Duration::from_secs(10)));
        let expired = after(error(), |case, _| case.expires_at = Some(NOW + Duration::from_secs(10)));
        assert_eq!(expired, Disposition::Expired);
        assert_eq!(after(error(), |case, _| case.cancelled = true), Disposition::Cancelled);
    }
}
