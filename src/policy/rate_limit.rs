//! Whether a lane may send now, and if not, when.
//!
//! The arithmetic is governor's (GCRA): a limit of `N/T` lets one go every `T/N`, and `burst` of them at once after a
//! pause. A burst, or what weighs more than one, never makes it more than `N` in any `T`: a [`Window`] counts. Quick limits catch up ten milliseconds, for timers
//! ring late. Nobody ever waits on a limiter: a lane that may not send is parked until the time it is told.

use std::{
    num::NonZeroU32,
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

use super::window::Window;
use crate::{clock::Clock, config::RateWindow};

/// What a limit may catch up.
const SLIP: Duration = Duration::from_millis(10);

/// All windows of one lane's rate limit.
pub struct RateLimiter {
    limits: Vec<Limit>,
    clock: Ticks,
}

/// One of them.
struct Limit {
    spacing: Governor<NotKeyed, InMemoryState, Ticks, NoOpMiddleware<Elapsed>>,
    /// Where several may go at once, or one may count as several.
    window: Option<Window>,
    /// What went and is still to be spaced out.
    owed: u32,
    /// Nothing weighs more.
    count: u32,
    per: Duration,
}

impl Limit {
    fn new(window: &RateWindow, weighted: bool, clock: Ticks) -> Self {
        let burst = burst(window);
        let quota = Quota::with_period(interval(window)).expect("an interval is never zero").allow_burst(burst);
        let counted = (burst.get() > 1 || weighted).then(|| Window::new(window.count.get().into(), window.per));
        Self {
            spacing: Governor::direct_with_clock(quota, clock),
            window: counted,
            owed: 0,
            count: window.count.get(),
            per: window.per,
        }
    }
}

/// How many may go at once: what is allowed, and what is caught up.
pub fn burst(window: &RateWindow) -> NonZeroU32 {
    let caught_up = SLIP.as_nanos() * u128::from(window.count.get()) / window.per.as_nanos().max(1);
    let caught_up = u32::try_from(caught_up).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN);
    window.burst.max(caught_up).min(window.count)
}

impl RateLimiter {
    /// A limiter in which all `windows` hold; where it is `weighted`, what is sent may count more than one. No windows: no limit.
    pub fn new(windows: &[RateWindow], weighted: bool, clock: Arc<dyn Clock>) -> Self {
        let clock = Ticks { start: clock.now(), clock };
        let mut windows = windows.to_vec();
        // The slowest first: it refuses most often, and a refusal must not use up another window's allowance.
        windows.sort_by_key(|window| std::cmp::Reverse(interval(window)));
        let limits = windows.iter().map(|window| Limit::new(window, weighted, clock.clone())).collect();
        Self { limits, clock }
    }

    /// So much was sent so long ago, as far as windows beyond a minute are concerned: instead of what they knew.
    pub fn restore(&mut self, sent: &[(Duration, u64)]) {
        let now = self.clock.now();
        let known = sent.iter().any(|(_, weight)| *weight > 0);
        for limit in self.limits.iter_mut().filter(|limit| known && limit.per > RateWindow::SHORT_MAX) {
            limit.window.get_or_insert_with(|| Window::new(limit.count.into(), limit.per)).restore(sent, now.0);
        }
    }

    /// Takes the allowance for a send that weighs so much, or tells when to ask again.
    pub fn take(&mut self, weight: u32) -> Result<(), Instant> {
        if self.limits.is_empty() || weight == 0 {
            return Ok(());
        }
        let now = self.clock.now();
        if let Some(until) = self.limits.iter_mut().filter_map(|limit| limit.window.as_mut()?.wait(weight, now.0)).max() {
            return Err(self.clock.start + until);
        }
        for limit in &mut self.limits {
            // First what went before and weighed more than one; a place of its own comes last.
            for owed in (0..=limit.owed).rev() {
                if let Err(refused) = limit.spacing.check() {
                    let wait = refused.wait_time_from(self.clock.now());
                    return Err(self.clock.clock.now() + wait.max(Duration::from_nanos(1)));
                }
                limit.owed = owed.saturating_sub(1);
            }
        }
        for limit in &mut self.limits {
            limit.owed = weight.min(limit.count) - 1;
            limit.window.iter_mut().for_each(|window| window.take(weight, now.0));
        }
        Ok(())
    }
}

impl std::fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RateLimiter").field("limits", &self.limits.len()).finish_non_exhaustive()
    }
}

/// The time between two sends at an even pace.
fn interval(window: &RateWindow) -> Duration {
    (window.per / window.count.get()).max(Duration::from_nanos(1))
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
        let (start, mut limiter) = (clock.now(), RateLimiter::new(windows, false, clock.clone()));
        let mut times = Vec::new();
        while clock.now() < start + span {
            match limiter.take(1) {
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
        fn no_window_ever_holds_more_than_its_limit_burst_or_not(
            a in 1u32..20, a_ms in 100u64..3_000, a_burst in 1u32..20, b in 1u32..600, b_ms in 100u64..10_000, b_burst in 1u32..600
        ) {
            let windows = [
                window(a, Duration::from_millis(a_ms), a_burst.min(a)),
                window(b, Duration::from_millis(b_ms), b_burst.min(b)),
            ];
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("runtime");
            let span = Duration::from_secs(20);
            let times = runtime.block_on(send_times(&windows, span));
            for window in windows {
                prop_assert!(most_in_any(window.per, &times) <= window.count.get() as usize);
            }
            // And what the slowest allows does go, but for what slots, late timers and the spacing of the other cost.
            let allowed = windows.iter().map(|window| span.as_secs_f64() / window.per.as_secs_f64() * f64::from(window.count.get()));
            let slowest = allowed.fold(f64::INFINITY, f64::min);
            prop_assert!(times.len() as f64 >= 0.8 * slowest - 1.0, "{} of {slowest}", times.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_goes_at_once_and_the_rest_is_paced() {
        let times = send_times(&[window(10, Duration::from_secs(1), 5)], Duration::from_secs(1)).await;
        assert_eq!(times.iter().filter(|time| time.is_zero()).count(), 5);
        assert_eq!(times.len(), 10, "the burst is of the same ten");
    }

    #[tokio::test(start_paused = true)]
    async fn what_weighs_more_takes_more_of_every_window_and_is_spaced_out() {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let start = clock.now();
        for (count, burst, weight, expected) in [(10, 10, 5, 4), (10, 1, 5, 4), (3, 1, 1, 6), (3, 3, 9, 2)] {
            let mut limiter = RateLimiter::new(&[window(count, Duration::from_secs(1), burst)], true, clock.clone());
            let begun = clock.now();
            let mut times = Vec::new();
            while clock.now() < begun + Duration::from_millis(1990) {
                match limiter.take(weight) {
                    Ok(()) => times.push(clock.now() - begun),
                    Err(until) => clock.sleep_until(until).await,
                }
            }
            let fits = (count / weight.min(count)) as usize;
            assert!(most_in_any(Duration::from_secs(1), &times) <= fits, "{count} {burst} {weight}: {times:?}");
            assert_eq!(times.len(), expected, "{count} {burst} {weight}: {times:?}");
        }
        assert!(clock.now() > start);
    }

    #[test]
    fn without_windows_there_is_no_limit() {
        let mut limiter = RateLimiter::new(&[], false, Arc::new(SystemClock));
        assert!((0..1000).all(|_| limiter.take(1).is_ok()));
    }
}
