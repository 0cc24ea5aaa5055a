//! What a history says, read once from its beginning.

use std::time::{Duration, Instant};

use super::{
    History, LoadSample, Rules, TICK,
    average::{Average, UNIT, per_second},
};

/// What loads and paces are averaged over: long enough to even out chance, a few times shorter than the delays.
const AVERAGE_OVER: Duration = Duration::from_secs(5);

/// Where a pool stands after its latest sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trend {
    /// How busy the workers are on average, in thousandths.
    pub load_permille: u32,
    /// For how long they have been too busy, if they are, without a change of the pool.
    pub busy_for: Option<Duration>,
    /// For how long they have been too idle, if they are, without a change of the pool.
    pub idle_for: Option<Duration>,
    /// How long a task waits for a worker, or will: what the oldest has waited, or what all would take.
    pub wait: Duration,
    /// How many workers the load wants, and what waits too long. Not within any bounds.
    pub wanted: usize,
    /// How many of them what waits too long wants; 0 where nothing does.
    pub wanted_at_once: usize,
    /// The most that were wanted within the last `scale_down_delay`.
    pub wanted_lately: usize,
}

impl Trend {
    /// Reads a history; `None` if it is empty.
    pub fn of(history: &History, rules: &Rules) -> Option<Self> {
        let latest = history.latest()?;
        let mut reader = Reader::new(rules);
        let mut wanted_lately = 0;
        for sample in history.iter() {
            reader.read(sample);
            if latest.at.saturating_duration_since(sample.at) <= rules.scale_down_delay {
                wanted_lately = wanted_lately.max(reader.wanted(sample));
            }
        }
        let lasted = |since: Instant| latest.at.saturating_duration_since(since);
        Some(Self {
            load_permille: reader.load_permille(latest),
            busy_for: reader.busy_since.map(lasted),
            idle_for: reader.idle_since.map(lasted),
            wait: reader.wait(latest),
            wanted: reader.wanted(latest),
            wanted_at_once: reader.wanted_at_once(latest),
            wanted_lately,
        })
    }
}

/// What is known after each sample. Workers and rates are in millionths.
struct Reader<'a> {
    rules: &'a Rules,
    previous: Option<LoadSample>,
    /// How many workers' whole slot-time is spent with sends.
    demand: Average,
    /// Tasks that came to be sent, a second.
    inflow: Average,
    /// As `demand`, but only of the time when anything was under way: together with `finished` the pace of a busy worker.
    occupied: Average,
    /// Sends that finished a second, in that time.
    finished: Average,
    busy_since: Option<Instant>,
    idle_since: Option<Instant>,
}

impl<'a> Reader<'a> {
    fn new(rules: &'a Rules) -> Self {
        let average = Average::default();
        Self {
            rules,
            previous: None,
            demand: average,
            inflow: average,
            occupied: average,
            finished: average,
            busy_since: None,
            idle_since: None,
        }
    }

    fn read(&mut self, sample: &LoadSample) {
        let previous = self.previous.replace(*sample);
        let time = previous.map_or(TICK, |previous| sample.at.saturating_duration_since(previous.at));
        let waited = previous.map_or(0, |previous| previous.waiting as u64);
        let came = (sample.begun.saturating_add(sample.waiting as u64)).saturating_sub(waited);
        self.inflow.follow(per_second(came, time), time, self.rules.wait_goal.min(AVERAGE_OVER));
        let occupied = (sample.workers as u64).saturating_mul(u64::from(sample.busy_permille)).saturating_mul(UNIT / 1000);
        self.demand.follow(occupied, time, AVERAGE_OVER);
        if sample.busy_permille > 0 || sample.finished > 0 {
            self.occupied.follow(occupied, time, AVERAGE_OVER);
            self.finished.follow(per_second(sample.finished, time), time, AVERAGE_OVER);
        }
        let changed = previous.is_some_and(|previous| previous.workers != sample.workers);
        let load = self.load_permille(sample);
        let since = |since: Option<Instant>| Some(since.filter(|_| !changed).unwrap_or(sample.at));
        self.busy_since = if load > self.rules.grow_above_permille() { since(self.busy_since) } else { None };
        self.idle_since = if load < self.rules.shrink_below_permille { since(self.idle_since) } else { None };
    }

    fn load_permille(&self, sample: &LoadSample) -> u32 {
        let load = self.demand.millionths() / (UNIT / 1000) / (sample.workers as u64).max(1);
        u32::try_from(load).unwrap_or(u32::MAX)
    }

    /// How many workers the load and the wait want.
    fn wanted(&self, sample: &LoadSample) -> usize {
        let target = u64::from(self.rules.target_permille.max(1)) * (UNIT / 1000);
        let by_load = usize::try_from(self.demand.millionths().div_ceil(target)).unwrap_or(usize::MAX);
        by_load.max(self.wanted_at_once(sample))
    }

    /// How many workers carry what comes in and work off what waits within the goal, if a task waits longer than half of
    /// the goal or will. As long as nothing has finished nobody knows, and twice as many is the guess.
    fn wanted_at_once(&self, sample: &LoadSample) -> usize {
        if sample.waiting == 0 || self.wait(sample) <= self.rules.wait_goal / 2 {
            return 0;
        }
        let (occupied, finished) = (u128::from(self.occupied.millionths()), u128::from(self.finished.millionths()));
        if finished == 0 {
            return sample.workers.saturating_mul(2);
        }
        let rate = self.inflow.millionths().saturating_add(per_second(sample.waiting as u64, self.rules.wait_goal));
        let workers = u128::from(rate).saturating_mul(occupied).div_ceil(finished * u128::from(UNIT));
        usize::try_from(workers).unwrap_or(usize::MAX)
    }

    /// What the oldest waiting task has waited, or what all of them would take at the pace of the workers there are.
    fn wait(&self, sample: &LoadSample) -> Duration {
        let (occupied, finished) = (u128::from(self.occupied.millionths()), u128::from(self.finished.millionths()));
        let tasks = (sample.waiting as u128).saturating_mul(occupied);
        let nanos = tasks.saturating_mul(1_000_000_000) / (finished * (sample.workers as u128)).max(1);
        let expected = if finished == 0 { 0 } else { u64::try_from(nanos).unwrap_or(u64::MAX) };
        sample.oldest_wait.max(Duration::from_nanos(expected))
    }
}
