//! How fast a worker is of late: measured at every health check, the last few of which count most.

use std::time::Instant;

use super::WorkerCell;

/// The part of a new measurement in the average, in thousandths.
const NEW_PERMILLE: u64 = 300;

/// What was measured last. The worker's own.
#[derive(Debug)]
pub struct Pace {
    at: Instant,
    processed: u64,
    errors: u64,
    millis_per_second: u64,
    error_permille: u64,
}

impl Pace {
    /// Nothing yet.
    pub fn new(now: Instant) -> Self {
        Self { at: now, processed: 0, errors: 0, millis_per_second: 0, error_permille: 0 }
    }

    /// Measures what has come since the last time, and shows the average.
    pub fn measure(&mut self, cell: &WorkerCell, now: Instant) {
        let micros = now.saturating_duration_since(self.at).as_micros() as u64;
        if micros == 0 {
            return;
        }
        let (processed, errors) = cell.finished_so_far();
        let (more, failed) = (processed - self.processed, errors - self.errors);
        self.millis_per_second = average(self.millis_per_second, more * 1_000_000_000 / micros);
        if let Some(permille) = (failed * 1000).checked_div(more) {
            self.error_permille = average(self.error_permille, permille);
        }
        (self.at, self.processed, self.errors) = (now, processed, errors);
        cell.paces(self.millis_per_second, self.error_permille);
    }
}

fn average(before: u64, new: u64) -> u64 {
    (before * (1000 - NEW_PERMILLE) + new * NEW_PERMILLE) / 1000
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::{Clock, SystemClock},
        task::WorkerKey,
    };

    #[tokio::test]
    async fn a_steady_pace_is_shown_within_a_few_checks_and_a_pause_lets_it_fall() {
        let start = SystemClock.now();
        let (cell, mut pace) = (WorkerCell::new(WorkerKey { slot: 0, epoch: 1 }, start), Pace::new(start));
        let at = |second| start + Duration::from_secs(second);
        for second in 1..=20 {
            (0..10).for_each(|n| cell.finished(Duration::from_millis(1), n < 5));
            pace.measure(&cell, at(second));
        }
        let stats = cell.stats(at(20));
        assert!((9_900..=10_000).contains(&stats.millis_per_second), "{stats:?}");
        assert!((490..=500).contains(&stats.error_permille), "{stats:?}");
        (21..=40).for_each(|second| pace.measure(&cell, at(second)));
        let stats = cell.stats(at(40));
        assert!(stats.millis_per_second < 100 && stats.error_permille >= 490, "{stats:?}");
    }
}
