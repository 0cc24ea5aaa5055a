//! An average over time, in whole numbers.

use std::time::Duration;

/// A full unit: averages count in millionths.
pub const UNIT: u64 = 1_000_000;

/// A history that is so much longer than what is asked of it gives averages that no longer depend on where it begins.
pub const SETTLES_IN: Duration = Duration::from_secs(20);

/// An exponentially weighted average of something measured at any distance in time. Until it has seen as much time as it
/// averages over it is the plain mean, so that one odd first value is soon forgotten.
#[derive(Debug, Clone, Copy, Default)]
pub struct Average {
    millionths: u64,
    seen: Duration,
}

impl Average {
    /// Takes in that it was `millionths` for `time`; an older value counts less the more of `over` lies between.
    pub fn follow(&mut self, millionths: u64, time: Duration, over: Duration) {
        self.seen = self.seen.saturating_add(time).min(over.saturating_add(time));
        let (all, new) = (self.seen.as_nanos(), time.as_nanos());
        if all == 0 {
            return;
        }
        let sum = u128::from(self.millionths) * (all - new) + u128::from(millionths) * new;
        self.millionths = u64::try_from(sum / all).unwrap_or(u64::MAX);
    }

    /// The average, in millionths.
    pub const fn millionths(self) -> u64 {
        self.millionths
    }
}

/// How many a second, in millionths, `count` in `time` are.
pub fn per_second(count: u64, time: Duration) -> u64 {
    let rate = u128::from(count) * u128::from(UNIT) * 1_000_000_000 / time.as_nanos().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_first_values_have_equal_weight_and_later_ones_push_older_ones_out() {
        let mut average = Average::default();
        let over = 3 * SECOND;
        let mut after = |value| {
            average.follow(value, SECOND, over);
            average.millionths()
        };
        assert_eq!([100, 0, 50, 50].map(&mut after), [100, 50, 50, 50]);
        assert_eq!([90, 90, 90].map(&mut after), [60, 67, 72]);
    }

    #[test]
    fn a_value_counts_by_the_time_it_lasted() {
        let mut average = Average::default();
        average.follow(100, 3 * SECOND, 10 * SECOND);
        average.follow(0, SECOND, 10 * SECOND);
        average.follow(7, Duration::ZERO, 10 * SECOND);
        assert_eq!(average.millionths(), 75);
    }

    #[test]
    fn a_rate_is_per_second_and_saturates() {
        assert_eq!(per_second(5, Duration::from_millis(250)), 20 * UNIT);
        assert_eq!(per_second(u64::MAX, Duration::ZERO), u64::MAX);
    }
}
