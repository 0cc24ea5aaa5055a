//! What must not be sent twice, even if this process dies: that sending it begins is written down before the first byte leaves.
//!
//! What may be sent leaves its lane's queue for the store, and comes back to the head of it as begun; only that is given to
//! workers. Lanes whose tasks may be sent again pay nothing for this.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use futures_util::future::BoxFuture;

use super::dispatcher::Dispatcher;
use crate::{
    store::{LeaseToken, StoreError},
    task::Task,
};

/// Wait before a write that failed is tried again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// A task whose beginning is to be written down.
#[derive(Debug)]
pub struct Beginning {
    key: usize,
    lane: usize,
    token: LeaseToken,
    task: Arc<Task>,
}

/// Tasks whose beginning was to be written down, and which of them may be sent.
pub type Begun = (Vec<Beginning>, Result<Vec<bool>, StoreError>);

impl Dispatcher {
    /// Gives what has begun at the head of a lane's queue to a worker; where nothing has, up to `count` tasks are to begin.
    /// Whether a worker took them; `None` if there is nothing to give until they have begun.
    pub(super) fn give_begun(&mut self, index: usize, count: usize, wall: SystemTime) -> Option<bool> {
        let has_begun = |key: &&usize| self.ledger.get(**key).is_some_and(|held| held.begun);
        let begun = self.lanes[index].queue.iter().take(count).take_while(has_begun).count();
        if begun > 0 {
            let keys = self.lanes[index].queue.drain(..begun).collect();
            return Some(self.give_batch(index, keys));
        }
        if self.lanes[index].beginning > 0 {
            return None;
        }
        let keys = self.next_batch(index, count, wall);
        self.lanes[index].beginning = keys.len();
        for key in keys {
            let held = self.ledger.get(key).expect("what queues is in the ledger");
            let (token, task) = (held.lease.token, held.lease.task.clone());
            self.to_begin.push(Beginning { key, lane: index, token, task });
        }
        None
    }

    /// Whether the head of a lane's queue has begun.
    pub(super) fn has_begun(&self, index: usize) -> bool {
        let lane = &self.lanes[index];
        lane.is_at_most_once() && lane.queue.front().and_then(|key| self.ledger.get(*key)).is_some_and(|held| held.begun)
    }

    /// Gives back what has begun at the head of a lane that was told to rest: it is not sent for now, and if this process dies
    /// meanwhile it must not count as sent.
    pub(super) fn unload_begun(&mut self, index: usize) {
        while self.has_begun(index) {
            let lane = &mut self.lanes[index];
            lane.backlog = true;
            if let Some(held) = lane.queue.pop_front().and_then(|key| self.ledger.remove(key)) {
                self.overflow.push((held.lease.token, held.lease.task));
            }
        }
    }

    /// Starts writing down what is to begin.
    pub(super) fn begin_sending(&mut self) -> Option<BoxFuture<'static, Begun>> {
        if self.to_begin.is_empty() {
            return None;
        }
        let (store, beginnings) = (self.settler.desk().store, std::mem::take(&mut self.to_begin));
        Some(Box::pin(async move {
            let leases: Vec<_> = beginnings.iter().map(|one| (one.token, one.task.clone())).collect();
            let begun = store.begin(&leases).await;
            (beginnings, begun)
        }))
    }

    /// Takes in what has begun: it is sent next. What may not be sent any more is given back.
    pub(super) fn take_begun(&mut self, (beginnings, begun): Begun) {
        let failed = begun.is_err();
        let may_be_sent = begun.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot write down that sending begins, trying again");
            Vec::new()
        });
        let until = self.clock.now() + RETRY_WAIT;
        for (place, Beginning { key, lane, token, task }) in beginnings.into_iter().enumerate().rev() {
            self.lanes[lane].beginning = 0;
            // It may have been cancelled or given back meanwhile, and its key given to another.
            if let Some(held) = self.ledger.get_mut(key).filter(|held| held.lease.token == token && held.with.is_none()) {
                if self.lane_of.get(&self.lanes[lane].key) != Some(&lane) {
                    self.end_gone(key);
                } else if failed || may_be_sent.get(place) == Some(&true) {
                    held.begun = !failed;
                    self.lanes[lane].queue.push_front(key);
                } else {
                    self.ledger.remove(key);
                    self.overflow.push((token, task));
                }
            }
            if failed && self.lanes[lane].gate.rest_until(until) {
                self.park(lane, until);
            }
            // Others may have come to it meanwhile.
            self.ready(lane);
        }
    }
}
