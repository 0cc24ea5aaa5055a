//! Looks after the heartbeats: asks every worker ten times in `health_check_interval`, and says who does not answer.
//!
//! Three things can go wrong, each on its own layer. A *send* that never ends is ended by its worker at its deadline. A
//! *worker* that does not answer, because an adapter blocks the thread under it, is noticed here. A *runtime* all of whose
//! threads are blocked is noticed by the [watchdog](super::watchdog), which needs no runtime itself; while it is stalled, no
//! worker is given up: it is not its own fault, and a new one would not run either.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, watch};

use super::{
    command::Suspect,
    worker::{Member, Order},
};
use crate::{
    clock::Clock,
    event::{EventKind, HealthState, PoolHealth},
    shutdown::Scope,
    task::WorkerKey,
    telemetry::{Board, EventBus},
};

/// Checks in one `health_check_interval`.
pub const BEATS: u32 = 10;

/// A worker that left so many checks in a row unanswered is called unresponsive,
const UNRESPONSIVE_BEATS: u32 = BEATS / 2;

/// and one that left so many is given up.
const GIVE_UP_BEATS: u32 = BEATS;

/// Fewest given-up workers that are too many.
const GIVEN_UP_MAX: usize = 2;

/// Beats after which delivery threads that take no task at all are not waited for any more: six health check intervals.
const STALLED_BEATS_MAX: u32 = 6 * BEATS;

/// What a monitor needs.
pub struct MonitorParts {
    /// How often workers are asked.
    pub beat: Duration,
    /// Delivery threads there are.
    pub threads: usize,
    /// Whom to watch.
    pub watched: watch::Receiver<Arc<[Member]>>,
    /// Whom to tell who is to be replaced.
    pub suspects: mpsc::Sender<Suspect>,
    /// Where workers show themselves, and health is shown.
    pub board: Board,
    /// Who listens.
    pub events: EventBus,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// What the monitor lives in.
    pub scope: Scope,
}

/// Watches the workers.
pub struct Monitor {
    parts: MonitorParts,
    checks: HashMap<WorkerKey, Check>,
    /// For how many beats in a row the delivery threads have taken no task.
    stalled_beats: u32,
}

/// What a worker was asked, and what it answered.
#[derive(Debug, Default)]
struct Check {
    asked: u64,
    missed: u32,
}

/// What a worker's silence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Finding {
    Fine,
    /// It answers again.
    Recovered,
    /// It misses a check, but not so many that it would mean anything.
    Late,
    /// It has just missed too many.
    Unresponsive,
    /// It goes on doing so.
    Silent,
    /// It will not be waited for.
    GivenUp,
}

impl Check {
    /// Compares what was asked with what was answered.
    fn find(&mut self, answered: u64, stalled: bool) -> Finding {
        if answered >= self.asked {
            let missed = std::mem::take(&mut self.missed);
            return if missed >= UNRESPONSIVE_BEATS { Finding::Recovered } else { Finding::Fine };
        }
        self.missed = if stalled { (self.missed + 1).min(GIVE_UP_BEATS - 1) } else { self.missed + 1 };
        match self.missed {
            UNRESPONSIVE_BEATS => Finding::Unresponsive,
            missed if missed < UNRESPONSIVE_BEATS => Finding::Late,
            missed if missed < GIVE_UP_BEATS => Finding::Silent,
            _ => Finding::GivenUp,
        }
    }
}

impl Monitor {
    /// A monitor that has asked nobody yet.
    pub fn new(parts: MonitorParts) -> Self {
        Self { parts, checks: HashMap::new(), stalled_beats: 0 }
    }

    /// Asks and looks at every beat until the scope drains.
    pub async fn run(mut self) {
        loop {
            let next = self.parts.clock.now() + self.parts.beat;
            tokio::select! {
                biased;
                () = self.parts.clock.sleep_until(next) => self.look().await,
                () = self.parts.scope.draining() => return self.show(HealthState::ShuttingDown, 0, 0, Vec::new()),
            }
        }
    }

    async fn look(&mut self) {
        let members = self.parts.watched.borrow_and_update().clone();
        let now = self.parts.clock.now();
        let stalled = self.parts.board.stalled.load(Relaxed);
        self.stalled_beats = if stalled { self.stalled_beats.saturating_add(1) } else { 0 };
        self.checks.retain(|worker, _| members.iter().any(|member| member.cell.key == *worker));
        let (mut responsive, mut reasons) = (0, Vec::new());
        for member in &*members {
            let worker = member.cell.key;
            let check = self.checks.entry(worker).or_default();
            let finding = check.find(member.cell.checks_answered(), stalled);
            let silent = self.parts.beat * check.missed;
            match finding {
                Finding::Fine | Finding::Recovered | Finding::Late => responsive += 1,
                Finding::Unresponsive | Finding::Silent | Finding::GivenUp => reasons.push(self.describe(member, silent, now)),
            }
            self.tell(finding, member, silent, now).await;
            self.ask(member);
        }
        self.judge(responsive, reasons);
    }

    /// Asks for a sign of life, unless an earlier question is still open.
    fn ask(&mut self, member: &Member) {
        let check = self.checks.entry(member.cell.key).or_default();
        if member.cell.checks_answered() >= check.asked && member.orders.try_send(Order::Check).is_ok() {
            check.asked += 1;
        }
    }

    async fn tell(&self, finding: Finding, member: &Member, silent: Duration, now: Instant) {
        let (parts, worker) = (&self.parts, member.cell.key);
        match finding {
            Finding::Unresponsive => {
                let why = self.describe(member, silent, now);
                tracing::warn!(worker = %worker, "{why}");
                let at = parts.board.suspicion(&member.cell, now);
                parts.events.publish(|| (None, EventKind::WorkerUnresponsive { worker, silent, at }));
            }
            Finding::Recovered => parts.events.publish(|| (None, EventKind::WorkerRecovered { worker })),
            Finding::GivenUp => {
                let why = self.describe(member, silent, now);
                // An error means that the supervisor has ended, and with it all workers.
                let _ = parts.suspects.send(Suspect { worker, why }).await;
            }
            Finding::Fine | Finding::Late | Finding::Silent => {}
        }
    }

    fn describe(&self, member: &Member, silent: Duration, now: Instant) -> String {
        let worker = member.cell.key;
        let silence = format!("worker {worker} has not answered for {} ms", silent.as_millis());
        match self.parts.board.suspicion(&member.cell, now).filter(|_| member.cell.in_turn_for(now).is_some()) {
            Some(suspicion) => format!("{silence}: {suspicion}"),
            None => silence,
        }
    }

    /// What the numbers mean for the pool as a whole.
    fn judge(&self, responsive: usize, mut reasons: Vec<String>) {
        let wanted = self.parts.board.wanted.load(Relaxed) as usize;
        let missing = wanted.saturating_sub(responsive + reasons.len());
        if missing > 0 {
            reasons.push(format!("{missing} of {wanted} workers are not there yet or rest before a restart"));
        }
        self.show(state(responsive, wanted), responsive, wanted, reasons);
    }

    fn show(&self, state: HealthState, responsive: usize, wanted: usize, mut reasons: Vec<String>) {
        let abandoned: Vec<WorkerKey> = self.parts.board.workers().given_up.iter().map(|cell| cell.key).collect();
        let lost = self.stalled_beats >= STALLED_BEATS_MAX;
        let exhausted = lost || abandoned.len() > GIVEN_UP_MAX.max(self.parts.threads / 4);
        if lost {
            reasons.push(format!(
                "all delivery threads have been blocked for {} s",
                (self.parts.beat * self.stalled_beats).as_secs()
            ));
        }
        if !abandoned.is_empty() {
            let names: Vec<_> = abandoned.iter().map(ToString::to_string).collect();
            reasons.push(format!("adapters still block the threads of workers that were given up: {}", names.join(", ")));
        }
        let health = PoolHealth { state, responsive, wanted, abandoned, exhausted, reasons: reasons.into() };
        let before = self.parts.board.health.swap(Arc::new(health.clone()));
        if before.state != health.state {
            let (from, to, reasons) = (before.state, health.state, health.reasons.clone());
            tracing::info!("the pool is {to}, it was {from}");
            self.parts.events.publish(|| (None, EventKind::HealthChanged { from, to, reasons }));
        }
    }
}

fn state(responsive: usize, wanted: usize) -> HealthState {
    match responsive * 100 {
        percent if percent >= wanted * 80 => HealthState::Healthy,
        percent if percent >= wanted * 50 => HealthState::Degraded,
        _ => HealthState::Unhealthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_is_healthy_from_80_percent_and_degraded_from_50() {
        let states = [10, 8, 7, 5, 4, 0].map(|responsive| state(responsive, 10));
        let [healthy, degraded, unhealthy] = [HealthState::Healthy, HealthState::Degraded, HealthState::Unhealthy];
        assert_eq!(states, [healthy, healthy, degraded, degraded, unhealthy, unhealthy]);
        assert_eq!(state(0, 0), healthy);
    }

    #[test]
    fn a_worker_is_suspected_after_half_the_interval_and_given_up_after_all_of_it() {
        let mut check = Check { asked: 1, missed: 0 };
        let findings: Vec<_> = (0..BEATS).map(|_| check.find(0, false)).collect();
        assert!(findings[..4].iter().all(|finding| *finding == Finding::Late));
        assert_eq!(findings[4], Finding::Unresponsive);
        assert!(findings[5..9].iter().all(|finding| *finding == Finding::Silent));
        assert_eq!(findings[9], Finding::GivenUp);
        assert_eq!([check.find(1, false), check.find(1, false)], [Finding::Recovered, Finding::Fine]);
    }

    #[test]
    fn nobody_is_given_up_while_the_whole_runtime_is_stalled() {
        let mut check = Check { asked: 1, missed: 0 };
        assert!((0..100).all(|_| check.find(0, true) != Finding::GivenUp));
        assert_eq!(check.find(0, false), Finding::GivenUp);
    }
}
