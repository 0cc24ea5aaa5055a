//! The rate a platform lets through that keeps refusing: found out, kept to, and tried upwards now and then.
//!
//! A lane that is asked to slow down rests as long as it was told. If it is asked again, what was let through in between is
//! taken for the rate, and from then on its sends are spaced out accordingly. The rate then grows along a cubic curve, as
//! CUBIC (RFC 9438) grows a window: fast at first, hardly at all a little below the rate of the last refusal, where a stall on the way
//! that sends several into one second does no harm, and ever faster beyond it. A platform whose limit stays refuses one send
//! a minute; one whose limit is lifted is found out within minutes.

use std::time::{Duration, Instant};

/// The rate after a refusal, below the rate that was refused.
const STEP_BACK: f64 = 0.06;

/// Where the rate stays longest, below the rate that was refused.
const HOLD_BELOW: f64 = 0.025;

/// How fast it grows after that: by so much within another plateau.
const BEYOND: f64 = 0.2;

/// What was borne for so long is no more than is let through: it was refused because something stalled.
const BORNE: Duration = Duration::from_secs(5);

/// The rate that was refused is taken for so much lower then.
const DOUBT: f64 = 0.01;

/// Time until the curve is level, once the limit is known well.
const PLATEAU: Duration = Duration::from_secs(30);

/// The same after the first guess, which may be far too low. It doubles with every refusal.
const FIRST_PLATEAU: Duration = Duration::from_secs(3);

/// Refusals that are further apart than this are no limit that it keeps running into.
const APART: Duration = Duration::from_secs(60);

/// How far sends may fall behind their times and catch up.
const SLIP: Duration = Duration::from_millis(10);

/// A rate that is not tried any more for so many plateaus is forgotten.
const FORGOTTEN: f64 = 10.0;

/// What is known of the rate a lane is let through.
#[derive(Debug)]
pub struct Pace {
    learned: Option<Learned>,
    /// The last refusal, and what was let through since.
    last: Option<(Instant, u32)>,
}

#[derive(Debug, Clone, Copy)]
struct Learned {
    /// Per second, at the last refusal.
    refused: f64,
    plateau: Duration,
    /// How long sends were spaced out since.
    active: Duration,
    /// When the next may go.
    next: Instant,
}

impl Learned {
    /// How far along the curve it is: 1 is where that is level.
    fn plateaus(&self) -> f64 {
        self.active.as_secs_f64() / self.plateau.as_secs_f64()
    }

    fn rate(&self) -> f64 {
        let from_level = self.plateaus() - 1.0;
        let steepness = if from_level < 0.0 { STEP_BACK - HOLD_BELOW } else { BEYOND };
        self.refused * (1.0 - HOLD_BELOW + steepness * from_level.powi(3))
    }

    fn interval(&self) -> Duration {
        Duration::from_secs_f64((1.0 / self.rate()).min(60.0))
    }
}

impl Pace {
    /// Nothing is known, and nothing is spaced out.
    pub fn new() -> Self {
        Self { learned: None, last: None }
    }

    /// Sends per second, if it is spaced out.
    pub fn rate(&self) -> Option<f64> {
        self.learned.as_ref().map(Learned::rate)
    }

    /// Until when the next send waits, if it does.
    pub fn wait(&self, now: Instant) -> Option<Instant> {
        self.learned.map(|learned| learned.next).filter(|next| now < *next)
    }

    /// What weighs so much goes now.
    pub fn take(&mut self, weight: u32, now: Instant) {
        let Some(learned) = &mut self.learned else { return };
        let interval = learned.interval() * weight;
        let (behind, was_waited_for) = (now.checked_sub(SLIP).unwrap_or(now), now < learned.next + 2 * interval);
        learned.next = learned.next.max(behind) + interval;
        // Only time in which there was more to send tells that the rate is borne.
        if was_waited_for {
            learned.active += interval;
        }
        if learned.plateaus() > FORGOTTEN {
            self.learned = None;
        }
    }

    /// What weighs so much was let through.
    pub fn passed(&mut self, weight: u32) {
        if let Some((_, passed)) = &mut self.last {
            *passed = passed.saturating_add(weight);
        }
    }

    /// One that `began` then was refused.
    pub fn refused(&mut self, began: Instant, now: Instant) {
        // Whatever was under way at a refusal is refused with it.
        if self.last.is_some_and(|(last, _)| began <= last) {
            return;
        }
        let before = self.last.replace((now, 0));
        if let Some(learned) = &mut self.learned {
            let doubted = if learned.active >= BORNE { learned.refused * (1.0 - DOUBT) } else { 0.0 };
            learned.refused = learned.rate().max(doubted);
            learned.plateau = (learned.plateau * 2).min(PLATEAU);
            (learned.active, learned.next) = (Duration::ZERO, now);
            return;
        }
        let Some((last, passed)) = before else { return };
        let span = now.saturating_duration_since(last);
        if passed > 0 && span > Duration::ZERO && span < APART {
            let refused = f64::from(passed) / span.as_secs_f64();
            self.learned = Some(Learned { refused, plateau: FIRST_PLATEAU, active: Duration::ZERO, next: now });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::{Clock, SystemClock};

    /// A platform that lets so many through per second, by the second, and asks everybody else to wait for one.
    struct Sink {
        allows: u32,
        second: u64,
        let_through: u32,
    }

    impl Sink {
        fn takes(&mut self, at: Duration) -> bool {
            if at.as_secs() != self.second {
                (self.second, self.let_through) = (at.as_secs(), 0);
            }
            self.let_through += 1;
            self.let_through <= self.allows
        }
    }

    /// Sends for so many seconds what `pace` lets go; how many were let through and refused in the second half.
    fn run(pace: &mut Pace, start: Instant, from: u64, seconds: u64, allows: u32) -> (f64, f64) {
        let mut sink = Sink { allows, second: 0, let_through: 0 };
        let (mut now, end) = (start + Duration::from_secs(from), start + Duration::from_secs(from + seconds));
        let (mut passed, mut refused) = (0u32, 0u32);
        while now < end {
            if let Some(until) = pace.wait(now) {
                // A timer rings up to a millisecond late.
                now = until + Duration::from_micros(u64::from(passed % 10) * 100);
                continue;
            }
            pace.take(1, now);
            let late = u32::from(now > end - Duration::from_secs(seconds / 2));
            if sink.takes(now - start) {
                pace.passed(1);
                passed += late;
                now += Duration::from_micros(50);
            } else {
                refused += late;
                pace.refused(now, now + Duration::from_micros(50));
                now += Duration::from_secs(1);
            }
        }
        let half = seconds as f64 / 2.0;
        (f64::from(passed) / half / f64::from(allows), f64::from(refused) / f64::from(passed + refused))
    }

    #[test]
    fn a_limit_nobody_told_is_reached_with_few_refusals() {
        for (allows, refused_max) in [(5, 0.1), (50, 0.02), (500, 0.02)] {
            let (mut pace, start) = (Pace::new(), SystemClock.now());
            let (reached, refused) = run(&mut pace, start, 0, 120, allows);
            assert!(reached >= 0.9 && refused <= refused_max, "{allows}/s: {reached} with {refused} refused");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn a_limit_that_changes_is_found_again(a in 5u32..400, b in 5u32..400) {
            let (mut pace, start) = (Pace::new(), SystemClock.now());
            run(&mut pace, start, 0, 60, a);
            let (reached, refused) = run(&mut pace, start, 60, 400, b);
            prop_assert!(reached >= 0.85 && refused <= 0.1, "{a}/s, then {b}/s: {reached} with {refused} refused");
        }
    }

    #[test]
    fn one_refusal_alone_spaces_nothing_out() {
        let (mut pace, start) = (Pace::new(), SystemClock.now());
        pace.refused(start, start);
        pace.refused(start, start + Duration::from_millis(1));
        (0..100).for_each(|_| pace.passed(1));
        assert_eq!(pace.rate(), None);
        pace.refused(start + 2 * APART, start + 2 * APART);
        assert_eq!(pace.rate(), None, "an hour later is another story");
    }

    #[test]
    fn refusals_now_and_then_do_not_push_a_rate_down_that_was_borne() {
        let (mut pace, mut now) = (Pace::new(), SystemClock.now());
        pace.refused(now, now);
        (0..50).for_each(|_| pace.passed(1));
        now += Duration::from_secs(1);
        pace.refused(now, now);
        let mut least = f64::INFINITY;
        // The first few, as its limit is found, make it sure of what it knows.
        for (refusal, seconds) in [3, 6, 12, 24].into_iter().chain([8; 10]).enumerate() {
            let until = now + Duration::from_secs(seconds);
            while now < until {
                now = pace.wait(now).unwrap_or(now + Duration::from_millis(1));
                pace.take(1, now);
            }
            if refusal >= 4 {
                least = least.min(pace.rate().expect("it is spaced out"));
            }
            pace.refused(now, now);
        }
        assert!(least >= 40.0, "{least}");
        let before = pace.rate().expect("it is spaced out");
        for _ in 0..10 {
            now += Duration::from_secs(1);
            pace.refused(now, now);
        }
        assert!(pace.rate().is_some_and(|rate| rate < 0.6 * before), "a limit that has fallen refuses again and again");
    }

    #[test]
    fn what_waits_for_nothing_does_not_grow_the_rate() {
        let (mut pace, start) = (Pace::new(), SystemClock.now());
        pace.refused(start, start);
        (0..10).for_each(|_| pace.passed(1));
        pace.refused(start + Duration::from_secs(1), start + Duration::from_secs(1));
        let before = pace.rate();
        for minute in 1..100 {
            pace.take(1, start + minute * Duration::from_secs(60));
        }
        assert_eq!(pace.rate(), before);
    }
}
