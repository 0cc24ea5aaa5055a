//! Takes each step on the store and on the model, and compares the answers.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use notifyhub::{
    TaskState,
    clock::Clock,
    store::{ArrivalReceiver, Claimed, Credits, Lease, Settled, arrivals},
    task::{DeadReason, Disposition, TaskId},
};

use super::{
    super::stand::{Stand, lane},
    ledger::Ledger,
    step::{LANES, ResultKind, Step},
};

const HALF_HOUR: Duration = Duration::from_secs(30 * 60);

/// A store and its model.
pub struct Run {
    stand: Stand,
    ledger: Ledger,
    receiver: ArrivalReceiver,
    room: usize,
    start: SystemTime,
    hours: u32,
    seen: HashMap<TaskId, TaskState>,
}

impl Run {
    pub fn new(stand: Stand) -> Self {
        let (sender, receiver) = arrivals();
        stand.store.announce_to(sender);
        let start = stand.clock.wall();
        Self { stand, ledger: Ledger::default(), receiver, room: 0, start, hours: 0, seen: HashMap::new() }
    }

    pub async fn take(&mut self, step: &Step) {
        match step {
            Step::Enqueue { lanes, later } => self.enqueue(lanes, *later).await,
            Step::Claim { lanes, others, total } => self.claim(lanes, *others, *total).await,
            Step::Settle { which, result } => self.settle(*which, *result).await,
            Step::SettleStale { which, result } => self.settle_stale(*which, *result).await,
            Step::Release { which } => self.release(*which).await,
            Step::ReleaseStale { which } => self.release_stale(*which).await,
            Step::Cancel { which } => self.cancel(*which).await,
            Step::Room { tasks } => {
                self.room = *tasks;
                self.receiver.set_room(*tasks);
            }
            Step::Pass { hours } => {
                self.hours += hours;
                self.stand.clock.advance(2 * HALF_HOUR * *hours);
            }
        }
    }

    /// A moment half-way between two full half hours, so that the time a test takes does not matter.
    fn due(&self, half_hours: u32) -> SystemTime {
        self.start + HALF_HOUR * (2 * self.hours + half_hours) + HALF_HOUR / 2
    }

    async fn enqueue(&mut self, lanes: &[usize], later: Option<u32>) {
        let names: Vec<_> = lanes.iter().map(|lane| LANES[*lane]).collect();
        let wall = self.stand.clock.wall();
        let overtakes = names.iter().any(|name| self.ledger.is_waited_on(&lane(name), wall));
        let tasks = self.stand.put_due(&names, later.map(|half_hours| self.due(half_hours))).await;
        self.ledger.accept(&tasks);
        let Some(fresh) = self.receiver.fresh.try_receive() else { return };
        assert!(later.is_none() && !overtakes && self.room >= tasks.len(), "handed over out of turn");
        assert_eq!(
            fresh.iter().map(|lease| lease.task.id).collect::<Vec<_>>(),
            tasks.iter().map(|task| task.id).collect::<Vec<_>>()
        );
        fresh.iter().for_each(|lease| self.ledger.lease(lease));
        self.room -= tasks.len();
    }

    async fn claim(&mut self, lanes: &[Option<usize>; 3], others: usize, total: usize) {
        let named = LANES.iter().zip(lanes).filter_map(|(name, credit)| Some((lane(name), (*credit)?)));
        let credits = Credits { total, lanes: named.collect(), others, ..Credits::default() };
        let wall = self.stand.clock.wall();
        let claimable = self.ledger.claimable(&credits, wall);
        let Claimed { leases, left, next_due, .. } = self.stand.claim(credits).await;
        let affordable: usize = claimable.values().map(|(tasks, credit)| tasks.len().min(*credit)).sum();
        assert_eq!(leases.len(), affordable.min(total));
        let mut left_behind = HashSet::new();
        for (lane, (tasks, credit)) in &claimable {
            let of_lane = leases.iter().filter(|lease| lease.task.lane == *lane);
            let claimed: Vec<_> = of_lane.map(|lease| lease.task.id).collect();
            assert!(claimed.len() <= *credit && tasks.starts_with(&claimed), "{lane}: not the oldest, or too many");
            if claimed.len() < tasks.len() {
                left_behind.insert(lane.clone());
            }
        }
        assert_eq!((left.len(), left.into_iter().collect::<HashSet<_>>()), (left_behind.len(), left_behind));
        assert_eq!(next_due, self.ledger.next_due(wall));
        leases.iter().for_each(|lease| self.ledger.lease(lease));
    }

    fn disposition(&self, result: ResultKind) -> Disposition {
        match result {
            ResultKind::Delivered => Disposition::Delivered,
            ResultKind::Retry { half_hours, counts } => Disposition::Retry { due: self.due(half_hours), counts },
            ResultKind::Dead => Disposition::Dead(DeadReason::OutOfAttempts),
            ResultKind::Expired => Disposition::Expired,
            ResultKind::Cancelled => Disposition::Cancelled,
        }
    }

    /// One of the claims that are good.
    fn good(&self, which: usize) -> Option<Lease> {
        let good: Vec<_> = self.ledger.lines.iter().filter_map(|line| line.lease.as_ref()).collect();
        good.get(which.checked_rem(good.len())?).map(|lease| (*lease).clone())
    }

    /// One of the claims that were good once.
    fn spent(&self, which: usize) -> Option<Lease> {
        self.ledger.spent.get(which.checked_rem(self.ledger.spent.len())?).cloned()
    }

    async fn settle(&mut self, which: usize, result: ResultKind) {
        let Some(lease) = self.good(which) else { return };
        let disposition = self.disposition(result);
        let settled = self.stand.settle(&lease, disposition).await;
        let finished = self.ledger.settle(lease.task.id, disposition);
        assert_ne!(settled, Settled::Stale);
        assert_eq!(matches!(&settled, Settled::Finished(outcome) if outcome.is_final()), finished);
    }

    async fn settle_stale(&mut self, which: usize, result: ResultKind) {
        let Some(lease) = self.spent(which) else { return };
        assert_eq!(self.stand.settle(&lease, self.disposition(result)).await, Settled::Stale);
        self.ledger.stale += 1;
    }

    async fn release(&mut self, which: usize) {
        let Some(lease) = self.good(which) else { return };
        let id = lease.task.id;
        let released = self.stand.store.release(vec![(lease.token, lease.task)]).await.expect("releases");
        let (cancelled, finished) = self.ledger.release(id);
        assert_eq!((released.cancelled.len(), released.finished.len()), (usize::from(cancelled), usize::from(finished)));
    }

    async fn release_stale(&mut self, which: usize) {
        let Some(lease) = self.spent(which) else { return };
        let released = self.stand.store.release(vec![(lease.token, lease.task)]).await.expect("changes nothing");
        assert!(released.cancelled.is_empty() && released.finished.is_empty());
    }

    async fn cancel(&mut self, which: usize) {
        let Some(place) = which.checked_rem(self.ledger.lines.len()) else { return };
        let task = self.ledger.lines[place].task.clone();
        let reached = self.stand.store.cancel(task.head.id).await.expect("cancels");
        let (cancelled, under_way) = self.ledger.cancel(task.id);
        assert_eq!(reached.cancelled.iter().map(|task| task.id).collect::<Vec<_>>(), cancelled);
        assert_eq!(reached.under_way, under_way);
        assert_eq!(reached.finished.is_some(), !cancelled.is_empty() && self.ledger.is_finished(task.id));
    }

    /// Store and model say the same, and every move since the last look was legal.
    pub async fn compare(&mut self, step: &Step) {
        assert_eq!(self.stand.store.counts(), self.ledger.counts(), "after {step:?}");
        self.stand.assert_counts_add_up();
        for line in &self.ledger.lines {
            let outcome = self.stand.find(&line.task).await.expect("it is kept");
            let target = &outcome.targets[line.task.index as usize];
            assert_eq!((target.task, target.state), (line.task.id, line.state), "after {step:?}");
            assert_eq!(target.attempts.len(), line.tries.min(50) as usize);
            let before = self.seen.insert(line.task.id, target.state).unwrap_or(TaskState::Waiting);
            assert!(before == target.state || before.may_become(target.state), "{before} -> {}: {step:?}", target.state);
        }
    }
}
