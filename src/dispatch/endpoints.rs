//! Endpoints that are sent to no more: what attempts say of them, and what becomes of tasks for them.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use foldhash::fast::RandomState;

use super::{dispatcher::Dispatcher, ledger::Held};
use crate::{
    event::EventKind,
    policy::{Change, Streak, Word, disabled},
    pool::Done,
    store::{Disabled, Endpoint, Failing},
    task::Disposition,
};

/// Endpoints that are known to fail, at most: those that are one too many are borne.
const KNOWN_MAX: usize = 65_536;

/// What is known of endpoints; nothing of those that work.
#[derive(Debug, Default)]
pub struct Endpoints {
    failing: HashMap<Endpoint, Streak, RandomState>,
    disabled: HashMap<Endpoint, Disabled, RandomState>,
}

impl Endpoints {
    /// Those that the store has kept.
    pub fn new(kept: Vec<Failing>) -> Self {
        let mut endpoints = Self::default();
        for Failing { endpoint, since, disabled } in kept {
            match disabled {
                Some(disabled) => _ = endpoints.disabled.insert(endpoint, disabled),
                None => _ = endpoints.failing.insert(endpoint, Streak::kept(since)),
            }
        }
        endpoints
    }

    /// Takes in what the store has kept by now, which others may have written.
    fn refresh(&mut self, kept: Vec<Failing>) {
        let of_this_process = std::mem::take(&mut self.failing).into_iter().filter(|(_, streak)| !streak.kept);
        let fresh = Self::new(kept);
        *self = Self { failing: of_this_process.chain(fresh.failing).collect(), disabled: fresh.disabled };
    }
}

impl Dispatcher {
    /// Learns from an attempt what becomes of its endpoint.
    pub(super) fn learn_of_endpoint(&mut self, held: &Held, done: &Done, wall: SystemTime) {
        let (word, entry) = (Word::of(&done.result), &self.lanes[held.lane].entry);
        if word == Word::Nothing || (word == Word::Works && self.endpoints.failing.is_empty()) {
            return;
        }
        let task = &held.lease.task;
        let endpoint = Endpoint { platform: entry.name.clone(), recipient: task.recipient.clone() };
        if word == Word::Works {
            if self.endpoints.failing.remove(&endpoint).is_some_and(|streak| streak.kept) {
                self.forget_endpoint(endpoint);
            }
            return;
        }
        // One road for all is its owner's, who will see to it; a recipient with a road of its own is one of many.
        let is_one_of_many = (task.lane.part.is_some() && task.recipient.is_some()) || entry.url.is_some();
        let disable_after = if is_one_of_many { entry.delivery.disable_after } else { Duration::ZERO };
        let known = self.endpoints.failing.len() < KNOWN_MAX || self.endpoints.failing.contains_key(&endpoint);
        let change = match word {
            Word::Gone => Change::Disable,
            _ if disable_after.is_zero() || !known => Change::None,
            _ => {
                let streak = self.endpoints.failing.entry(endpoint.clone()).or_insert_with(|| Streak::new(wall));
                streak.fails(disable_after, wall)
            }
        };
        match change {
            Change::None => {}
            Change::Keep => {
                let since = self.endpoints.failing.get(&endpoint).map_or(wall, |streak| streak.since);
                self.keep_endpoint(Failing { endpoint, since, disabled: None });
            }
            Change::Disable => self.disable(endpoint, done, wall),
        }
    }

    fn disable(&mut self, endpoint: Endpoint, done: &Done, wall: SystemTime) {
        let since = self.endpoints.failing.remove(&endpoint).map_or(wall, |streak| streak.since);
        let days = wall.duration_since(since).unwrap_or_default().as_secs_f64() / (24.0 * 60.0 * 60.0);
        let Err(error) = &done.result else { return };
        let why: Arc<str> = match Word::of(&done.result) {
            Word::Gone => error.to_string().into(),
            _ => format!("nothing but errors for {days:.1} days, the last: {error}").into(),
        };
        let disabled = Disabled { at: wall, why: why.clone() };
        if self.endpoints.disabled.insert(endpoint.clone(), disabled.clone()).is_some() {
            return;
        }
        tracing::warn!(platform = %endpoint.platform, recipient = endpoint.recipient.as_deref(), %why, "an endpoint is sent to no more");
        self.keep_endpoint(Failing { endpoint: endpoint.clone(), since, disabled: Some(disabled) });
        let Endpoint { platform, recipient } = endpoint;
        self.events.publish(|| (None, EventKind::EndpointDisabled { platform, recipient, why }));
    }

    /// What becomes of a task whose endpoint is sent to no more, if it is.
    pub(super) fn ending_with_endpoint(&self, held: &Held) -> Option<Disposition> {
        if self.endpoints.disabled.is_empty() {
            return None;
        }
        let task = &held.lease.task;
        let endpoint = Endpoint { platform: task.lane.platform.clone(), recipient: task.recipient.clone() };
        self.endpoints.disabled.contains_key(&endpoint).then(|| disabled(task))
    }

    /// Sends to an endpoint again. The store has forgotten it already.
    pub(super) fn enable(&mut self, endpoint: Endpoint) {
        self.endpoints.failing.remove(&endpoint);
        if self.endpoints.disabled.remove(&endpoint).is_some() {
            let Endpoint { platform, recipient } = endpoint;
            self.events.publish(|| (None, EventKind::EndpointEnabled { platform, recipient }));
        }
    }

    /// Takes in what other processes have made of endpoints.
    pub(super) fn refresh_endpoints(&mut self, kept: Vec<Failing>) {
        self.endpoints.refresh(kept);
    }

    fn keep_endpoint(&mut self, failing: Failing) {
        let store = self.settler.desk().store;
        self.settling.push(Box::pin(async move {
            if let Err(error) = store.keep_endpoint(&failing).await {
                tracing::error!(%error, platform = %failing.endpoint.platform, "cannot write down that an endpoint fails");
            }
            Vec::new()
        }));
    }

    fn forget_endpoint(&mut self, endpoint: Endpoint) {
        let store = self.settler.desk().store;
        self.settling.push(Box::pin(async move {
            if let Err(error) = store.forget_endpoint(&endpoint).await {
                tracing::error!(%error, platform = %endpoint.platform, "cannot write down that an endpoint works again");
            }
            Vec::new()
        }));
    }
}
