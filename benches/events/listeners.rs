//! The thread everything that listens runs on: what it has seen, and how much processor time it took.

use std::{
    fs,
    future::Future,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::task::JoinSet;

use super::{AnyError, LISTENER_CORE};

/// A running thread of listeners.
pub struct Listeners {
    subscribers: u64,
    bursts_seen: Arc<AtomicU64>,
    schedstat: PathBuf,
    thread: JoinHandle<()>,
}

/// What a subscriber counts with: it tells of whole bursts only.
pub struct Seen {
    events: u64,
    burst: u64,
    bursts: Arc<AtomicU64>,
}

impl Listeners {
    /// Starts a thread that runs `other` and all `subscribers`, who get bursts of `burst` events, until all have ended.
    pub fn start<F>(
        burst: u64,
        other: impl Future<Output = ()> + Send + 'static,
        subscribers: Vec<impl FnOnce(Seen) -> F>,
    ) -> Result<Self, AnyError>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let bursts_seen = Arc::<AtomicU64>::default();
        let count = subscribers.len() as u64;
        let mut tasks = JoinSet::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        for subscriber in subscribers {
            tasks.spawn_on(subscriber(Seen { events: 0, burst, bursts: bursts_seen.clone() }), runtime.handle());
        }
        let (sender, schedstat) = mpsc::channel();
        let thread = thread::spawn(move || {
            pin_to(LISTENER_CORE);
            let own = fs::read_link("/proc/thread-self").expect("Linux has it");
            sender.send(PathBuf::from("/proc").join(own).join("schedstat")).expect("the publisher waits for it");
            runtime.block_on(async {
                tokio::join!(other, tasks.join_all());
            });
        });
        Ok(Self { subscribers: count, bursts_seen, schedstat: schedstat.recv()?, thread })
    }

    /// Waits until every subscriber has seen so many bursts.
    pub fn wait_for(&self, bursts: u64) {
        while self.bursts_seen.load(Ordering::Acquire) < bursts * self.subscribers {
            thread::sleep(Duration::from_micros(20));
        }
    }

    /// How much processor time the thread has used. Exact while it waits.
    pub fn cpu_time(&self) -> Result<Duration, AnyError> {
        let schedstat = fs::read_to_string(&self.schedstat)?;
        let on_cpu = schedstat.split_whitespace().next().ok_or("an empty schedstat")?;
        Ok(Duration::from_nanos(on_cpu.parse()?))
    }

    /// Waits for the thread, whose subscribers have nothing more to wait for.
    pub fn end(self) -> Result<(), AnyError> {
        self.thread.join().map_err(|_| "a listener panicked".into())
    }
}

impl Seen {
    /// Counts an event.
    pub fn one(&mut self) {
        self.events += 1;
        if self.events.is_multiple_of(self.burst) {
            self.bursts.fetch_add(1, Ordering::Release);
        }
    }
}

/// Pins this thread to one core; a machine without that core is used as it is.
pub fn pin_to(core: usize) {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    if let Some(core) = cores.into_iter().find(|known| known.id == core) {
        core_affinity::set_for_current(core);
    }
}
