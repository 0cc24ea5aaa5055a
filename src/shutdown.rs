//! Scopes: nothing is spawned that nobody waits for.

use std::{future::Future, time::Duration};

use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::clock::Clock;

/// How long stopped tasks are waited for.
const STOPPED_WITHIN: Duration = Duration::from_secs(1);

/// A set of tasks that end together, in two steps: first they are asked to drain, then they are stopped. What only
/// [serves](Scope::spawn_until_stopped) them is stopped when they have ended.
///
/// Every loop of the engine is `select! { work, scope.draining() }`; what holds no work of its own may ignore
/// draining and be stopped.
#[derive(Debug, Clone)]
pub struct Scope {
    tracker: TaskTracker,
    guests: TaskTracker,
    servants: TaskTracker,
    draining: CancellationToken,
    stopped: CancellationToken,
    over: CancellationToken,
    runtime: Handle,
}

impl Scope {
    /// A scope whose tasks run on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        Self {
            tracker: TaskTracker::new(),
            guests: TaskTracker::new(),
            servants: TaskTracker::new(),
            draining: CancellationToken::new(),
            stopped: CancellationToken::new(),
            over: CancellationToken::new(),
            runtime,
        }
    }

    /// Spawns a task that [`finish`](Scope::finish) waits for. When the scope is stopped, its future is dropped.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_on(future, &self.runtime)
    }

    /// The same, on another runtime.
    pub fn spawn_on<F>(&self, future: F, runtime: &Handle) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let stopped = self.stopped.clone();
        let task = async move { stopped.run_until_cancelled_owned(future).await };
        self.tracker.spawn_on(task, runtime)
    }

    /// Spawns a task that serves the others to their end: [`finish`](Scope::finish) stops it, by dropping its future,
    /// once they have ended.
    pub fn spawn_until_stopped<F>(&self, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let over = self.over.clone();
        let task = async move { over.run_until_cancelled_owned(future).await };
        self.servants.spawn_on(task, &self.runtime)
    }

    /// Counts a future whose task somebody in the scope owns and ends: [`finish`](Scope::finish) gives it a moment to be gone.
    pub fn guest<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        self.guests.track_future(future)
    }

    /// Asks the tasks to finish what they have and take no more.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Resolves once the scope is draining.
    pub fn draining(&self) -> impl Future<Output = ()> + use<> {
        self.draining.clone().cancelled_owned()
    }

    /// Drains, waits at most `grace` for all tasks to end, then stops the rest. Tells whether all ended in time. A stopped
    /// task is gone once its thread is free; it is waited for a moment only, since something may block the thread for good.
    pub async fn finish(&self, clock: &dyn Clock, grace: Duration) -> bool {
        self.drain();
        self.close();
        let in_time = within(clock, grace, self.tracker.wait()).await;
        self.stopped.cancel();
        if !in_time {
            let gone = async {
                self.tracker.wait().await;
                self.guests.wait().await;
            };
            within(clock, STOPPED_WITHIN, gone).await;
        }
        self.over.cancel();
        within(clock, STOPPED_WITHIN, self.servants.wait()).await;
        in_time
    }

    /// Stops all tasks at once, without waiting for them.
    pub fn abandon(&self) {
        self.drain();
        self.close();
        self.stopped.cancel();
        self.over.cancel();
    }

    fn close(&self) {
        self.tracker.close();
        self.guests.close();
        self.servants.close();
    }
}

/// Whether `done` resolved in time.
async fn within(clock: &dyn Clock, limit: Duration, done: impl Future<Output = ()>) -> bool {
    let over = async {
        match clock.now().checked_add(limit) {
            Some(deadline) => clock.sleep_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        () = done => true,
        () = over => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use super::*;
    use crate::clock::SystemClock;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_drains_in_time_is_waited_for() {
        let scope = Scope::new(Handle::current());
        let done = Arc::new(AtomicBool::new(false));
        let (draining, flag) = (scope.draining(), done.clone());
        drop(scope.spawn(async move {
            draining.await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            flag.store(true, Ordering::Relaxed);
        }));
        assert!(scope.finish(&SystemClock, Duration::from_secs(5)).await);
        assert!(done.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_does_not_drain_is_stopped_at_the_grace() {
        let scope = Scope::new(Handle::current());
        let handle = scope.spawn(std::future::pending::<()>());
        assert!(!scope.finish(&SystemClock, Duration::from_secs(5)).await);
        assert!(handle.await.expect("not panicked").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_serves_the_others_is_stopped_after_them_and_holds_up_nothing() {
        let scope = Scope::new(Handle::current());
        let (sender, mut served) = tokio::sync::mpsc::channel::<()>(1);
        let servant = scope.spawn_until_stopped(async move { served.recv().await.is_some() && std::future::pending().await });
        let draining = scope.draining();
        let other = scope.spawn(async move {
            draining.await;
            sender.send(()).await.is_ok()
        });
        assert!(scope.finish(&SystemClock, Duration::from_secs(5)).await);
        assert_eq!(other.await.expect("not panicked"), Some(true), "it was still served");
        assert_eq!(servant.await.expect("not panicked"), None::<bool>);
    }
}
