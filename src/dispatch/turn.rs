//! Giving work out: lanes that may send form batches, and batches go to workers.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Instant, SystemTime},
};

use super::{
    allowance::Refusal,
    dispatcher::Dispatcher,
    lane::{BatchLimits, Readiness},
};
use crate::pool::{Batch, Item, Job};

impl Dispatcher {
    /// Puts a lane into the ready ring, once.
    pub(super) fn ready(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        if !lane.in_ring && !lane.queue.is_empty() {
            lane.in_ring = true;
            lane.runnable_since.get_or_insert(self.now);
            self.ring.push_back(index);
        }
    }

    /// Puts a lane that may send before all others: its turn is not over.
    fn go_on(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        if lane.queue.is_empty() {
            lane.end_turn();
        }
        if lane.turn_left <= 0 || lane.in_ring {
            return self.ready(index);
        }
        lane.in_ring = true;
        self.ring.push_front(index);
    }

    /// Goes around the ready ring, until no lane may send or no worker has room. A turn is so many full batches as the lane has
    /// weight (deficit round robin), however small the batches are for which there is room; what the last of them is too large is
    /// taken off the next turn.
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
            let share = self.lane_share(index);
            let lane = &mut self.lanes[index];
            if lane.turn_left <= 0 {
                lane.turn_left += lane.entry.delivery.weight as isize * self.config.batch_size as isize;
            }
            let batch_size = self.config.batch_size.min(room);
            let limits = BatchLimits { batch_size, linger: self.config.linger, share };
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
                    self.go_on(index);
                    if !given {
                        return;
                    }
                }
                Readiness::Parked(until) => {
                    lane.runnable_since = None;
                    lane.end_turn();
                    self.unload_begun(index);
                    self.unload_very_long(index, until, now);
                    let until = self.end_expired(index, until, now, wall);
                    self.park(index, until);
                }
                // It lacks nothing but slots: that a larger pool has more of them for it is for the scaler to know.
                Readiness::Waiting => {
                    lane.end_turn();
                    if lane.at_share {
                        self.at_share.push(index);
                    } else {
                        lane.runnable_since = None;
                    }
                }
            }
        }
    }

    /// Most sends a lane may have under way: seven eighths of all slots where no other lane waits, so that a platform that hangs
    /// leaves room for those that come later, and one that is busy alone still makes the pool grow; half while another waits; a
    /// quarter while three or more do, or half for one that weighs more: one that is slow needs a slot for long, and all others
    /// share the rest.
    fn lane_share(&self, index: usize) -> usize {
        let slots = self.roster.workers() * self.config.slots;
        let share = match (self.ring.len(), self.lanes[index].entry.delivery.weight) {
            (0, _) => slots - slots / 8,
            (3.., 1) => slots / 4,
            _ => slots / 2,
        };
        share.max(1)
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
        lane.turn_left -= keys.len() as isize;
        let probe = lane.gate.gives(keys.len());
        lane.tally.in_flight.fetch_add(keys.len() as u64, Relaxed);
        lane.tally.batches.record_size(keys.len());
        for key in keys {
            let held = self.ledger.get_mut(key).expect("what queues is in the ledger");
            (held.with, held.probe) = (Some(given), probe);
        }
        true
    }

    /// Takes up to `count` tasks from the head of a lane's queue, as many as its rate limit allows now and fit into one call.
    pub(super) fn next_batch(&mut self, index: usize, count: usize, wall: SystemTime) -> Vec<usize> {
        let mut keys = Vec::with_capacity(count);
        let sorts_kinds = self.roster.sorts_kinds();
        let lane = &self.lanes[index];
        let bytes_max = if lane.is_batching() { lane.entry.capabilities.batch_bytes_max } else { usize::MAX };
        // What has begun may be given out in other batches than it was put together in.
        let one_call = lane.is_batching() && !lane.is_at_most_once();
        let mut bytes = 0_usize;
        while keys.len() < count {
            let lane = &mut self.lanes[index];
            let Some(key) = lane.queue.pop_front() else { break };
            let held = self.ledger.get(key).expect("what queues is in the ledger");
            let kind = |key: &usize| self.ledger.get(*key).and_then(|held| held.lease.task.head.message.kind.as_deref());
            let more = if bytes_max == usize::MAX { 0 } else { bytes.saturating_add(held.lease.task.head.message.bytes()) };
            if keys.first().is_some_and(|first| (sorts_kinds && kind(first) != kind(&key)) || more > bytes_max) {
                lane.queue.push_front(key);
                break;
            } else if let Some(disposition) = held.lease.task.ending(wall).or_else(|| self.ending_with_endpoint(held)) {
                self.end_queued(key, disposition);
                continue;
            }
            let recipient = &held.lease.task.recipient;
            let joins = |other: &usize| self.ledger.get(*other).is_some_and(|other| other.lease.task.recipient == *recipient);
            let rides = one_call && keys.iter().any(joins);
            match self.allow(index, key, rides, wall) {
                Ok(()) => {
                    keys.push(key);
                    bytes = more;
                }
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
}
