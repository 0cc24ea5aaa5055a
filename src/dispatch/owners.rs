//! Which node sends where a limit is to hold for all that share a store: one owns it, and the others give back what is for it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::Ordering::{Acquire, Release},
    },
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

/// Limits that are asked for at once: a store answers them one after the other, and in time.
const ASKED_MAX: usize = 128;

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

/// The limit of a lane, or of the account that it shares with `others`, as all nodes know it; none if nothing limits it. It is the
/// same for all lanes of an account: what is asked for one of them is answered to all.
pub fn limit_of<'a>(
    key: &LaneKey,
    delivery: &'a DeliveryConfig,
    account: &'a [RateWindow],
    others: impl Iterator<Item = (&'a PlatformName, &'a DeliveryConfig)>,
) -> Option<Limit> {
    let own = |delivery: &'a DeliveryConfig| delivery.rate_limit.iter().chain(&delivery.recipient_rate_limit);
    let mut windows: Vec<&RateWindow> = own(delivery).chain(account).collect();
    windows.first()?;
    let (name, whose) = match account {
        [] => (format!("lane/{key}"), Whose::Lane(key.clone())),
        _ => {
            let others = others.inspect(|(_, delivery)| windows.extend(own(delivery))).map(|(name, _)| name.clone());
            let mut platforms: Vec<PlatformName> = others.collect();
            platforms.sort_unstable();
            (format!("account/{}", delivery.account), Whose::Platforms(platforms))
        }
    };
    let longest = |is_short: bool| {
        let alike = windows.iter().map(|window| window.per).filter(|per| (*per <= RateWindow::SHORT_MAX) == is_short);
        alike.max().unwrap_or_default()
    };
    Some(Limit { name: name.into(), whose, short: longest(true), long: longest(false) })
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
        // What is being given up must be so before it is asked for again.
        if self.limits_wanted.is_empty() || self.giving_up.load(Acquire) > 0 {
            return None;
        }
        let store = self.settler.desk().store;
        let names: Vec<Arc<str>> = self.limits_wanted.keys().take(ASKED_MAX).cloned().collect();
        let limits: Vec<Limit> = names.iter().filter_map(|name| self.limits_wanted.remove(name)).collect();
        Some(Box::pin(async move {
            let owned = store.own(&limits).await;
            (limits, owned)
        }))
    }

    /// Takes in who owns what.
    pub(super) fn take_owners(&mut self, (limits, owned): OwnersAnswer) {
        self.owners = None;
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
                Some(Owned::Here(spent)) => self.keep_limit(&limit, &lanes, epoch, &spent, (now, wall)),
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
    fn keep_limit(&mut self, limit: &Limit, lanes: &[usize], epoch: u64, spent: &[Spent], (now, wall): (Instant, SystemTime)) {
        let ago = |one: &Spent| wall.duration_since(one.at).unwrap_or_default();
        // What was sent here before, or meanwhile, need not be written down yet: what is known of it is not replaced. Where another
        // has sent since, this one was told to wait first.
        let is_new = |lane: &Lane| !matches!(lane.owner, Owner::Here(_));
        if lanes.iter().all(|index| is_new(&self.lanes[*index])) {
            let weights: Vec<_> = spent.iter().map(|one| (ago(one), one.weight)).collect();
            let account = lanes.first().and_then(|index| self.lanes[*index].account.as_ref());
            if let Some(account) = account.and_then(|name| self.accounts.get_mut(name)) {
                account.restore(&weights, now);
            }
        }
        let mut by_lane: HashMap<&LaneKey, Vec<&Spent>> = HashMap::new();
        spent.iter().for_each(|one| by_lane.entry(&one.lane).or_default().push(one));
        for index in lanes {
            let lane = &mut self.lanes[*index];
            // One that is limited otherwise, since what it belongs to was changed, asks for itself.
            if is_new(lane) && lane.limit.as_ref() != Some(limit) {
                self.ready(*index);
                continue;
            }
            if is_new(lane) {
                let own = by_lane.get(&lane.key).map(Vec::as_slice).unwrap_or_default();
                lane.gate.restore(&own.iter().map(|one| (ago(one), one.weight)).collect::<Vec<_>>());
                let mut recipients: HashMap<&Arc<str>, Vec<(Duration, u64)>> = HashMap::new();
                for (one, recipient) in own.iter().filter_map(|one| Some((one, one.recipient.as_ref()?))) {
                    recipients.entry(recipient).or_default().push((ago(one), one.tasks));
                }
                recipients.into_iter().for_each(|(recipient, sent)| lane.recipients.restore(recipient, &sent, now));
            }
            lane.owner = Owner::Here(epoch);
            self.ready(*index);
            self.claim_wanted |= self.lanes[*index].backlog;
        }
    }

    fn epoch(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.epoch.load(Acquire))
    }

    /// Keeps the limit of a lane no more whose platform is gone, unless another is within it: another node may have it still.
    pub(super) fn disown(&mut self, index: usize) {
        let lane = &self.lanes[index];
        let Some(limit) = lane.limit.clone().filter(|_| self.shared.is_some() && matches!(lane.owner, Owner::Here(_))) else {
            return;
        };
        let is_within = |lane: &Lane| lane.limit.as_ref().is_some_and(|other| other.name == limit.name);
        if !self.lane_of.values().any(|other| is_within(&self.lanes[*other])) {
            self.give_up(vec![limit]);
        }
    }

    /// Keeps no limit any more, once nothing is under way. Whether it kept any.
    pub(super) fn disown_all(&mut self) -> bool {
        let mut limits = HashMap::new();
        for (_, lane) in self.lanes.iter_mut().filter(|(_, lane)| matches!(lane.owner, Owner::Here(_))) {
            lane.owner = Owner::Unknown;
            limits.extend(lane.limit.clone().map(|limit| (limit.name.clone(), limit)));
        }
        let kept = !limits.is_empty() && self.shared.is_some();
        if kept {
            self.give_up(limits.into_values().collect());
        }
        kept
    }

    fn give_up(&mut self, limits: Vec<Limit>) {
        let (store, giving_up) = (self.settler.desk().store, self.giving_up.clone());
        giving_up.fetch_add(1, Release);
        self.settling.push(Box::pin(async move {
            if let Err(error) = store.disown(&limits).await {
                tracing::warn!(%error, "cannot give up limits: no other node sends within them while this one lives");
            }
            giving_up.fetch_sub(1, Release);
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

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_limit_is_named_after_its_lane_or_the_account_and_tells_short_windows_from_long_ones() {
        let window = |seconds| RateWindow { count: NonZeroU32::MIN, per: Duration::from_secs(seconds), burst: NonZeroU32::MIN };
        let key = LaneKey { platform: "ops".parse().expect("a name"), part: Some("example.com".into()) };
        let delivery = |limit: &[RateWindow], account: &str| DeliveryConfig {
            recipient_rate_limit: limit.to_vec(),
            account: account.into(),
            ..DeliveryConfig::default()
        };
        let (other, by_the_hour): (PlatformName, _) = ("other".parse().expect("a name"), delivery(&[window(3600)], "acme"));
        let others = || [(&other, &by_the_hour), (&key.platform, &by_the_hour)].into_iter();
        assert_eq!(limit_of(&key, &delivery(&[], ""), &[], others()), None);
        let (plain, own) = (delivery(&[window(7)], ""), delivery(&[window(7)], "acme"));
        let lane = limit_of(&key, &plain, &[], others()).expect("limited");
        assert_eq!((&*lane.name, &lane.whose), ("lane/ops/example.com", &Whose::Lane(key.clone())));
        assert_eq!((lane.short, lane.long, lane.handover()), (Duration::from_secs(7), Duration::ZERO, Duration::from_secs(7)));
        let (day, short) = ([window(86_400)], Duration::from_secs(7));
        let account = limit_of(&key, &own, &day, others()).expect("limited");
        let both = Whose::Platforms(vec![key.platform.clone(), other.clone()]);
        assert_eq!((&*account.name, &account.whose), ("account/acme", &both));
        assert_eq!((account.short, account.long, account.handover()), (short, 24 * LONG, Duration::from_secs(60)));
        // What one of its platforms looks back to counts for all of them.
        let account = limit_of(&key, &own, &[window(1)], others()).expect("limited");
        assert_eq!((account.short, account.long), (short, LONG));
    }
}
