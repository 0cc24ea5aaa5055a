//! How often values of which size occurred: written by one task with plain stores, read by anybody.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

const NANOS: u64 = 1;
const MILLIS: u64 = 1_000_000 * NANOS;
const SECONDS: u64 = 1_000 * MILLIS;

/// Upper bounds of buckets, and what one unit of them is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    bounds: &'static [u64],
    unit: f64,
}

impl Scale {
    /// Durations from a millisecond to an hour, in seconds.
    pub const DURATIONS: Self = Self {
        bounds: &[
            MILLIS,
            2_500_000,
            5 * MILLIS,
            10 * MILLIS,
            25 * MILLIS,
            50 * MILLIS,
            100 * MILLIS,
            250 * MILLIS,
            500 * MILLIS,
            SECONDS,
            2_500 * MILLIS,
            5 * SECONDS,
            10 * SECONDS,
            30 * SECONDS,
            60 * SECONDS,
            300 * SECONDS,
            3_600 * SECONDS,
        ],
        unit: 1e-9,
    };

    /// Numbers of tasks from 1 to 1,000.
    pub const SIZES: Self = Self { bounds: &[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000], unit: 1.0 };

    /// The upper bounds of all buckets but the last, which has none.
    pub fn bounds(self) -> Vec<f64> {
        // Divided where that is exact, so that 0.001 is 0.001.
        self.bounds.iter().map(|bound| if self.unit < 1.0 { *bound as f64 / 1e9 } else { *bound as f64 }).collect()
    }
}

/// A histogram with fixed buckets. Only one task may record.
#[derive(Debug)]
pub struct Histogram {
    scale: Scale,
    buckets: Box<[Bucket]>,
}

#[derive(Debug, Default)]
struct Bucket {
    count: AtomicU64,
    sum: AtomicU64,
}

/// What was recorded into one bucket: how many values, and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Filled {
    /// How many values.
    pub count: u64,
    /// Their sum, in seconds or tasks.
    pub sum: f64,
}

impl Histogram {
    /// Nothing recorded yet.
    pub fn new(scale: Scale) -> Self {
        Self { scale, buckets: (0..=scale.bounds.len()).map(|_| Bucket::default()).collect() }
    }

    /// Records a duration, where the scale is of durations.
    pub fn record_duration(&self, duration: Duration) {
        self.record(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Records a number of tasks, where the scale is of sizes.
    pub fn record_size(&self, size: usize) {
        self.record(size as u64);
    }

    fn record(&self, value: u64) {
        let bucket = &self.buckets[self.scale.bounds.partition_point(|bound| *bound < value)];
        bucket.count.store(bucket.count.load(Relaxed) + 1, Relaxed);
        bucket.sum.store(bucket.sum.load(Relaxed).saturating_add(value), Relaxed);
    }

    /// What was recorded so far, by bucket.
    pub fn filled(&self) -> Vec<Filled> {
        let filled = |bucket: &Bucket| Filled {
            count: bucket.count.load(Relaxed),
            sum: bucket.sum.load(Relaxed) as f64 * self.scale.unit,
        };
        self.buckets.iter().map(filled).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_bucket_whose_bound_it_does_not_exceed() {
        let histogram = Histogram::new(Scale::DURATIONS);
        for millis in [0, 1, 2, 7_200_000] {
            histogram.record_duration(Duration::from_millis(millis));
        }
        histogram.record_duration(Duration::MAX);
        let filled = histogram.filled();
        assert_eq!(filled.len(), Scale::DURATIONS.bounds().len() + 1);
        assert_eq!((filled[0].count, filled[1].count, filled.last().expect("a last one").count), (2, 1, 2));
        assert!((filled[0].sum - 0.001).abs() < 1e-12 && (filled[1].sum - 0.002).abs() < 1e-12);
    }

    #[test]
    fn bounds_are_written_as_people_write_them() {
        assert_eq!(Scale::DURATIONS.bounds()[..3], [0.001, 0.002_5, 0.005]);
        assert_eq!(Scale::SIZES.bounds()[..3], [1.0, 2.0, 5.0]);
    }
}
