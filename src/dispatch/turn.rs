//! Giving work out: lanes that may send form batches, and batches go to workers.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Instant, SystemTime},
};

use super::{
    allowance::Refusal,
    dispatcher::Dispatcher,
    lane::{BatchLimits, Lane, Readiness},
    owners::{Owner, limit_of},
};
use crate::{
    policy::{Windows, gone},
    pool::{Batch, Item, Job},
    store::{Lease, Settlement},
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
        if self.lanes[index].is_full() || matches!(self.lanes[index].owner, Owner::Elsewhere(_)) {
            self.lanes[index].backlog = true;
            self.overflow.push((lease.token, lease.task));
            return;
        }
        let key = self.ledger.insert(lease, index, self.now);
        self.lanes[index].queue.push_back(key);
        self.ready(index);
    }

    /// The lane of a task; made when the first task for it comes. `None` if its platform is no longer configured.
    fn lane(&mut self, lease: &Lease) -> Option<usize> {
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
        if self.shared.is_some() {
            let account = directory.accounts.get(&*entry.delivery.account).map(Vec::as_slice).unwrap_or_default();
            self.lanes[index].limit = limit_of(key, &entry.delivery, account);
        }
        self.lanes[index].gate.paused = self.paused.contains(&key.platform);
        if let Some(until) = self.platform_rests.get(&key.platform).copied() {
            self.lanes[index].gate.rest_until(until);
            self.park(index, until);
        }
        self.lane_of.insert(key.clone(), index);
        Some(index)
    }

    /// Puts a lane into the ready ring, once.
    pub(super) fn ready(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        if !lane.in_ring && !lane.queue.is_empty() {
            lane.in_ring = true;
            lane.runnable_since.get_or_insert(self.now);
            self.ring.push_back(index);
        }
    }

    /// Goes around the ready ring, one batch per lane and round, until no lane may send or no worker has room.
    pub(super) fn give_out(&mut self) {
        let now = self.clock.now();
        self.now = now;
        self.unpark(now);
        self.call_back(now);
        if self.shared.as_ref().is_some_and(|shared| shared.lease.left(now).is_zero()) {
            self.unload_lapsed();
        }
        if !self.ring.is_empty() {
            self.go_around(now, self.clock.wall());
        }
        self.show_demand(now);
    }

    fn go_around(&mut self, now: Instant, wall: SystemTime) {
        while let Some(index) = self.ring.pop_front() {
            let room = self.roster.room();
            if room == 0 {
                self.ring.push_front(index);
                return;
            }
            let has_begun = self.has_begun(index);
            self.look(index, now);
            self.lanes[index].in_ring = false;
            if !self.owns(index, now) {
                continue;
            }
            let share = self.lane_share();
            let lane = &mut self.lanes[index];
            let limits = BatchLimits { batch_size: self.config.batch_size.min(room), linger: self.config.linger, share };
            match lane.readiness(now, limits, has_begun) {
                Readiness::Ready(count) => {
                    let given = if lane.is_at_most_once() {
                        match self.give_begun(index, count, wall) {
                            Some(given) => given,
                            None => continue,
                        }
                    } else {
                        let keys = self.next_batch(index, count, wall);
                        self.give_batch(index, keys)
                    };
                    self.ready(index);
                    if !given {
                        return;
                    }
                }
                Readiness::Parked(until) => {
                    lane.runnable_since = None;
                    self.unload_begun(index);
                    let until = self.end_expired(index, until, now, wall);
                    self.park(index, until);
                }
                // It lacks nothing but slots: that a larger pool has more of them for it is for the scaler to know.
                Readiness::Waiting if lane.at_share => self.at_share.push(index),
                Readiness::Waiting => lane.runnable_since = None,
            }
        }
    }

    /// Most sends one lane may have under way: half of all slots while another waits; seven eighths where none does, so that a
    /// platform that hangs leaves room for those that come later, and one that is busy alone still makes the pool grow.
    fn lane_share(&self) -> usize {
        let slots = self.roster.workers() * self.config.slots;
        let kept = if self.ring.is_empty() { slots / 8 } else { slots / 2 };
        (slots - kept).max(1)
    }

    /// Gives tasks that were taken off the head of a lane's queue to a worker. False if no worker took them; they are back in
    /// their place then.
    pub(super) fn give_batch(&mut self, index: usize, keys: Vec<usize>) -> bool {
        if keys.is_empty() {
            return true;
        }
        let lane = &mut self.lanes[index];
        let items = keys.iter().map(|key| {
            let held = self.ledger.get(*key).expect("what queues is in the ledger");
            Item { key: *key, envelope: held.lease.task.envelope(held.lease.tries + 1) }
        });
        let job = Job {
            platform: lane.entry.platform.clone(),
            platform_number: lane.tally.number,
            timeout: lane.entry.delivery.timeout,
            native_batch: lane.is_batching(),
            lease: self.shared.as_ref().map(|shared| shared.lease.clone()),
            items: items.collect(),
        };
        let kind =
            keys.first().and_then(|key| self.ledger.get(*key)).and_then(|held| held.lease.task.head.message.kind.as_deref());
        let batch = Batch { items: keys.len(), platform: &lane.key.platform, kind, lane_hash: lane.hash };
        let Ok(given) = self.roster.give(job, &batch) else {
            keys.into_iter().rev().for_each(|key| lane.queue.push_front(key));
            return false;
        };
        lane.in_flight += keys.len();
        let probe = lane.gate.gives(keys.len());
        lane.tally.in_flight.fetch_add(keys.len() as u64, Relaxed);
        lane.tally.batches.record_size(keys.len());
        for key in keys {
            let held = self.ledger.get_mut(key).expect("what queues is in the ledger");
            (held.with, held.probe) = (Some(given), probe);
        }
        true
    }

    /// Takes up to `count` tasks from the head of a lane's queue, as many as its rate limit allows now.
    pub(super) fn next_batch(&mut self, index: usize, count: usize, wall: SystemTime) -> Vec<usize> {
        let mut keys = Vec::with_capacity(count);
        let sorts_kinds = self.roster.sorts_kinds();
        while keys.len() < count {
            let lane = &mut self.lanes[index];
            let Some(key) = lane.queue.pop_front() else { break };
            let held = self.ledger.get(key).expect("what queues is in the ledger");
            let kind = |key: &usize| self.ledger.get(*key).and_then(|held| held.lease.task.head.message.kind.as_deref());
            if sorts_kinds && keys.first().is_some_and(|first| kind(first) != kind(&key)) {
                lane.queue.push_front(key);
                break;
            } else if let Some(disposition) = held.lease.task.ending(wall) {
                self.end_queued(key, disposition);
                continue;
            }
            match self.allow(index, key, wall) {
                Ok(()) => keys.push(key),
                Err(Refusal::Recipient(until)) => self.set_aside(index, key, until, wall),
                Err(Refusal::Lane(until)) => {
                    self.lanes[index].queue.push_front(key);
                    self.park(index, until);
                    break;
                }
            }
        }
        keys
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
            self.claim_wanted |= self.lanes[held.lane].wants_more(self.clock.now());
        }
    }

    fn end_unsent(&mut self, lease: &Lease, disposition: Disposition) {
        let settlement = Settlement { token: lease.token, task: lease.task.clone(), attempt: None, disposition };
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
