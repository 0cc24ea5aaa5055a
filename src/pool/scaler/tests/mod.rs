//! What the law promises.

mod growing;
mod holding;
mod properties;
mod reasons;
mod shrinking;

use std::time::{Duration, Instant};

use super::{Decision, History, LoadSample, Rules, TICK, workers_wanted};
use crate::{
    clock::{Clock, SystemClock},
    config::PoolConfig,
};

/// What one worker sends a second at full load: as with 8 slots and sends of 200 ms.
const PACE: u64 = 40;

/// The default rules for 2 to 32 workers.
fn rules() -> Rules {
    Rules::new(&PoolConfig { min_workers: 2, max_workers: 32, ..PoolConfig::default() })
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A history that is written tick by tick.
struct Recorder {
    rules: Rules,
    history: History,
    next: LoadSample,
}

impl Recorder {
    /// Nothing recorded yet; the next sample is of `workers` that are so busy.
    fn of(workers: usize, busy_permille: u32, rules: Rules) -> Self {
        let at = SystemClock.now();
        let next = LoadSample {
            at,
            workers,
            busy_permille,
            waiting: 0,
            oldest_wait: Duration::ZERO,
            begun: 0,
            finished: 0,
            idle_workers: 0,
        };
        Self { rules, history: History::new(&rules), next }
    }

    /// Records ticks for a while; the workers finish as much as they are busy.
    fn run(&mut self, time: Duration) -> &mut Self {
        let finished = self.next.workers as u64 * PACE * u64::from(self.next.busy_permille) / 4000;
        let ticks = time.as_nanos() / TICK.as_nanos();
        for _ in 0..ticks {
            let sample = LoadSample { finished, begun: finished, ..self.next };
            self.record(sample);
        }
        self
    }

    /// Records one tick as it is.
    fn record(&mut self, sample: LoadSample) -> &mut Self {
        self.history.push(sample);
        self.next.at = sample.at + TICK;
        self
    }

    /// From now on the load is another.
    fn busy(&mut self, busy_permille: u32) -> &mut Self {
        self.next.busy_permille = busy_permille;
        self
    }

    /// When the latest sample was taken.
    fn now(&self) -> Instant {
        self.history.latest().expect("something is recorded").at
    }

    fn decide(&self) -> Decision {
        workers_wanted(&self.history, self.now(), &self.rules)
    }
}
