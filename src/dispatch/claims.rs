//! How much is claimed from the store, and when.
//!
//! Every lane is given credit for what it can use soon, and the process as a whole holds a bounded number of tasks: a
//! platform that is slow or limited cannot fill the memory, and the others still get theirs.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::BoxFuture;

use super::dispatcher::Dispatcher;
use crate::{
    store::{Claimed, Credits, LeaseToken, StoreError},
    task::Task,
};

/// A claim is made once this part of all room is free,
const CLAIM_ROOM_PART: usize = 8;

/// or so long after the last one, however little is: where many lanes hold what they may, no more is left for a new one.
const CLAIM_AGAIN: Duration = Duration::from_millis(5);

/// Credit of a lane that this process does not know yet.
const NEW_LANE_CREDIT: usize = 64;

/// A lane that rests at least this long does not keep what others need room for,
const LONG_REST: Duration = Duration::from_secs(5);

/// and one that rests longer than this keeps nothing: what is to go first then may be accepted meanwhile.
const VERY_LONG_REST: Duration = Duration::from_secs(60);

/// Wait before a claim that failed is tried again.
const RECLAIM_WAIT: Duration = Duration::from_secs(1);

/// What came of giving back and claiming.
pub struct Answer {
    /// What could not be given back.
    kept: Vec<(LeaseToken, Arc<Task>)>,
    claimed: Result<Claimed, StoreError>,
}

impl Dispatcher {
    /// Starts a claim if one is wanted and there is room for a good number of tasks; gives back first what lanes hold
    /// beyond their credit.
    pub(super) fn claim(&mut self) -> Option<BoxFuture<'static, Answer>> {
        let now = self.clock.now();
        if self.store_rests.is_some_and(|until| now < until) {
            return None;
        }
        let is_worth_it = self.room() >= self.room_max() / CLAIM_ROOM_PART || self.claims_from <= now;
        let wanted = self.wants_claim() && is_worth_it;
        if self.claim_wanted && !wanted && !self.parked.is_empty() {
            self.unload_resting();
        }
        if !wanted && self.overflow.is_empty() {
            return None;
        }
        let mut credits = Credits::default();
        if wanted {
            (self.claim_wanted, self.claims_from) = (false, now + CLAIM_AGAIN);
            let lanes = self.lane_of.iter().map(|(key, index)| (key.clone(), self.credit(*index, now))).collect();
            let shut = self.lane_of.iter().filter(|(_, index)| self.lanes[**index].gate.is_shut());
            let shut = shut.map(|(key, _)| key.clone()).collect();
            credits = Credits { total: self.room(), lanes, others: NEW_LANE_CREDIT, shut };
        }
        let (desk, overflow) = (self.settler.desk(), std::mem::take(&mut self.overflow));
        Some(Box::pin(async move {
            if !overflow.is_empty()
                && let Err(error) = desk.release(overflow.clone()).await
            {
                return Answer { kept: overflow, claimed: Err(error) };
            }
            Answer { kept: Vec::new(), claimed: desk.store.claim(&credits).await }
        }))
    }

    /// Whether there is something to be claimed, as far as anybody knows, and any room for it.
    fn wants_claim(&self) -> bool {
        self.claim_wanted && self.room() > 0
    }

    /// When a claim is to be made that was not worth it yet, if one is.
    pub(super) fn next_claim(&self) -> Option<Instant> {
        let may_ask = self.claiming.is_none() && self.store_rests.is_none_or(|until| until <= self.clock.now());
        (may_ask && self.wants_claim()).then_some(self.claims_from)
    }

    /// Takes what queues on lanes that rest for long back out of the room that others need.
    fn unload_resting(&mut self) {
        let soon = self.clock.now() + LONG_REST;
        let resting = self.lanes.iter().filter(|(_, lane)| lane.is_resting(soon)).map(|(index, _)| index);
        resting.collect::<Vec<_>>().into_iter().for_each(|index| self.unload(index));
    }

    /// Takes what queues on a lane back out, if the lane is not to be looked at for very long, or until a person says so.
    pub(super) fn unload_very_long(&mut self, index: usize, until: Instant, now: Instant) {
        if until.saturating_duration_since(now) > VERY_LONG_REST || self.lanes[index].gate.paused {
            self.unload(index);
        }
    }

    /// Takes everything that queues on a lane out of it: it waits in the store.
    fn unload(&mut self, index: usize) {
        let lane = &mut self.lanes[index];
        lane.backlog |= !lane.queue.is_empty();
        let held = lane.queue.drain(..).filter_map(|key| self.ledger.remove(key));
        self.overflow.extend(held.map(|held| (held.lease.token, held.lease.task)));
    }

    /// Takes everything that queues out of its lanes: the lease is over, and others may have it. What was given out already
    /// looks for itself.
    pub(super) fn unload_lapsed(&mut self) {
        let keys: Vec<_> = self.ledger.iter().filter(|(_, held)| held.aside.is_some()).map(|(key, _)| key).collect();
        self.lanes.iter_mut().for_each(|(_, lane)| lane.aside = 0);
        let lanes: Vec<_> = self.lanes.iter().map(|(index, _)| index).collect();
        lanes.into_iter().for_each(|index| self.unload(index));
        let held = keys.into_iter().filter_map(|key| self.ledger.remove(key));
        self.overflow.extend(held.map(|held| (held.lease.token, held.lease.task)));
        self.claim_wanted = true;
    }

    /// Takes in what was claimed.
    pub(super) fn take_claimed(&mut self, Answer { kept, claimed }: Answer) {
        self.overflow.extend(kept);
        let claimed = match claimed {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::error!(%error, "cannot claim tasks, trying again");
                let until = self.clock.now() + RECLAIM_WAIT;
                (self.next_due, self.store_rests) = (Some(until), Some(until));
                return;
            }
        };
        let (now, wall) = (self.clock.now(), self.clock.wall());
        self.next_due = claimed.next_due.map(|due| at(due, now, wall));
        if !claimed.urls.is_empty() {
            (self.learn)(claimed.urls);
        }
        claimed.leases.into_iter().for_each(|lease| self.accept(lease));
        self.lanes.iter_mut().for_each(|(_, lane)| lane.backlog = false);
        let full = self.room() == 0;
        for key in claimed.left {
            match self.lane_of.get(&key) {
                Some(index) => {
                    self.lanes[*index].backlog = true;
                    // It may have fallen idle since its credit was counted: nothing else would ask for more then.
                    self.claim_wanted |= self.wants_more(*index, now);
                }
                None => self.claim_wanted = true,
            }
        }
        self.claim_wanted |= full;
    }

    /// Remembers that a task of the store becomes due.
    pub(super) fn expect_due(&mut self, due: SystemTime, now: Instant, wall: SystemTime) {
        let due = at(due, now, wall);
        self.next_due = Some(self.next_due.map_or(due, |other| other.min(due)));
    }
}

/// A wall-clock moment on the monotonic clock.
fn at(due: SystemTime, now: Instant, wall: SystemTime) -> Instant {
    let wait = due.duration_since(wall).unwrap_or_default();
    now.checked_add(wait).unwrap_or(now + Duration::from_secs(24 * 60 * 60))
}
