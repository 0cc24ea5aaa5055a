//! What the configuration says about the pool's size.

use std::time::Duration;

use crate::config::PoolConfig;

/// The bounds and goals of the law. Made from `[pool]`; a pin is set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Fewest workers.
    pub workers_min: usize,
    /// Most workers, at least as many.
    pub workers_max: usize,
    /// How busy the workers should be, in thousandths.
    pub target_permille: u32,
    /// The pool shrinks below this load, in thousandths; less than the target.
    pub shrink_below_permille: u32,
    /// How long the workers must be too busy before the pool grows.
    pub scale_up_delay: Duration,
    /// How long they must be too idle before it shrinks, and how long after any change.
    pub scale_down_delay: Duration,
    /// No task should wait longer for a worker.
    pub wait_goal: Duration,
    /// After so long without work a worker above the minimum is retired.
    pub max_idle_time: Duration,
    /// How many workers there are to be whatever the load is; may be above the maximum. Whoever sets it refuses 0.
    pub pinned: Option<usize>,
}

impl Rules {
    /// The rules of a configuration, without a pin.
    pub fn new(config: &PoolConfig) -> Self {
        Self {
            workers_min: config.min_workers,
            workers_max: config.workers_max(),
            target_permille: config.target_load_permille,
            shrink_below_permille: config.scale_down_load_permille,
            scale_up_delay: config.scale_up_delay,
            scale_down_delay: config.scale_down_delay,
            wait_goal: config.wait_goal,
            max_idle_time: config.max_idle_time,
            pinned: None,
        }
    }

    /// These rules with a pin, or without one.
    #[cfg(any(test, feature = "testing"))]
    pub fn pinned(self, pinned: Option<usize>) -> Self {
        Self { pinned, ..self }
    }

    /// The load above which the workers are too busy, in thousandths: a tenth over the target, but never so near to a
    /// full load that a busy pool could not exceed it. A target of 1000 leaves growing to what waits.
    pub fn grow_above_permille(&self) -> u32 {
        let (tenth_over, half_way) = (self.target_permille + self.target_permille / 10, self.target_permille.midpoint(1000));
        tenth_over.min(half_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_those_of_the_configuration() {
        let config = PoolConfig { min_workers: 3, max_workers: 9, ..PoolConfig::default() };
        let rules = Rules::new(&config);
        assert_eq!((rules.workers_min, rules.workers_max, rules.pinned), (3, 9, None));
        assert_eq!((rules.shrink_below_permille, rules.target_permille, rules.grow_above_permille()), (350, 700, 770));
        let delays = [rules.scale_up_delay, rules.scale_down_delay, rules.wait_goal, rules.max_idle_time];
        assert_eq!(delays.map(|delay| delay.as_secs()), [5, 30, 1, 60]);
        assert_eq!(rules.pinned(Some(40)).pinned, Some(40));
    }

    #[test]
    fn a_pool_can_be_too_busy_under_any_target_below_a_full_load() {
        let too_busy = |target_permille| Rules { target_permille, ..Rules::new(&PoolConfig::default()) }.grow_above_permille();
        assert_eq!([50, 500, 900, 990, 1000].map(too_busy), [55, 550, 950, 995, 1000]);
    }
}
