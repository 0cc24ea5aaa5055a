//! The runtimes of a command that delivers: one thread that looks after everything, and those that deliver.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use tokio::runtime::{Builder, Handle, Runtime};

use super::{Exit, Failure};
use crate::config::PoolConfig;

/// Tasks a thread polls before it looks for network events. A delivery polls several tasks one after another, and each
/// look is a system call; tokio looks every 61 polls.
const POLLS_PER_EVENT_CHECK: u32 = 512;

/// How long threads are waited for that something may block for good.
const ENDED_WITHIN: Duration = Duration::from_secs(1);

/// Both runtimes. An adapter that blocks the threads that deliver does not keep the command from noticing, nor from ending.
pub struct Planes {
    control: Runtime,
    delivery: Option<Runtime>,
}

impl Planes {
    /// As `[pool]` says: so many delivery threads, 0 being one per CPU, each pinned to one of `pin_cores` in turn, if there
    /// are any; a CPU the machine does not have is passed over.
    ///
    /// # Errors
    ///
    /// When the system gives no threads.
    pub fn new(pool: &PoolConfig) -> Result<Self, Failure> {
        let mut control = Builder::new_current_thread();
        let mut delivery = Builder::new_multi_thread();
        if pool.threads > 0 {
            delivery.worker_threads(pool.threads);
        }
        let cores = pinned(&pool.pin_cores);
        if !cores.is_empty() {
            let next = AtomicUsize::new(0);
            delivery.on_thread_start(move || _ = core_affinity::set_for_current(cores[next.fetch_add(1, Relaxed) % cores.len()]));
        }
        Ok(Self { control: build(&mut control)?, delivery: Some(build(&mut delivery)?) })
    }

    /// Runs a future on this thread, beside those that deliver.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.control.block_on(future)
    }

    /// Where to deliver.
    pub fn delivery(&self) -> Handle {
        self.delivery.as_ref().expect("it is there until the end").handle().clone()
    }
}

impl Drop for Planes {
    fn drop(&mut self) {
        if let Some(delivery) = self.delivery.take() {
            delivery.shutdown_timeout(ENDED_WITHIN);
        }
    }
}

/// A runtime for both, one thread per CPU.
///
/// # Errors
///
/// When the system gives no threads.
pub fn one_for_all() -> Result<Runtime, Failure> {
    build(&mut Builder::new_multi_thread())
}

fn build(builder: &mut Builder) -> Result<Runtime, Failure> {
    let runtime = builder.enable_all().event_interval(POLLS_PER_EVENT_CHECK).build();
    runtime.map_err(|error| Failure::new(Exit::Bug, format!("cannot start the runtime: {error}")))
}

/// Those of the CPUs that the machine has.
fn pinned(cores: &[usize]) -> Vec<core_affinity::CoreId> {
    let known = if cores.is_empty() { Vec::new() } else { core_affinity::get_core_ids().unwrap_or_default() };
    cores.iter().filter_map(|core| known.iter().find(|known| known.id == *core).copied()).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::mpsc};

    use super::*;

    #[test]
    fn delivery_threads_run_on_the_cores_they_are_pinned_to() {
        let first = core_affinity::get_core_ids().expect("the system tells")[0];
        let pool = PoolConfig { threads: 2, pin_cores: vec![first.id, 9999], ..PoolConfig::default() };
        let planes = Planes::new(&pool).expect("threads");
        // Both threads are held until both have told.
        let (tell, told) = mpsc::channel();
        let barrier = std::sync::Arc::new(std::sync::Barrier::new(2));
        for _ in 0..2 {
            let (tell, barrier) = (tell.clone(), barrier.clone());
            drop(planes.delivery().spawn(async move {
                barrier.wait();
                let allowed: Vec<usize> =
                    core_affinity::get_core_ids().expect("the system tells").iter().map(|core| core.id).collect();
                tell.send(allowed).expect("the test waits");
            }));
        }
        let allowed: BTreeSet<Vec<usize>> = told.iter().take(2).collect();
        assert_eq!(allowed, BTreeSet::from([vec![first.id]]), "every thread may run on the pinned core only");
    }

    #[test]
    fn a_blocked_delivery_thread_keeps_nobody_from_ending() {
        let planes = Planes::new(&PoolConfig { threads: 1, ..PoolConfig::default() }).expect("threads");
        let (release, released) = mpsc::channel::<()>();
        let (begun, begins) = mpsc::channel();
        drop(planes.delivery().spawn(async move {
            begun.send(()).expect("the test waits");
            let _ = released.recv();
        }));
        begins.recv().expect("it begins");
        assert_eq!(planes.block_on(async { 7 }), 7);
        drop(planes);
        release.send(()).expect("the thread is still blocked, and the planes are gone");
    }
}
