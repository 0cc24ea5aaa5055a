//! Which node sends where a limit is to hold for all that share a store: one owns it, and the others give back what is for it.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Acquire},
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;

use super::dispatcher::Dispatcher;
use crate::{
    config::{DeliveryConfig, RateWindow},
    store::{Limit, Owned, StoreError},
    task::LaneKey,
};

/// How often it is asked whether the owner of a limit still lives, where something waits for it.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Wait before a question is asked again that failed.
const FAILED_WAIT: Duration = Duration::from_secs(1);

/// A limit that changes hands, or that a restart has forgotten, is not waited for longer than this: who counts by the day goes on
/// after a minute.
const LOOK_BACK_MAX: Duration = Duration::from_secs(60);

/// The limits that were asked for, by name, and the answers.
pub type OwnersAnswer = (Vec<Limit>, Result<Vec<Owned>, StoreError>);

/// Which process keeps a lane's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Nobody has asked.
    Unknown,
    /// This one, as of this epoch of its lease.
    Here(u64),
    /// Another; to be asked again after this.
    Elsewhere(Instant),
}

/// The limit of a lane, or of the account it belongs to, as all nodes know it; none if nothing limits it.
pub fn limit_of(key: &LaneKey, delivery: &DeliveryConfig, account: &[RateWindow]) -> Option<Limit> {
    let all = || delivery.rate_limit.iter().chain(&delivery.recipient_rate_limit).chain(account);
    let looks_back = all().map(|window| window.per).max()?.min(LOOK_BACK_MAX);
    let name = if account.is_empty() { format!("lane/{key}") } else { format!("account/{}", delivery.account) };
    Some(Limit { name: name.into(), looks_back })
}

impl Dispatcher {
    /// Whether this process may send on a lane that stands in the ring; if that is not known, it is asked.
    pub(super) fn owns(&mut self, index: usize, now: Instant) -> bool {
        let Some(shared) = &self.shared else { return true };
        let lane = &mut self.lanes[index];
        let Some(limit) = &lane.limit else { return true };
        match lane.owner {
            Owner::Here(epoch) if epoch == shared.epoch.load(Acquire) => return true,
            Owner::Elsewhere(until) if until > now => self.give_elsewhere(index, until),
            _ => {
                lane.runnable_since = None;
                self.limits_wanted.insert(limit.name.clone(), limit.clone());
            }
        }
        false
    }

    /// Asks again who owns the limit of a lane, where something waits for it in the store.
    pub(super) fn ask_owner(&mut self, index: usize, now: Instant) {
        let lane = &self.lanes[index];
        if let (Owner::Elsewhere(until), Some(limit), true) = (lane.owner, &lane.limit, lane.backlog)
            && until <= now
        {
            self.limits_wanted.insert(limit.name.clone(), limit.clone());
        }
    }

    /// Starts asking for what is wanted.
    pub(super) fn ask_owners(&mut self) -> Option<BoxFuture<'static, OwnersAnswer>> {
        if self.limits_wanted.is_empty() {
            return None;
        }
        let store = self.settler.desk().store;
        let limits: Vec<Limit> = std::mem::take(&mut self.limits_wanted).into_values().collect();
        Some(Box::pin(async move {
            let owned = store.own(&limits).await;
            (limits, owned)
        }))
    }

    /// Takes in who owns what.
    pub(super) fn take_owners(&mut self, (limits, owned): OwnersAnswer) {
        let (now, epoch) = (self.clock.now(), self.shared.as_ref().map_or(0, |shared| shared.epoch.load(Acquire)));
        if let Err(error) = &owned {
            tracing::error!(%error, "cannot ask which node keeps a limit, trying again");
        }
        let owned = owned.unwrap_or_default();
        let answers: HashMap<Arc<str>, Option<Owned>> =
            limits.into_iter().enumerate().map(|(place, limit)| (limit.name, owned.get(place).copied())).collect();
        let asked = |limit: &Limit| answers.get(&limit.name).copied();
        let lanes = self.lanes.iter().filter_map(|(index, lane)| Some((index, lane.limit.as_ref().and_then(asked)?)));
        for (index, answer) in lanes.collect::<Vec<_>>() {
            match answer {
                Some(Owned::Here(wait)) => {
                    let lane = &mut self.lanes[index];
                    lane.owner = Owner::Here(epoch);
                    if let Some(until) = now.checked_add(wait).filter(|_| !wait.is_zero())
                        && lane.gate.rest_until(until)
                    {
                        self.park(index, until);
                    }
                    self.ready(index);
                    self.claim_wanted |= self.lanes[index].backlog;
                }
                Some(Owned::Elsewhere) => self.give_elsewhere(index, now + ASK_AGAIN),
                None => self.park(index, now + FAILED_WAIT),
            }
        }
    }

    /// Keeps the limit of a lane no more whose platform is gone: another node may have it still.
    pub(super) fn disown(&mut self, index: usize) {
        if let (Some(limit), Owner::Here(_)) = (&self.lanes[index].limit, self.lanes[index].owner) {
            let limits = vec![limit.clone()];
            // Others of its account ask anew.
            let same = self.lanes.iter_mut().filter(|(_, lane)| lane.limit.as_ref() == limits.first());
            same.for_each(|(_, lane)| lane.owner = Owner::Unknown);
            self.give_up(limits);
        }
    }

    /// Keeps no limit any more: nothing is given out from now on.
    pub(super) fn disown_all(&mut self) {
        let owned = self.lanes.iter().filter(|(_, lane)| matches!(lane.owner, Owner::Here(_)));
        let limits: HashMap<_, _> =
            owned.filter_map(|(_, lane)| lane.limit.clone().map(|limit| (limit.name.clone(), limit))).collect();
        if !limits.is_empty() {
            self.give_up(limits.into_values().collect());
        }
    }

    fn give_up(&mut self, limits: Vec<Limit>) {
        let store = self.settler.desk().store;
        self.settling.push(Box::pin(async move {
            if let Err(error) = store.disown(&limits).await {
                tracing::warn!(%error, "cannot give up limits: no other node sends within them while this one lives");
            }
            Vec::new()
        }));
    }

    /// Gives back what queues on a lane on which another node sends.
    fn give_elsewhere(&mut self, index: usize, until: Instant) {
        let lane = &mut self.lanes[index];
        lane.owner = Owner::Elsewhere(until);
        lane.backlog |= !lane.queue.is_empty();
        let held = lane.queue.drain(..).filter_map(|key| self.ledger.remove(key));
        self.overflow.extend(held.map(|held| (held.lease.token, held.lease.task)));
        self.park(index, until);
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn a_limit_is_named_after_its_lane_or_the_account_and_looks_back_a_minute_at_most() {
        let window = |seconds| RateWindow { count: NonZeroU32::MIN, per: Duration::from_secs(seconds), burst: NonZeroU32::MIN };
        let key = LaneKey { platform: "ops".parse().expect("a name"), part: Some("example.com".into()) };
        let delivery = |limit: &[RateWindow], account: &str| DeliveryConfig {
            recipient_rate_limit: limit.to_vec(),
            account: account.into(),
            ..DeliveryConfig::default()
        };
        assert_eq!(limit_of(&key, &delivery(&[], ""), &[]), None);
        let lane = limit_of(&key, &delivery(&[window(7)], ""), &[]).expect("limited");
        assert_eq!((&*lane.name, lane.looks_back), ("lane/ops/example.com", Duration::from_secs(7)));
        let account = limit_of(&key, &delivery(&[window(7)], "acme"), &[window(86_400)]).expect("limited");
        assert_eq!((&*account.name, account.looks_back), ("account/acme", Duration::from_secs(60)));
    }
}
