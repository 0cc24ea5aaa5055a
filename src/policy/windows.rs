//! A limit that others hold beside it: whether one may go is asked before it is taken, so that what one limit refuses uses up
//! nothing of another.

use std::time::{Duration, Instant};

use super::{rate_limit::burst, window::Window};
use crate::config::RateWindow;

/// Windows that all hold: those that are told, and for each the even pace or burst it asks for.
#[derive(Debug)]
pub struct Windows {
    all: Vec<Window>,
    start: Instant,
}

impl Windows {
    /// Nothing was sent yet. No windows: no limit.
    pub fn new(windows: &[RateWindow], now: Instant) -> Self {
        let mut all = Vec::with_capacity(2 * windows.len());
        for window in windows {
            let RateWindow { count, per, .. } = window;
            let burst = burst(window).get();
            if burst < count.get() {
                all.push(Window::new(burst.into(), per.mul_f64(f64::from(burst) / f64::from(count.get()))));
            }
            all.push(Window::new(count.get().into(), *per));
        }
        Self { all, start: now }
    }

    /// So much was sent so long before `now`, as far as the windows beyond a minute are concerned: instead of what they knew.
    pub fn restore(&mut self, sent: &[(Duration, u64)], now: Instant) {
        let since = now.saturating_duration_since(self.start);
        self.all.iter_mut().filter(|window| window.per() > RateWindow::SHORT_MAX).for_each(|window| window.restore(sent, since));
    }

    /// Until when what weighs so much may not go, if so.
    pub fn wait(&mut self, weight: u32, now: Instant) -> Option<Instant> {
        let since = now.saturating_duration_since(self.start);
        self.all.iter_mut().filter_map(|window| window.wait(weight, since)).max().map(|until| self.start + until)
    }

    /// What weighs so much goes now.
    pub fn take(&mut self, weight: u32, now: Instant) {
        let since = now.saturating_duration_since(self.start);
        self.all.iter_mut().for_each(|window| window.take(weight, since));
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use proptest::prelude::*;

    use super::*;
    use crate::clock::{Clock, SystemClock};

    fn window(count: u32, per_ms: u64, burst: u32) -> RateWindow {
        let number = |n| NonZeroU32::new(n).expect("not zero");
        RateWindow { count: number(count), per: Duration::from_millis(per_ms), burst: number(burst) }
    }

    /// Sends as fast as allowed for `span`, and returns the moments.
    fn send_times(windows: &[RateWindow], span: Duration) -> Vec<Duration> {
        let start = SystemClock.now();
        let (mut limit, mut now, mut times) = (Windows::new(windows, start), start, Vec::new());
        while now < start + span {
            match limit.wait(1, now) {
                Some(until) => now = until,
                None => {
                    limit.take(1, now);
                    times.push(now - start);
                }
            }
        }
        times
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
        #[test]
        fn no_window_ever_holds_more_than_its_limit_and_nearly_all_of_it_goes(
            a in 1u32..20, a_ms in 100u64..3_000, a_burst in 1u32..20, b in 1u32..600, b_ms in 100u64..10_000, b_burst in 1u32..600
        ) {
            let windows = [window(a, a_ms, a_burst.min(a)), window(b, b_ms, b_burst.min(b))];
            let span = Duration::from_secs(20);
            let times = send_times(&windows, span);
            for window in windows {
                let most = (0..times.len()).map(|i| times[i..].iter().take_while(|time| **time < times[i] + window.per).count());
                prop_assert!(most.max().unwrap_or(0) <= window.count.get() as usize);
            }
            let allowed = windows.iter().map(|window| span.as_secs_f64() / window.per.as_secs_f64() * f64::from(window.count.get()));
            let slowest = allowed.fold(f64::INFINITY, f64::min);
            prop_assert!(times.len() as f64 >= 0.8 * slowest - 1.0, "{} of {slowest}", times.len());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
        #[test]
        fn what_was_sent_before_a_restart_counts_and_nearly_all_that_is_left_goes(
            a in 1u32..30, a_s in 61u64..4_000, b in 1u32..200, b_s in 61u64..90_000,
            restarts in proptest::collection::vec(1u64..20_000, 0..6), late in 0.0f64..1.0
        ) {
            let windows = [window(a, a_s * 1000, a), window(b, b_s * 1000, b)];
            let step = Duration::from_secs(a_s.min(b_s)) / 64;
            let (start, span) = (SystemClock.now(), Duration::from_secs(100_000));
            let (mut limit, mut since, mut times) = (Windows::new(&windows, start), Duration::ZERO, Vec::<Duration>::new());
            let mut restarts: Vec<Duration> = restarts.into_iter().map(Duration::from_secs).collect();
            while since < span && times.len() < 5_000 {
                let now = start + since;
                if restarts.pop().is_some() {
                    // What was sent is told up to a step too late.
                    let ago = |at: &Duration| (since.saturating_sub(*at + step.mul_f64(late)), 1);
                    limit = Windows::new(&windows, now);
                    limit.restore(&times.iter().map(ago).collect::<Vec<_>>(), now);
                }
                match limit.wait(1, now) {
                    Some(until) => since = until - start,
                    None => {
                        limit.take(1, now);
                        times.push(since);
                    }
                }
            }
            for window in windows {
                let most = (0..times.len()).map(|i| times[i..].iter().take_while(|time| **time < times[i] + window.per).count());
                prop_assert!(most.max().unwrap_or(0) <= window.count.get() as usize);
            }
            let allowed = windows.iter().map(|window| since.as_secs_f64() / window.per.as_secs_f64() * f64::from(window.count.get()));
            let slowest = allowed.fold(f64::INFINITY, f64::min);
            prop_assert!(times.len() as f64 >= 0.75 * slowest - 2.0, "{} of {slowest}", times.len());
        }
    }

    #[test]
    fn what_is_asked_and_not_taken_uses_up_nothing() {
        let now = SystemClock.now();
        let mut limit = Windows::new(&[window(1, 1_000, 1)], now);
        assert!((0..10).all(|_| limit.wait(1, now).is_none()));
        limit.take(1, now);
        assert!(limit.wait(1, now).is_some_and(|until| until >= now + Duration::from_secs(1)));
        assert!((0..1000).all(|_| Windows::new(&[], now).wait(1, now).is_none()));
    }
}
