//! Taking outcomes in: what the pool reports becomes verdicts, and lanes learn from them.

use std::{
    sync::atomic::Ordering::Relaxed,
    time::{Duration, Instant, SystemTime},
};

use notifyhub_platforms::contract::{ErrorKind, LimitScope, SendError};

use super::{dispatcher::Dispatcher, ledger::Held};
use crate::{
    policy::{Judgement, Sign, Standing, judge, onward},
    pool::{Done, FinishedSend, PoolEvent},
    store::{Lease, Settlement},
    task::{Attempt, Disposition, WorkerKey},
};

/// How long a lane rests that was told to slow down without being told for how long.
const UNTOLD_REST: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Takes in one report of the pool.
    pub(super) fn take_report(&mut self, report: PoolEvent) {
        match report {
            PoolEvent::Done { worker, sends } => {
                let (now, wall) = (self.clock.now(), self.clock.wall());
                self.now = now;
                sends.into_iter().for_each(|done| self.take_done(worker, done, now, wall));
            }
            PoolEvent::Started { worker, link, affinity } => {
                self.roster.add(worker, link, affinity);
                // There is more room than there was.
                self.claim_wanted = true;
            }
            PoolEvent::Draining { worker } => self.roster.drain(worker),
            PoolEvent::Ended { worker } => self.take_lost(worker, "ended"),
            PoolEvent::Lost { worker, why } => self.take_lost(worker, &why),
        }
    }

    fn take_done(&mut self, worker: WorkerKey, done: Done, now: Instant, wall: SystemTime) {
        let held = self.ledger.get(done.key).filter(|held| held.with.is_some_and(|(key, _)| key == worker));
        let failed = done.result.is_err();
        let mut send = FinishedSend { bytes: 0, pace_permille: 1000, failed };
        if let Some(held) = held {
            send.bytes = held.lease.task.head.message.bytes();
            send.pace_permille = self.lanes[held.lane].pace(done.took, failed);
        }
        let current = held.is_some();
        self.roster.finished(worker, send);
        let Some(held) = current.then(|| self.ledger.remove(done.key)).flatten() else { return };
        let since = now.saturating_duration_since(done.started);
        let started_at = wall.checked_sub(since).unwrap_or(wall);
        self.conclude(held, worker, started_at, done, (now, wall));
    }

    /// Judges an attempt, and lets its lane learn from it.
    fn conclude(
        &mut self,
        held: Held,
        worker: WorkerKey,
        started_at: SystemTime,
        done: Done,
        (now, wall): (Instant, SystemTime),
    ) {
        let lane = &mut self.lanes[held.lane];
        lane.in_flight -= 1;
        lane.used = now;
        lane.tally.in_flight.fetch_sub(1, Relaxed);
        let case = Judgement {
            config: &lane.entry.delivery,
            counted: held.lease.counted,
            tries: held.lease.tries + 1,
            probe: held.probe,
            expires_at: held.lease.task.head.expires_at,
            cancelled: held.cancelled,
            now: wall,
        };
        let mut disposition = judge(&done.result, case, &mut self.rng);
        // What says nothing of the platform, a worker that was lost, is no burden for it either.
        if let Disposition::Retry { due, counts: true } = &mut disposition
            && Sign::of(&done.result) == Sign::Fails
        {
            *due = due.checked_add(lane.gate.retries.spend(now)).unwrap_or(*due);
        }
        lane.tally.took.record_duration(done.took);
        match &done.result {
            Ok(_) => _ = lane.tally.succeeded.fetch_add(1, Relaxed),
            Err(error) => lane.tally.count_failure(error.kind()),
        }
        match &done.result {
            Ok(receipt) => self.rest(held.lane, receipt.rest, LimitScope::Lane, now),
            Err(error) if error.scope() == LimitScope::Target => self.rest_recipient(&held, asked_to_wait(error), now),
            Err(error) => self.rest(held.lane, asked_to_wait(error), error.scope(), now),
        }
        self.learn_from(&held, &done, now);
        self.learn_of_endpoint(&held, &done, wall);
        let (lane, task) = (&self.lanes[held.lane], &held.lease.task);
        let standing = Standing { has_next: task.next_step().is_some(), until: task.until, shut: lane.gate.is_shut() };
        let disposition = onward(disposition, standing);
        if let Disposition::Retry { due, .. } = disposition {
            lane.tally.retried.fetch_add(1, Relaxed);
            self.expect_due(due, now, wall);
        }
        self.claim_wanted |= self.wants_more(held.lane, now);
        self.ready(held.lane);
        let attempt = Attempt {
            number: held.lease.tries + 1,
            started_at,
            took: done.took,
            node: self.shared.as_ref().map(|shared| shared.node.clone()),
            worker: worker.slot,
            result: done.result,
        };
        let keeps = self.lease_to_keep(&held, disposition, wall);
        let spends = self.lanes[held.lane].accounting.map(|accounting| accounting.spends(held.weight, wall));
        let Lease { token, task, .. } = held.lease;
        self.settler.push(Settlement { token, task, attempt: Some(attempt), disposition, keeps, spends });
    }

    /// Sorts out what a lost worker had: what it had not begun goes back to the head of its lane, what it had begun may
    /// have been sent.
    fn take_lost(&mut self, worker: WorkerKey, why: &str) {
        let begun = self.roster.remove(worker).unwrap_or(u64::MAX);
        let (now, wall) = (self.clock.now(), self.clock.wall());
        for (key, job) in self.ledger.with_worker(worker) {
            if job > begun {
                self.requeue(key);
            } else if let Some(held) = self.ledger.remove(key) {
                // Which says nothing of the platform.
                let error = SendError::ambiguous(format!("worker {worker} was lost: {why}")).with_scope(LimitScope::Target);
                let done = Done { key, started: now, took: Duration::ZERO, result: Err(error) };
                self.conclude(held, worker, wall, done, (now, wall));
            }
        }
    }

    fn requeue(&mut self, key: usize) {
        let held = self.ledger.get_mut(key).expect("just listed");
        held.with = None;
        let (index, cancelled) = (held.lane, held.cancelled);
        let lane = &mut self.lanes[index];
        lane.in_flight -= 1;
        lane.tally.in_flight.fetch_sub(1, Relaxed);
        if std::mem::take(&mut held.probe) {
            lane.gate.takes_back();
        }
        if cancelled {
            self.end_queued(key, Disposition::Cancelled);
        } else {
            lane.queue.push_front(key);
        }
        self.ready(index);
    }
}

/// How long a failure says to wait.
fn asked_to_wait(error: &SendError) -> Option<Duration> {
    error.retry_after().or((error.kind() == ErrorKind::RateLimited).then_some(UNTOLD_REST))
}
