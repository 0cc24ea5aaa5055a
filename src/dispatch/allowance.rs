//! Whether a task may go now as far as limits are concerned: its recipient's, its account's, its lane's. Each is asked before
//! any is taken.

use std::{
    cmp::Reverse,
    time::{Duration, Instant, SystemTime},
};

use notifyhub_platforms::contract::Counted;

use super::dispatcher::Dispatcher;
use crate::{
    store::{LeaseToken, Settlement},
    task::{Disposition, StepReason},
};

/// Whoever must wait for his recipient longer than this waits in the store.
const ASIDE_MAX: Duration = Duration::from_secs(5);

/// What refuses a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its lane may send nothing until then.
    Lane(Instant),
    /// Its recipient may not be sent to until then, by this task.
    Recipient(Instant),
}

/// A task that was set aside, by when it is called back.
pub type Aside = Reverse<(Instant, LeaseToken, usize)>;

impl Dispatcher {
    /// Takes the allowance for one task of a lane, or says what refuses it. One that `rides` in the request of
    /// another costs nothing where requests are counted.
    pub(super) fn allow(&mut self, index: usize, key: usize, rides: bool, wall: SystemTime) -> Result<(), Refusal> {
        let (now, lane) = (self.now, &mut self.lanes[index]);
        let held = self.ledger.get_mut(key).expect("what queues is in the ledger");
        let weight = match lane.entry.capabilities.counted {
            Counted::Envelopes => lane.entry.platform.weight(&held.lease.task.envelope(held.lease.tries + 1)).max(1),
            Counted::Requests => u32::from(!rides),
        };
        held.weight = weight;
        let recipient = held.lease.task.recipient.as_ref().filter(|_| lane.recipients.matter());
        if let Some(recipient) = recipient {
            let age = wall.duration_since(held.lease.task.head.accepted_at).unwrap_or_default();
            if let Some(until) = lane.recipients.wait(recipient, held.waited || age > ASIDE_MAX, now) {
                return Err(Refusal::Recipient(until));
            }
        }
        let mut account = lane.account.as_ref().and_then(|name| self.accounts.get_mut(name));
        if let Some(until) = account.as_mut().and_then(|account| account.wait(weight, now)) {
            lane.gate.limited_until(until);
            return Err(Refusal::Lane(until));
        }
        lane.gate.take_allowance(weight, now).map_err(Refusal::Lane)?;
        account.into_iter().for_each(|account| account.take(weight, now));
        if let Some(recipient) = recipient {
            lane.recipients.take(recipient, now);
        }
        Ok(())
    }

    /// Sets a task aside that was taken off its lane's queue and whose recipient may not be sent to before `until`; where that
    /// is far away, or too many wait like it, it waits in the store.
    pub(super) fn set_aside(&mut self, index: usize, key: usize, until: Instant, wall: SystemTime) {
        let is_aside_full = self.is_aside_full(index);
        let now = self.now;
        let wait = until.saturating_duration_since(now);
        let held = self.ledger.get_mut(key).expect("what queues is in the ledger");
        if wait > ASIDE_MAX || is_aside_full {
            let (token, task) = (held.lease.token, held.lease.task.clone());
            self.ledger.remove(key);
            let due = wall.checked_add(wait).unwrap_or(wall);
            let disposition = Disposition::Retry { due, counts: false };
            self.settler.push(Settlement { token, task, attempt: None, disposition, keeps: None, spends: None });
            self.expect_due(due, now, wall);
            self.claim_wanted |= self.wants_more(index, now);
            return;
        }
        // Its end is not slept through.
        let left = held.lease.task.ends_at().map(|ends_at| ends_at.duration_since(wall).unwrap_or_default());
        let until = left.and_then(|left| now.checked_add(left)).map_or(until, |ends| ends.min(until));
        self.lay_aside(index, key, until);
    }

    /// Lays a task aside until then; it is in no queue.
    pub(super) fn lay_aside(&mut self, index: usize, key: usize, until: Instant) {
        let held = self.ledger.get_mut(key).expect("what is laid aside is in the ledger");
        held.aside = Some(until);
        self.lanes[index].aside += 1;
        self.aside.push(Reverse((until, held.lease.token, key)));
    }

    /// Calls back whoever has waited his time: he is the first of his lane.
    pub(super) fn call_back(&mut self, now: Instant) {
        while let Some(Reverse((until, token, key))) = self.aside.peek().copied() {
            if until > now {
                return;
            }
            self.aside.pop();
            // It may have ended, and its key be another's.
            let Some(held) = self.ledger.get_mut(key).filter(|held| held.lease.token == token && held.aside.is_some()) else {
                continue;
            };
            (held.aside, held.waited) = (None, true);
            let (index, has_another) = (held.lane, held.lease.task.until.is_some());
            let lane = &mut self.lanes[index];
            lane.aside -= 1;
            if self.lane_of.get(&lane.key) != Some(&index) {
                self.end_gone(key);
            } else if has_another && lane.gate.is_shut() {
                self.end_queued(key, Disposition::NextStep(StepReason::Open));
            } else {
                lane.come_back(key, &self.ledger);
                self.ready(index);
            }
        }
    }
}
