//! What outlives a process: time, what platforms saw, what was promised, and the trace.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use notifyhub::{NotificationId, TaskState, clock::Clock};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::sync::Notify;

use super::{Verdict, scenario::Scenario};

/// Steps kept for whoever looks for the reason.
const TIMELINE_MAX: usize = 80;

/// A notification by its producer and its place with him.
pub type Name = (usize, usize);

/// One notification for one platform, as the far end knows it.
#[derive(Debug, Clone, Default)]
pub struct Target {
    /// Requests that arrived.
    pub arrived: u32,
    /// Requests that the platform took: copies.
    pub taken: u32,
    /// Of these, in this life of the process and not known to be settled.
    pub taken_unsettled: u32,
    /// Positive answers.
    pub answered: u32,
    /// Attempts of which nobody knows what came.
    pub ambiguous: u32,
    /// Whether the platform refused it for good.
    pub invalid: bool,
    /// Under way now.
    pub in_flight: u32,
    /// Not to be tried before, as the platform asked.
    pub not_before: Option<SystemTime>,
    /// The final state that was committed, as far as anybody was told.
    pub settled: Option<TaskState>,
}

/// What is known of everything.
pub struct State {
    pub rng: SmallRng,
    /// Virtual time that passed in earlier lives.
    pub before: Duration,
    pub accepted: BTreeMap<Name, NotificationId>,
    /// When each was first to be sent.
    pub wished_at: BTreeMap<Name, SystemTime>,
    pub names: HashMap<NotificationId, Name>,
    /// Those that were asked to be cancelled.
    pub cancelled: Vec<Name>,
    pub targets: BTreeMap<(Name, usize), Target>,
    /// By producer and platform: the last of his order that arrived.
    pub last_of_order: BTreeMap<(usize, usize), usize>,
    pub crashes: u32,
    /// By platform: when it failed, as long as it does nothing else.
    pub failures: Vec<VecDeque<Duration>>,
    /// Whether faults have ended.
    pub calm: bool,
    violations: Vec<String>,
    timeline: VecDeque<String>,
    trace: u64,
}

/// The world of one seed.
pub struct World {
    pub scenario: Scenario,
    state: Mutex<State>,
    /// Rung when the process is to die at once.
    pub dies: Notify,
}

impl World {
    pub fn new(scenario: Scenario) -> Self {
        let state = State {
            rng: SmallRng::seed_from_u64(scenario.seed ^ 0x5eed),
            before: Duration::ZERO,
            accepted: BTreeMap::new(),
            wished_at: BTreeMap::new(),
            names: HashMap::new(),
            cancelled: Vec::new(),
            targets: BTreeMap::new(),
            last_of_order: BTreeMap::new(),
            crashes: 0,
            failures: vec![VecDeque::new(); scenario.platforms.len()],
            calm: false,
            violations: Vec::new(),
            timeline: VecDeque::new(),
            trace: 0xcbf2_9ce4_8422_2325,
        };
        Self { scenario, state: Mutex::new(state), dies: Notify::new() }
    }

    /// Never held across an `.await`.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with it")
    }

    /// Whether a fault happens that does so in `percent` of all cases; never once it is calm.
    pub fn strikes(&self, percent: u32) -> bool {
        let mut state = self.state();
        !state.calm && percent > 0 && state.rng.random_range(0..100) < percent
    }

    /// A time of at most so long.
    pub fn up_to(&self, most: Duration) -> Duration {
        let micros = u64::try_from(most.as_micros()).unwrap_or(u64::MAX).max(1);
        Duration::from_micros(self.state().rng.random_range(0..micros))
    }

    /// Writes a step into the trace.
    pub fn step(&self, clock: &SimClock, what: impl Into<String>) {
        let line = format!("{:>12.6} {}", clock.since_start().as_secs_f64(), what.into());
        let mut state = self.state();
        for byte in line.bytes() {
            state.trace = (state.trace ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
        if state.timeline.len() == TIMELINE_MAX {
            state.timeline.pop_front();
        }
        state.timeline.push_back(line);
    }

    pub fn violated(&self, what: impl Into<String>) {
        let what = what.into();
        let mut state = self.state();
        state.timeline.push_back(format!("VIOLATION    {what}"));
        state.violations.push(what);
    }

    pub fn is_sound(&self) -> bool {
        self.state().violations.is_empty()
    }

    /// The process has died: what it had under way may come again.
    pub fn crashed(&self) {
        let mut state = self.state();
        state.crashes += 1;
        state.failures.iter_mut().for_each(VecDeque::clear);
        for target in state.targets.values_mut() {
            target.ambiguous += u32::from(target.taken_unsettled > 0);
            (target.taken_unsettled, target.in_flight, target.not_before) = (0, 0, None);
        }
    }

    pub fn verdict(&self) -> Verdict {
        let state = self.state();
        Verdict {
            violations: state.violations.clone(),
            timeline: state.timeline.iter().cloned().collect(),
            trace: state.trace,
            crashes: state.crashes,
            sent: state.targets.values().map(|target| target.arrived).sum(),
        }
    }
}

/// Virtual time. The wall clock goes on over lives, the monotonic one begins with each.
#[derive(Debug, Clone)]
pub struct SimClock {
    began: Instant,
    before: Duration,
}

impl SimClock {
    /// On the paused time of the runtime it is made on.
    pub fn new(before: Duration) -> Self {
        Self { began: notifyhub::clock::SystemClock.now(), before }
    }

    pub fn since_start(&self) -> Duration {
        self.before + self.now().saturating_duration_since(self.began)
    }
}

#[async_trait]
impl Clock for SimClock {
    fn now(&self) -> Instant {
        notifyhub::clock::SystemClock.now()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_893_456_000) + self.since_start()
    }

    async fn sleep_until(&self, deadline: Instant) {
        notifyhub::clock::SystemClock.sleep_until(deadline).await;
    }
}
