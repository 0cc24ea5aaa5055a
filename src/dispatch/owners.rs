//! Which node sends where a limit is to hold for all that share a store: one owns it, and the others give back what is for it.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Acquire},
    time::{Duration, Instant, SystemTime},
};

use futures_util::future::BoxFuture;

use super::{dispatcher::Dispatcher, lane::Lane};
use crate::{
    config::{DeliveryConfig, RateWindow},
    store::{Limit, Owned, Spent, StoreError, Whose},
    task::{LaneKey, PlatformName},
};

/// How often it is asked whether the owner of a limit still lives, where something waits for it.
const ASK_AGAIN: Duration = Duration::from_secs(2);

/// Wait before a question is asked again that failed.
const FAILED_WAIT: Duration = Duration::from_secs(1);

/// The limits that were asked for, by name, and the answers.
pub type OwnersAnswer = (Vec<Limit>, Result<Vec<Owned>, StoreError>);

/// Which process keeps a lane's limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// Nobody has asked.
    Unknown,
    /// This one, as of this epoch of its lease.
    Here(u64),
    /// This one, as far as is known, but what was sent before still counts; to be asked again after this.
    Soon(Instant),
    /// Another; to be asked again after this.
    Elsewhere(Instant),
}

/// The limit of a lane, or of the account it shares with `platforms`, as all nodes know it; none if nothing limits it.
pub fn limit_of(
    key: &LaneKey,
    delivery: &DeliveryConfig,
    account: &[RateWindow],
    platforms: impl FnOnce() -> Vec<PlatformName>,
) -> Option<Limit> {
    let all = || delivery.rate_limit.iter().chain(&delivery.recipient_rate_limit).chain(account).map(|window| window.per);
    all().next()?;
    let (short, long): (Vec<Duration>, Vec<Duration>) = all().partition(|per| *per <= RateWindow::SHORT_MAX);
    let longest = |windows: Vec<Duration>| windows.into_iter().max().unwrap_or_default();
    let (name, whose) = match account {
        [] => (format!("lane/{key}"), Whose::Lane(key.clone())),
        _ => (format!("account/{}", delivery.account), Whose::Platforms(platforms())),
    };
    Some(Limit { name: name.into(), whose, short: longest(short), long: longest(long) })
}

impl Dispatcher {
    /// Whether this process may send on a lane that stands in the ring; if that is not known, it is asked.
    pub(super) fn owns(&mut self, index: usize, now: Instant) -> bool {
        let epoch = self.epoch();
        let lane = &mut self.lanes[index];
        let Some(limit) = &lane.limit else { return true };
        match lane.owner {
            Owner::Here(since) if since == epoch => return true,
            Owner::Elsewhere(until) if until > now => self.give_elsewhere(index, until),
            Owner::Soon(until) if until > now => self.park(index, until),
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
        let (now, wall, epoch) = (self.clock.now(), self.clock.wall(), self.epoch());
        if let Err(error) = &owned {
            tracing::error!(%error, "cannot ask which node keeps a limit, trying again");
        }
        let mut lanes_of: HashMap<Arc<str>, Vec<usize>> = limits.iter().map(|limit| (limit.name.clone(), Vec::new())).collect();
        for (index, lane) in &self.lanes {
            let asked = lane.limit.as_ref().and_then(|limit| lanes_of.get_mut(&limit.name));
            asked.into_iter().for_each(|lanes| lanes.push(index));
        }
        let mut owned = owned.unwrap_or_default().into_iter();
        for limit in limits {
            let lanes = lanes_of.remove(&limit.name).unwrap_or_default();
            match owned.next() {
                Some(Owned::Here(spent)) => self.keep_limit(&lanes, epoch, &spent, (now, wall)),
                Some(Owned::Soon(wait)) => {
                    let until = now.checked_add(wait).unwrap_or(now);
                    for index in lanes {
                        self.lanes[index].owner = Owner::Soon(until);
                        self.lanes[index].gate.limited_until(until);
                        self.park(index, until);
                    }
                }
                Some(Owned::Elsewhere) => lanes.into_iter().for_each(|index| self.give_elsewhere(index, now + ASK_AGAIN)),
                None => lanes.into_iter().for_each(|index| self.park(index, now + FAILED_WAIT)),
            }
        }
    }

    /// Sends on these lanes from now on, within what the limit they share leaves after what was sent before.
    fn keep_limit(&mut self, lanes: &[usize], epoch: u64, spent: &[Spent], (now, wall): (Instant, SystemTime)) {
        let ago = |one: &Spent| wall.duration_since(one.at).unwrap_or_default();
        // What was sent here meanwhile need not be written down yet: what is known of it is not replaced.
        let is_new = |lane: &Lane| lane.owner != Owner::Here(epoch);
        if lanes.iter().all(|index| is_new(&self.lanes[*index])) {
            let weights: Vec<_> = spent.iter().map(|one| (ago(one), one.weight)).collect();
            let account = lanes.first().and_then(|index| self.lanes[*index].account.as_ref());
            if let Some(account) = account.and_then(|name| self.accounts.get_mut(name)) {
                account.restore(&weights, now);
            }
        }
        for index in lanes {
            let lane = &mut self.lanes[*index];
            if is_new(lane) {
                let own = || spent.iter().filter(|one| one.lane == lane.key);
                lane.gate.restore(&own().map(|one| (ago(one), one.weight)).collect::<Vec<_>>());
                let mut recipients: HashMap<&Arc<str>, Vec<(Duration, u64)>> = HashMap::new();
                for (one, recipient) in own().filter_map(|one| Some((one, one.recipient.as_ref()?))) {
                    recipients.entry(recipient).or_default().push((ago(one), one.tasks));
                }
                recipients.into_iter().for_each(|(recipient, sent)| lane.recipients.restore(recipient, &sent, now));
                lane.owner = Owner::Here(epoch);
            }
            self.ready(*index);
            self.claim_wanted |= self.lanes[*index].backlog;
        }
    }

    fn epoch(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.epoch.load(Acquire))
    }

    /// Keeps the limit of a lane no more whose platform is gone: another node may have it still.
    pub(super) fn disown(&mut self, index: usize) {
        if self.shared.is_none() {
            return;
        }
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
        let owned = self.lanes.iter().filter(|(_, lane)| self.shared.is_some() && matches!(lane.owner, Owner::Here(_)));
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
    fn a_limit_is_named_after_its_lane_or_the_account_and_tells_short_windows_from_long_ones() {
        let window = |seconds| RateWindow { count: NonZeroU32::MIN, per: Duration::from_secs(seconds), burst: NonZeroU32::MIN };
        let key = LaneKey { platform: "ops".parse().expect("a name"), part: Some("example.com".into()) };
        let delivery = |limit: &[RateWindow], account: &str| DeliveryConfig {
            recipient_rate_limit: limit.to_vec(),
            account: account.into(),
            ..DeliveryConfig::default()
        };
        let platforms = || vec![key.platform.clone()];
        assert_eq!(limit_of(&key, &delivery(&[], ""), &[], platforms), None);
        let lane = limit_of(&key, &delivery(&[window(7)], ""), &[], platforms).expect("limited");
        assert_eq!((&*lane.name, &lane.whose), ("lane/ops/example.com", &Whose::Lane(key.clone())));
        assert_eq!((lane.short, lane.long, lane.handover()), (Duration::from_secs(7), Duration::ZERO, Duration::from_secs(7)));
        let account = limit_of(&key, &delivery(&[window(7)], "acme"), &[window(86_400)], platforms).expect("limited");
        assert_eq!((&*account.name, &account.whose), ("account/acme", &Whose::Platforms(platforms())));
        let (short, long) = (Duration::from_secs(7), Duration::from_secs(86_400));
        assert_eq!((account.short, account.long, account.handover()), (short, long, Duration::from_secs(60)));
    }
}
