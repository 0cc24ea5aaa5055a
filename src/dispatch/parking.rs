//! Lanes that may not send: they leave the ring until a time, or until something changes.

use std::{
    cmp::Reverse,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use notifyhub_platforms::contract::{ErrorKind, LimitScope, SendError};

use rand::Rng;

use super::{dispatcher::Dispatcher, gate::Bar, ledger::Held};
use crate::{
    config::OnUnauthorized,
    event::{BreakerState, EventKind},
    policy::{Sign, Trip},
    pool::Done,
    task::{Disposition, PlatformName, StepReason},
};

/// A rest is longer than it was asked to be by a random time up to one in so many of it, and up to this.
const JITTER_PART: u32 = 20;
const JITTER_MAX: Duration = Duration::from_secs(1);

/// What a person may say about all lanes of a platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneOrder {
    /// Nothing is to be sent until it is resumed.
    Pause,
    /// It may be sent again.
    Resume,
    /// The platform is to be left alone for a while, as if it had failed.
    Open,
    /// It may be sent at once, whatever was seen.
    Close,
}

impl Dispatcher {
    /// Lets a lane, or all lanes of its platform, rest as long as the platform asked for.
    pub(super) fn rest(&mut self, index: usize, asked: Option<Duration>, scope: LimitScope, now: Instant) {
        let longest = self.lanes[index].entry.delivery.retry_after_max;
        let Some(wait) = asked.map(|wait| wait.min(longest)) else { return };
        let Some(until) = now.checked_add(wait + self.jitter(wait)) else { return };
        let platforms = if scope == LimitScope::Platform { self.platforms_with(index) } else { Vec::new() };
        let mut resting = vec![index];
        for platform in platforms {
            resting.extend(self.lanes_of(&platform));
            let rests = self.platform_rests.entry(platform).or_insert(until);
            *rests = until.max(*rests);
        }
        for index in resting {
            if self.lanes[index].gate.rest_until(until) {
                self.park(index, until);
                self.ready(index);
                let key = self.lanes[index].key.clone();
                self.events.publish(|| (None, EventKind::LaneParked { lane: key, wait }));
            }
        }
    }

    /// Lets the recipient of a task rest as long as the platform asked for.
    pub(super) fn rest_recipient(&mut self, held: &Held, asked: Option<Duration>, now: Instant) {
        let (Some(wait), Some(recipient)) = (asked, &held.lease.task.recipient) else { return };
        let wait = wait.min(self.lanes[held.lane].entry.delivery.retry_after_max);
        if let Some(until) = now.checked_add(wait + self.jitter(wait)) {
            self.lanes[held.lane].recipients.rest(recipient, until, now);
        }
    }

    /// A little beyond what was asked for, so that not everybody who was told the same comes back at once.
    fn jitter(&mut self, wait: Duration) -> Duration {
        (wait / JITTER_PART).min(JITTER_MAX).mul_f64(self.rng.random())
    }

    /// The platform of a lane, and all that share its account.
    fn platforms_with(&self, index: usize) -> Vec<PlatformName> {
        let lane = &self.lanes[index];
        let directory = self.directory.load();
        let sharing = directory.of_account(lane.account.as_deref().unwrap_or_default());
        let others = sharing.map(|(name, _)| name).filter(|name| **name != lane.key.platform);
        std::iter::once(&lane.key.platform).chain(others).cloned().collect()
    }

    /// Ends what has expired, or may wait here no longer, on a lane that may not send before `until`; returns when the lane is to be looked at next.
    pub(super) fn end_expired(&mut self, index: usize, until: Instant, now: Instant, wall: SystemTime) -> Instant {
        let (mut next, mut ended) = (until, Vec::new());
        let ledger = &self.ledger;
        self.lanes[index].queue.retain(|key| {
            let held = ledger.get(*key).expect("what queues is in the ledger");
            let Some(ends_at) = held.lease.task.ends_at() else { return true };
            match held.lease.task.ending(wall) {
                Some(disposition) => ended.push((*key, disposition)),
                None => {
                    let left = ends_at.duration_since(wall).unwrap_or_default();
                    next = next.min(now.checked_add(left).unwrap_or(next));
                }
            }
            ended.last().is_none_or(|(last, _)| last != key)
        });
        ended.into_iter().for_each(|(key, disposition)| self.end_queued(key, disposition));
        next
    }

    /// Lets a lane come back at `until`, unless it comes back earlier anyway: then it is looked at again. Whatever rests is
    /// parked, even if nothing queues on it: it may have a backlog.
    pub(super) fn park(&mut self, index: usize, until: Instant) {
        let lane = &mut self.lanes[index];
        if lane.parked_until.is_none_or(|parked| until < parked) {
            lane.parked_until = Some(until);
            self.parked.push(Reverse((until, index)));
        }
    }

    /// Puts lanes whose time has come back into the ring.
    pub(super) fn unpark(&mut self, now: Instant) {
        while let Some(Reverse((until, index))) = self.parked.peek().copied() {
            if until > now {
                break;
            }
            self.parked.pop();
            // It may have come back earlier, or be forgotten.
            let Some(lane) = self.lanes.get_mut(index).filter(|lane| lane.parked_until == Some(until)) else { continue };
            lane.parked_until = None;
            self.ask_owner(index, now);
            self.look(index, now);
            self.claim_wanted |= self.wants_more(index, now);
            let lane = &self.lanes[index];
            match lane.gate.bar(now, false).and_then(Bar::until) {
                Some(until) if lane.queue.is_empty() => self.park(index, until),
                _ => self.ready(index),
            }
        }
        if self.next_due.is_some_and(|due| due <= now) {
            self.next_due = None;
            self.claim_wanted = true;
        }
    }

    /// Wakes at the earliest moment a parked lane may go on, a task is to be called back, or a stored one becomes due.
    pub(super) fn set_timer(&mut self) {
        let parked = self.parked.peek().map(|Reverse((until, _))| *until);
        let aside = self.aside.peek().map(|Reverse((until, ..))| *until);
        let deadline = parked.into_iter().chain(aside).chain(self.next_due).chain(self.next_claim()).min();
        let Some(deadline) = deadline.filter(|_| !self.draining) else {
            self.timer = None;
            return;
        };
        if self.timer.as_ref().is_none_or(|(set, _)| *set != deadline) {
            let clock = self.clock.clone();
            self.timer = Some((deadline, Box::pin(async move { clock.sleep_until(deadline).await })));
        }
    }

    /// The lane itself, or all known lanes of its platform.
    fn lanes_within(&self, index: usize, scope: LimitScope) -> Vec<usize> {
        match scope {
            LimitScope::Platform => self.lanes_of(&self.lanes[index].key.platform),
            LimitScope::Lane | LimitScope::Target => vec![index],
        }
    }

    fn lanes_of(&self, platform: &PlatformName) -> Vec<usize> {
        self.lanes.iter().filter(|(_, lane)| lane.key.platform == *platform).map(|(index, _)| index).collect()
    }

    /// Lets probes go if it is time.
    pub(super) fn look(&mut self, index: usize, now: Instant) {
        if self.lanes[index].gate.look(now) {
            self.breaker_changed(index, now, "it is tried whether the platform is back");
        }
    }

    /// Lets a lane learn from an attempt: how much it may have under way, and how its breaker is to stand. Those of its whole
    /// platform stand with it if that refuses us altogether.
    pub(super) fn learn_from(&mut self, held: &Held, done: &Done, now: Instant) {
        let index = held.lane;
        let sign = match Sign::of(&done.result) {
            // Whoever wants them dead has nothing held.
            Sign::Refuses if self.lanes[index].entry.delivery.on_unauthorized == OnUnauthorized::Dead => Sign::Nothing,
            sign => sign,
        };
        let is_limit = |error: &SendError| error.kind() == ErrorKind::RateLimited && error.scope() != LimitScope::Target;
        let rate_limited = done.result.as_ref().is_err_and(is_limit);
        let lane = &mut self.lanes[index];
        let trip = Trip { began: done.started, took: done.took, sign, rate_limited, limited: lane.at_limit };
        if !lane.gate.learn(trip, held.weight, held.probe, now, &mut self.rng) {
            return;
        }
        let why = match &done.result {
            Err(error) => error.to_string(),
            Ok(_) => "the platform answers again".to_owned(),
        };
        self.breaker_changed(index, now, &why);
        let scope = done.result.as_ref().err().map(SendError::scope);
        if sign == Sign::Refuses && scope == Some(LimitScope::Platform) {
            for other in self.lanes_within(index, LimitScope::Platform) {
                if self.lanes[other].gate.breaker() != BreakerState::Suspended {
                    self.lanes[other].gate.suspend(now, &mut self.rng);
                    self.breaker_changed(other, now, &why);
                }
            }
        }
    }

    /// Tells how a lane's breaker stands now, and lets it go on or rest accordingly.
    fn breaker_changed(&mut self, index: usize, now: Instant, why: &str) {
        let lane = &mut self.lanes[index];
        let (key, state) = (lane.key.clone(), lane.gate.breaker());
        match state {
            BreakerState::Suspended => {
                tracing::error!(lane = %key, why, "the platform refuses us: its tasks are held until somebody has seen to it");
            }
            BreakerState::Open => tracing::warn!(lane = %key, why, "the platform fails: nothing is sent to it for a while"),
            _ => tracing::info!(lane = %key, why, breaker = %state, "the platform is sent to"),
        }
        let (shut, backlog) = (lane.gate.is_shut(), lane.backlog);
        if let Some(until) = lane.gate.bar(now, false).and_then(Bar::until) {
            self.park(index, until);
        }
        if shut {
            self.leave(index);
        }
        self.ready(index);
        // What waits in the store and has another way is to take it.
        self.claim_wanted |= (shut && backlog) || self.wants_more(index, now);
        let why: Arc<str> = why.into();
        self.events.publish(|| (None, EventKind::BreakerChanged { lane: key, state, why }));
    }

    /// Lets what queues on a lane and has another way take it.
    fn leave(&mut self, index: usize) {
        let (ledger, mut leaving) = (&self.ledger, Vec::new());
        self.lanes[index].queue.retain(|key| {
            let leaves = ledger.get(*key).is_some_and(|held| held.lease.task.until.is_some());
            leaving.extend(leaves.then_some(*key));
            !leaves
        });
        leaving.into_iter().for_each(|key| self.end_queued(key, Disposition::NextStep(StepReason::Open)));
    }

    /// Forgets lanes that have long had nothing to do: a webhook's may be as many as its customers have hosts.
    pub(super) fn forget_idle_lanes(&mut self, now: Instant) {
        let idle = self.lanes.iter().filter(|(_, lane)| lane.is_forgettable(now)).map(|(index, _)| index);
        for index in idle.collect::<Vec<_>>() {
            let lane = self.lanes.remove(index);
            // Those of its platform that stay are shown again next time.
            lane.tally.lanes.clear();
            // A lane of a platform that was removed is not found by its key any more.
            if self.lane_of.get(&lane.key) == Some(&index) {
                self.lane_of.remove(&lane.key);
            }
        }
    }

    /// Does what a person said about a platform. Its lanes that are not there yet are paused too.
    pub(super) fn order_lanes(&mut self, platform: &PlatformName, order: LaneOrder) {
        let now = self.clock.now();
        match order {
            LaneOrder::Pause => _ = self.paused.insert(platform.clone()),
            LaneOrder::Resume => _ = self.paused.remove(platform),
            LaneOrder::Close => _ = self.platform_rests.remove(platform),
            LaneOrder::Open => {}
        }
        for index in self.lanes_of(platform) {
            let gate = &mut self.lanes[index].gate;
            match order {
                LaneOrder::Pause => gate.paused = true,
                LaneOrder::Resume => gate.paused = false,
                LaneOrder::Open => gate.open(now, &mut self.rng),
                LaneOrder::Close => gate.close(now),
            }
            if matches!(order, LaneOrder::Open | LaneOrder::Close) {
                self.breaker_changed(index, now, "somebody said so");
            }
            self.claim_wanted |= self.wants_more(index, now);
            self.ready(index);
        }
        let paused = match order {
            LaneOrder::Pause => true,
            LaneOrder::Resume => false,
            LaneOrder::Open | LaneOrder::Close => return,
        };
        let platform = platform.clone();
        self.events.publish(|| (None, EventKind::PlatformPaused { platform, paused }));
    }
}
