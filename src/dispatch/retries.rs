//! Short waits between two attempts are spent here, under the same claim: the store is told of the attempt and of nothing else.

use std::time::{Duration, SystemTime};

use super::{dispatcher::Dispatcher, ledger::Held, owners::Owner, settler::Kept};
use crate::{policy::gone, store::Lease, task::Disposition};

/// Longest wait that is spent here.
const SHORT: Duration = Duration::from_secs(2);

impl Dispatcher {
    /// The claim of a task after an attempt that is to be followed by another soon; `None` if it waits for that in the store.
    pub(super) fn lease_to_keep(&self, held: &Held, disposition: Disposition, wall: SystemTime) -> Option<Lease> {
        let Disposition::Retry { due, counts } = disposition else { return None };
        let is_short = due.duration_since(wall).unwrap_or_default() <= SHORT;
        let ends_before = held.lease.task.ends_at().is_some_and(|ends_at| ends_at <= due);
        if !is_short || ends_before || held.cancelled || self.draining || self.is_aside_full(held.lane) {
            return None;
        }
        let Lease { token, task, counted, tries } = held.lease.clone();
        Some(Lease { token, task, counted: counted + u32::from(counts), tries: tries + 1 })
    }

    /// Sets aside what stays claimed until its time has come.
    pub(super) fn take_kept(&mut self, kept: Vec<Kept>) {
        let (now, wall) = (self.clock.now(), self.clock.wall());
        for Kept { lease, due } in kept {
            let Some(index) = self.lane(&lease) else {
                self.end_unsent(&lease, gone(&lease.task));
                continue;
            };
            if self.draining || matches!(self.lanes[index].owner, Owner::Elsewhere(_)) {
                self.overflow.push((lease.token, lease.task));
                continue;
            }
            let until = now + due.duration_since(wall).unwrap_or_default();
            let key = self.ledger.insert(lease, index, now);
            self.ledger.get_mut(key).expect("just written in").retries = true;
            self.lay_aside(index, key, until);
        }
    }
}
