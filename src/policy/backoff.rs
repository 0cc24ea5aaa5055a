//! How long to wait before the next attempt: exponential backoff with full jitter.
//!
//! # Why full jitter?
//!
//! After an outage all waiting tasks would otherwise come back in the same moments and knock the platform over again; a
//! uniformly random wait spreads them over the whole window
//! (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).

use std::time::Duration;

use rand::Rng;

use crate::config::Backoff;

/// A random wait before the attempt that follows `failed` failed ones (at least 1).
pub fn full_jitter(backoff: &Backoff, failed: u32, rng: &mut impl Rng) -> Duration {
    let bound = upper_bound(backoff, failed).as_nanos();
    let bound = u64::try_from(bound).unwrap_or(u64::MAX);
    Duration::from_nanos(rng.random_range(0..=bound))
}

/// The longest wait after `failed` failed attempts: `initial * factor^(failed-1)`, at most `max`.
fn upper_bound(backoff: &Backoff, failed: u32) -> Duration {
    let (mut bound, max) = (backoff.initial.as_nanos(), backoff.max.as_nanos());
    for _ in 1..failed {
        if bound >= max || backoff.factor_permille <= 1000 {
            break;
        }
        bound = bound.saturating_mul(u128::from(backoff.factor_permille)) / 1000;
    }
    Duration::from_nanos(u64::try_from(bound.min(max)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn the_bound_grows_by_the_factor_and_stops_at_the_maximum() {
        let backoff = Backoff::default();
        let bounds: Vec<_> = (1..=10).map(|failed| upper_bound(&backoff, failed).as_secs()).collect();
        assert_eq!(bounds, [2, 6, 18, 54, 162, 486, 1458, 4374, 7200, 7200]);
    }

    #[test]
    fn twenty_attempts_ride_out_an_outage_of_a_day() {
        let backoff = Backoff::default();
        let longest: Duration = (1..20).map(|failed| upper_bound(&backoff, failed)).sum();
        assert!(longest / 2 > Duration::from_secs(11 * 60 * 60), "on average {:?}", longest / 2);
    }

    proptest! {
        #[test]
        fn a_wait_is_within_its_bound_for_any_number_of_failures(
            initial in 0u64..=u64::MAX, max in 0u64..=u64::MAX, factor_permille in 0u32.., failed in 0u32.., seed: u64
        ) {
            let backoff =
                Backoff { initial: Duration::from_millis(initial), max: Duration::from_millis(max), factor_permille };
            let wait = full_jitter(&backoff, failed, &mut SmallRng::seed_from_u64(seed));
            prop_assert!(wait <= backoff.max);
        }
    }
}
