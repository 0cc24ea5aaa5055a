//! Whether a lane may send now, and if not, when.
//!
//! The arithmetic is governor's (GCRA): a limit of `N/T` lets one go every `T/N`, and `burst` of them at once after a
//! pause. Nobody ever waits on a limiter: a lane that may not send is parked until the time it is told.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use governor::{
    Quota, RateLimiter as Governor,
    clock::{Clock as GovernorClock, Reference},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};

use crate::{clock::Clock, config::RateWindow};

/// All windows of one lane's rate limit.
pub struct RateLimiter {
    windows: Vec<Governor<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Elapsed>>>,
    clock: Ticks,
}

impl RateLimiter {
    /// A limiter in which all `windows` hold. No windows: no limit.
    pub fn new(windows: &[RateWindow], clock: Arc<dyn Clock>) -> Self {
        let clock = Ticks { start: clock.now(), clock };
        let mut windows = windows.to_vec();
        // The slowest first: it refuses most often, and a refusal must not use up another window's allowance.
        windows.sort_by_key(|window| std::cmp::Reverse(interval(window)));
        let windows = windows.iter().map(|window| Governor::direct_with_clock(quota(window), clock.clone())).collect();
        Self { windows, clock }
    }

    /// Takes the allowance for one send, or tells when to ask again.
    pub fn take(&self) -> Result<(), Instant> {
        for window in &self.windows {
            if let Err(refused) = window.check() {
                let wait = refused.wait_time_from(self.clock.now());
                return Err(self.clock.clock.now() + wait.max(Duration::from_nanos(1)));
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RateLimiter").field("windows", &self.windows.len()).finish_non_exhaustive()
    }
}

/// The time between two sends at an even pace.
fn interval(window: &RateWindow) -> Duration {
    (window.per / window.count.get()).max(Duration::from_nanos(1))
}

fn quota(window: &RateWindow) -> Quota {
    Quota::with_period(interval(window)).expect("an interval is never zero").allow_burst(window.burst)
}

/// Our clock, as governor wants it.
#[derive(Clone)]
struct Ticks {
    start: Instant,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Ticks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ticks")
    }
}

impl GovernorClock for Ticks {
    type Instant = Elapsed;

    fn now(&self) -> Elapsed {
        Elapsed(self.clock.now().saturating_duration_since(self.start))
    }
}

/// Time since the limiter was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Elapsed(Duration);

impl std::ops::Add<Nanos> for Elapsed {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0 + Duration::from_nanos(other.as_u64()))
    }
}

impl Reference for Elapsed {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(Duration::from_nanos(duration.as_u64())))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;
    use crate::clock::SystemClock;

    fn window(count: u32, per: Duration, burst: u32) -> RateWindow {
        let number = |n| NonZeroU32::new(n).expect("not zero");
        RateWindow { count: number(count), per, burst: number(burst) }
    }

    /// Sends as fast as allowed for `span` of virtual time and returns the moments.
    async fn send_times(windows: &[RateWindow], span: Duration) -> Vec<Duration> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let (start, limiter) = (clock.now(), RateLimiter::new(windows, clock.clone()));
        let mut times = Vec::new();
        while clock.now() < start + span {
            match limiter.take() {
                Ok(()) => times.push(clock.now() - start),
                Err(until) => clock.sleep_until(until).await,
            }
        }
        times
    }

    fn most_in_any(per: Duration, times: &[Duration]) -> usize {
        (0..times.len()).map(|i| times[i..].iter().take_while(|time| **time < times[i] + per).count()).max().unwrap_or(0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn an_even_pace_never_exceeds_any_window(
            a in 1u32..20, a_ms in 100u64..3_000, b in 1u32..60, b_ms in 100u64..10_000
        ) {
            let windows = [window(a, Duration::from_millis(a_ms), 1), window(b, Duration::from_millis(b_ms), 1)];
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("runtime");
            let times = runtime.block_on(send_times(&windows, Duration::from_secs(20)));
            for window in windows {
                prop_assert!(most_in_any(window.per, &times) <= window.count.get() as usize);
            }
            prop_assert!(!times.is_empty());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_is_paced() {
        let times = send_times(&[window(10, Duration::from_secs(1), 5)], Duration::from_secs(1)).await;
        assert_eq!(times.iter().filter(|time| time.is_zero()).count(), 5);
        assert!((14..=15).contains(&times.len()), "{}", times.len());
    }

    #[test]
    fn without_windows_there_is_no_limit() {
        let limiter = RateLimiter::new(&[], Arc::new(SystemClock));
        assert!((0..1000).all(|_| limiter.take().is_ok()));
    }
}
