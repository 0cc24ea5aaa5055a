//! Scopes: nothing is spawned that nobody waits for.

use std::{future::Future, time::Duration};

use tokio::{runtime::Handle, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::clock::Clock;

/// A set of tasks that end together, in two steps: first they are asked to drain, then they are stopped. What only
/// [serves](Scope::spawn_until_stopped) them is stopped when they have ended.
///
/// Every loop of the engine is `select! { work, scope.draining() }`; what holds no work of its own may ignore
/// draining and be stopped.
#[derive(Debug, Clone)]
pub struct Scope {
    tracker: TaskTracker,
    servants: TaskTracker,
    draining: CancellationToken,
    stopped: CancellationToken,
    over: CancellationToken,
    runtime: Handle,
}

impl Scope {
    /// A scope whose tasks run on `runtime`.
    pub fn new(runtime: Handle) -> Self {
        let (tracker, servants) = (TaskTracker::new(), TaskTracker::new());
        let [draining, stopped, over] = std::array::from_fn(|_| CancellationToken::new());
        Self { tracker, servants, draining, stopped, over, runtime }
    }

    /// Spawns a task that [`finish`](Scope::finish) waits for. When the scope is stopped, its future is dropped.
    pub fn spawn<F>(&self, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_in(&self.tracker, &self.stopped, future)
    }

    /// Spawns a task that serves the others to their end: [`finish`](Scope::finish) stops it, by dropping its future,
    /// once they have ended.
    pub fn spawn_until_stopped<F>(&self, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.spawn_in(&self.servants, &self.over, future)
    }

    fn spawn_in<F>(&self, tracker: &TaskTracker, stopped: &CancellationToken, future: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let stopped = stopped.clone();
        tracker.spawn_on(async move { stopped.run_until_cancelled_owned(future).await }, &self.runtime)
    }

    /// Asks the tasks to finish what they have and take no more.
    pub fn drain(&self) {
        self.draining.cancel();
    }

    /// Resolves once the scope is draining.
    pub fn draining(&self) -> impl Future<Output = ()> + use<> {
        self.draining.clone().cancelled_owned()
    }

    /// Whether the scope is draining.
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Drains, waits at most `grace` for all tasks to end, then stops the rest. Tells whether all ended in time.
    pub async fn finish(&self, clock: &dyn Clock, grace: Duration) -> bool {
        self.drain();
        self.close();
        let deadline = clock.now().checked_add(grace);
        let over = async {
            match deadline {
                Some(deadline) => clock.sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let in_time = tokio::select! {
            biased;
            () = self.tracker.wait() => true,
            () = over => false,
        };
        self.stopped.cancel();
        self.tracker.wait().await;
        self.over.cancel();
        self.servants.wait().await;
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
        self.servants.close();
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
