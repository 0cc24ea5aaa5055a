//! Notices when all threads that deliver are blocked: a plain thread, since nothing that lives on them could.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::runtime::Handle;

use super::monitor::BEATS;
use crate::{
    clock::{Clock, SystemClock},
    event::{EventKind, Suspicion},
    task::WorkerKey,
    telemetry::{Board, EventBus},
};

/// The thread's name.
const NAME: &str = "notifyhub-watchdog";

/// The watching thread. It ends when this is dropped.
#[derive(Debug)]
pub struct Watchdog {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Watches the runtime the workers run on, in real time: every `beat` it is given a task that does nothing but show
    /// that it ran.
    ///
    /// # Errors
    ///
    /// When the system has no thread left.
    pub fn start(runtime: Handle, beat: Duration, board: Board, events: EventBus) -> std::io::Result<Self> {
        let over = Arc::new(AtomicBool::new(false));
        let mut watch = Watch { runtime, beat, board, events, ran: Arc::default(), sent: 0, since: None };
        let ended = over.clone();
        let thread = thread::Builder::new().name(NAME.into()).spawn(move || {
            while !ended.load(Acquire) {
                watch.look(SystemClock.now());
                thread::park_timeout(beat);
            }
        })?;
        Ok(Self { over, thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.over.store(true, Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It sleeps or takes a look; neither takes long.
            let _ = thread.join();
        }
    }
}

struct Watch {
    runtime: Handle,
    beat: Duration,
    board: Board,
    events: EventBus,
    /// The number of the last tick that ran.
    ran: Arc<AtomicU64>,
    sent: u64,
    /// When the open tick was sent, and whether that was told.
    since: Option<(Instant, bool)>,
}

impl Watch {
    fn look(&mut self, now: Instant) {
        if self.ran.load(Acquire) == self.sent {
            if let Some((since, true)) = self.since.take() {
                self.board.stalled.store(false, Relaxed);
                let stalled = now.saturating_duration_since(since);
                tracing::warn!("the delivery threads take tasks again, after {} ms", stalled.as_millis());
                self.events.publish(|| (None, EventKind::RuntimeRecovered { stalled }));
            }
            return self.send(now);
        }
        let Some((since, told)) = &mut self.since else { return };
        let stalled = now.saturating_duration_since(*since);
        if !*told && stalled >= self.beat * (BEATS / 2) {
            *told = true;
            self.board.stalled.store(true, Relaxed);
            let at = self.culprits(now);
            let named: Vec<_> = at.iter().map(|(worker, at)| format!("worker {worker}: {at}")).collect();
            let named =
                if named.is_empty() { "no worker is at work: something else blocks them".into() } else { named.join("; ") };
            tracing::error!("the delivery threads have taken no task for {} ms: {named}", stalled.as_millis());
            self.events.publish(|| (None, EventKind::RuntimeStalled { stalled, at }));
        }
    }

    fn send(&mut self, now: Instant) {
        self.sent += 1;
        self.since = Some((now, false));
        let (ran, number) = (self.ran.clone(), self.sent);
        drop(self.runtime.spawn(async move { ran.store(number, Release) }));
    }

    /// The workers that hold a thread now.
    fn culprits(&self, now: Instant) -> Vec<(WorkerKey, Suspicion)> {
        let workers = self.board.workers();
        let all = workers.present.iter().chain(&workers.given_up);
        let holding = all.filter(|cell| cell.in_turn_for(now).is_some_and(|held| held >= self.beat));
        holding.filter_map(|cell| Some((cell.key, self.board.suspicion(cell, now)?))).collect()
    }
}
