//! Taking tasks in, each to its lane, and taking them out again unsent.

use super::{
    dispatcher::Dispatcher,
    lane::Lane,
    owners::{Owner, limit_of},
};
use crate::{
    policy::{Windows, gone},
    store::{Accounting, Lease, Settlement},
    task::{Disposition, StepReason, TaskId},
};

impl Dispatcher {
    /// Takes in a claimed task: it queues on its lane, or goes back to the store if the lane holds too many already.
    pub(super) fn accept(&mut self, lease: Lease) {
        let Some(index) = self.lane(&lease) else {
            self.end_unsent(&lease, gone(&lease.task));
            return;
        };
        if lease.task.ends_at().is_some()
            && let Some(disposition) = lease.task.ending(self.clock.wall())
        {
            self.end_unsent(&lease, disposition);
            return;
        }
        if lease.task.until.is_some() && self.lanes[index].gate.is_shut() {
            self.end_unsent(&lease, Disposition::NextStep(StepReason::Open));
            return;
        }
        let lane = &mut self.lanes[index];
        if matches!(lane.owner, Owner::Elsewhere(_)) {
            lane.backlog = true;
            self.overflow.push((lease.token, lease.task));
            return;
        }
        let is_full = self.is_full(index);
        let key = self.ledger.insert(lease, index, self.now);
        self.lanes[index].line_up(key, &self.ledger);
        if is_full && let Some(last) = self.lanes[index].queue.pop_back().and_then(|last| self.ledger.remove(last)) {
            self.lanes[index].backlog = true;
            self.overflow.push((last.lease.token, last.lease.task));
        }
        self.ready(index);
    }

    /// The lane of a task; made when the first task for it comes. `None` if its platform is no longer configured.
    pub(super) fn lane(&mut self, lease: &Lease) -> Option<usize> {
        let key = &lease.task.lane;
        if let Some(index) = self.lane_of.get(key) {
            return Some(*index);
        }
        let directory = self.directory.load();
        let entry = directory.platforms.get(&key.platform)?.clone();
        if let Some((name, limit)) = directory.accounts.get_key_value(&*entry.delivery.account) {
            self.accounts.entry((**name).into()).or_insert_with(|| Windows::new(limit, self.now));
        }
        let tally = self.board.platform(&key.platform);
        let index = self.lanes.insert(Lane::new(key.clone(), entry.clone(), tally, self.config.batch_size, self.clock.clone()));
        let account = directory.accounts.get(&*entry.delivery.account).map(Vec::as_slice).unwrap_or_default();
        let sharing = directory.of_account(&entry.delivery.account).map(|(name, other)| (name, &other.delivery));
        self.lanes[index].limit = limit_of(key, &entry.delivery, account, sharing);
        let windows = entry.delivery.rate_limit.iter().chain(account);
        self.lanes[index].accounting = Accounting::of(windows, &entry.delivery.recipient_rate_limit);
        self.lanes[index].gate.paused = self.paused.contains(&key.platform);
        if let Some(until) = self.platform_rests.get(&key.platform).copied() {
            self.lanes[index].gate.rest_until(until);
            self.park(index, until);
        }
        self.lane_of.insert(key.clone(), index);
        Some(index)
    }

    /// Ends tasks that somebody cancelled: those that queue at once, those under way after their attempt.
    pub(super) fn cancel(&mut self, tasks: &[TaskId]) {
        let keys: Vec<_> =
            self.ledger.iter().filter(|(_, held)| tasks.contains(&held.lease.task.id)).map(|(key, _)| key).collect();
        for key in keys {
            let held = self.ledger.get_mut(key).expect("just found");
            held.cancelled = true;
            if held.with.is_none() {
                let lane = held.lane;
                self.lanes[lane].queue.retain(|queued| *queued != key);
                self.end_queued(key, Disposition::Cancelled);
            }
        }
    }

    /// Ends what queues for platforms that are no longer configured, and claims what the store still has for them.
    pub(super) fn close_removed_lanes(&mut self) {
        let directory = self.directory.load();
        let gone: Vec<_> = self
            .lane_of
            .iter()
            .filter(|(key, _)| !directory.platforms.contains_key(&key.platform))
            .map(|(_, index)| *index)
            .collect();
        for index in gone {
            let lane = &mut self.lanes[index];
            let queue = std::mem::take(&mut lane.queue);
            self.lane_of.remove(&lane.key);
            self.disown(index);
            for key in queue {
                self.end_gone(key);
            }
        }
        self.claim_wanted = true;
    }

    /// Ends a task that was taken off the queue of a lane whose platform is no longer configured.
    pub(super) fn end_gone(&mut self, key: usize) {
        if let Some(disposition) = self.ledger.get(key).map(|held| gone(&held.lease.task)) {
            self.end_queued(key, disposition);
        }
    }

    /// Ends a task that was taken off its lane's queue, without an attempt.
    pub(super) fn end_queued(&mut self, key: usize, disposition: Disposition) {
        if let Some(held) = self.ledger.remove(key) {
            if held.aside.is_some() {
                self.lanes[held.lane].aside -= 1;
            }
            self.end_unsent(&held.lease, disposition);
            self.claim_wanted |= self.wants_more(held.lane, self.clock.now());
        }
    }

    pub(super) fn end_unsent(&mut self, lease: &Lease, disposition: Disposition) {
        let settlement =
            Settlement { token: lease.token, task: lease.task.clone(), attempt: None, disposition, keeps: None, spends: None };
        self.settler.push(settlement);
    }

    /// Gives back to the store what queues here, unattempted.
    pub(super) async fn release_queued(&mut self) {
        let keys: Vec<_> = self.ledger.iter().filter(|(_, held)| held.with.is_none()).map(|(key, _)| key).collect();
        let mut leases = std::mem::take(&mut self.overflow);
        let held = keys.into_iter().filter_map(|key| self.ledger.remove(key));
        leases.extend(held.map(|held| (held.lease.token, held.lease.task)));
        if leases.is_empty() {
            return;
        }
        self.lanes.iter_mut().for_each(|(_, lane)| lane.queue.clear());
        let released = leases.len();
        match self.settler.desk().release(leases).await {
            Ok(()) => tracing::info!(released, "shutting down: gave {released} waiting tasks back to the store"),
            Err(error) => tracing::error!(%error, released, "shutting down: cannot give waiting tasks back to the store"),
        }
    }
}
