//! The store with calls that fail before or after they were done, or take long. Every call is a step, after which the counts must
//! add up.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use notifyhub::{
    Counts, Durability, NotificationId, Outcome,
    clock::Clock,
    store::{
        ArrivalSender, Cancelled, Claimed, Credits, Cursor, Endpoint, Enqueued, Failing, LeaseToken, Limit, Owned, Page,
        Released, Settled, Settlement, SqliteStore, Store, StoreError, Submission, TaskFilter,
    },
    task::{Task, TaskId},
};

use super::{
    platform::name_of,
    world::{SimClock, World},
};

/// The store of one life.
pub struct FaultyStore {
    pub store: SqliteStore,
    pub world: Arc<World>,
    pub clock: SimClock,
}

impl std::fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.store.fmt(f)
    }
}

fn away() -> StoreError {
    StoreError::Unavailable("as the seed says".to_owned())
}

impl FaultyStore {
    /// Before a call: it may take long, or fail undone.
    async fn before(&self) -> Result<(), StoreError> {
        let faults = &self.world.scenario.faults;
        if self.world.strikes(faults.store_slow) {
            self.clock.sleep_until(self.clock.now() + self.world.up_to(Duration::from_millis(200))).await;
        }
        if self.world.strikes(faults.store_before) { Err(away()) } else { Ok(()) }
    }

    /// After a call: the counts add up, and its answer may come late, or get lost.
    async fn after(&self, what: String, may_be_lost: bool) -> Result<(), StoreError> {
        let faults = &self.world.scenario.faults;
        self.world.step(&self.clock, what);
        let counts = self.store.counts();
        let sum = counts.waiting + counts.leased + counts.delivered + counts.dead + counts.cancelled + counts.expired;
        if counts.accepted != sum {
            self.world.violated(format!("the counts do not add up: {counts:?}"));
        }
        if self.world.strikes(faults.store_slow) {
            self.clock.sleep_until(self.clock.now() + self.world.up_to(Duration::from_millis(50))).await;
        }
        if may_be_lost && self.world.strikes(faults.store_after) { Err(away()) } else { Ok(()) }
    }

    /// What is known to be final for good.
    fn ended(&self, task: &Task, state: notifyhub::TaskState) {
        let name = name_of(&task.head.message.body);
        let platform = task.platform().as_str()[1..].parse().expect("p0, p1, …");
        let mut known = self.world.state();
        known.targets.entry((name, platform)).or_default().taken_unsettled = 0;
        let wish = &self.world.scenario.wishes[name.0][name.1];
        // One end is the end of all steps.
        let ended = if wish.routed { &wish.platforms[..] } else { &[platform] };
        for platform in ended {
            known.targets.entry((name, *platform)).or_default().settled = Some(state);
        }
    }
}

#[async_trait]
impl Store for FaultyStore {
    fn durability(&self) -> Durability {
        self.store.durability()
    }

    fn broken(&self) -> Option<StoreError> {
        self.store.broken()
    }

    fn announce_to(&self, arrivals: ArrivalSender) {
        self.store.announce_to(arrivals);
    }

    async fn enqueue(&self, submissions: Vec<Submission>) -> Result<Vec<Enqueued>, StoreError> {
        self.before().await?;
        let enqueued = self.store.enqueue(submissions).await?;
        self.after(format!("enqueue {enqueued:?}"), true).await?;
        Ok(enqueued)
    }

    async fn claim(&self, credits: &Credits) -> Result<Claimed, StoreError> {
        self.before().await?;
        let claimed = self.store.claim(credits).await?;
        // An answer of this store is not lost without its process.
        self.after(format!("claim {}, {:?}", claimed.leases.len(), claimed.left), false).await?;
        Ok(claimed)
    }

    async fn begin(&self, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Vec<bool>, StoreError> {
        self.before().await?;
        let begun = self.store.begin(leases).await?;
        self.after(format!("begin {begun:?}"), true).await?;
        Ok(begun)
    }

    async fn settle(&self, settlements: &Arc<[Settlement]>) -> Result<Vec<Settled>, StoreError> {
        self.before().await?;
        let settled = self.store.settle(settlements).await?;
        for (settlement, settled) in settlements.iter().zip(&settled) {
            if *settled == Settled::Stale {
                continue;
            }
            let name = name_of(&settlement.task.head.message.body);
            self.world.step(&self.clock, format!("settled {name:?} on {}: {:?}", settlement.task.lane, settlement.disposition));
            let state = settlement.disposition.state();
            if state.is_final() {
                self.ended(&settlement.task, state);
            } else {
                let platform = settlement.task.platform().as_str()[1..].parse().expect("p0, p1, …");
                let mut known = self.world.state();
                let target = known.targets.entry((name, platform)).or_default();
                // An attempt that came to nothing definite is told by its platform, or by its timeout.
                let unknown = settlement.attempt.as_ref().is_some_and(|attempt| match &attempt.result {
                    Ok(_) => false,
                    Err(error) => error.is_ambiguous(),
                });
                target.ambiguous += u32::from(unknown && target.taken_unsettled > 0);
                target.taken_unsettled = 0;
            }
        }
        self.after(format!("settle {}", settlements.len()), true).await?;
        Ok(settled)
    }

    async fn release(&self, leases: Vec<(LeaseToken, Arc<Task>)>) -> Result<Released, StoreError> {
        self.before().await?;
        let count = leases.len();
        let released = self.store.release(leases).await?;
        self.after(format!("release {count}"), true).await?;
        Ok(released)
    }

    async fn endpoints(&self) -> Result<Vec<Failing>, StoreError> {
        self.store.endpoints().await
    }

    async fn keep_endpoint(&self, failing: &Failing) -> Result<(), StoreError> {
        self.store.keep_endpoint(failing).await
    }

    async fn forget_endpoint(&self, endpoint: &Endpoint) -> Result<bool, StoreError> {
        self.store.forget_endpoint(endpoint).await
    }

    async fn cancel(&self, notification: NotificationId) -> Result<Cancelled, StoreError> {
        self.before().await?;
        let cancelled = self.store.cancel(notification).await?;
        cancelled.cancelled.iter().for_each(|task| self.ended(task, notifyhub::TaskState::Cancelled));
        self.after(format!("cancel {}", cancelled.cancelled.len()), true).await?;
        Ok(cancelled)
    }

    async fn find(&self, notification: NotificationId) -> Result<Option<Arc<Outcome>>, StoreError> {
        self.store.find(notification).await
    }

    async fn list(&self, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, StoreError> {
        self.store.list(filter, after, max).await
    }

    async fn own(&self, limits: &[Limit]) -> Result<Vec<Owned>, StoreError> {
        self.before().await?;
        self.store.own(limits).await
    }

    async fn waiting_before(&self, task: TaskId, max: usize) -> Result<Option<usize>, StoreError> {
        self.store.waiting_before(task, max).await
    }

    async fn requeue(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        self.store.requeue(filter, max).await
    }

    async fn drop_dead(&self, filter: &TaskFilter, max: usize) -> Result<usize, StoreError> {
        self.store.drop_dead(filter, max).await
    }

    async fn prune(&self) -> Result<bool, StoreError> {
        self.store.prune().await
    }

    fn counts(&self) -> Counts {
        self.store.counts()
    }
}
