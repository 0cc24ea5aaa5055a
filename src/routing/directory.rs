//! The platforms, groups and routes there are.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::Arc,
};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use notifyhub_platforms::{
    Platform,
    contract::{Capabilities, Secret},
};

use super::blocking::{Blocking, THREADS_MAX};
use crate::{
    config::{DeliveryConfig, RateWindow, RouteConfig},
    task::{PlatformName, Target},
};

/// One platform, ready to be sent through.
pub struct PlatformEntry {
    /// Its name.
    pub name: PlatformName,
    /// Its adapter's kind.
    pub kind: Box<str>,
    /// The platform itself.
    pub platform: Arc<dyn Platform>,
    /// What it can carry.
    pub capabilities: Capabilities,
    /// How its tasks are delivered.
    pub delivery: DeliveryConfig,
    /// Its default recipient.
    pub recipient: Option<Arc<str>>,
    /// The URL it came as, if it came as one, and whether that may lead into private networks.
    pub url: Option<(Arc<Secret>, bool)>,
}

impl PlatformEntry {
    /// A platform of a kind, delivered through as `delivery` says; one that blocks has threads of its own, and no more under way
    /// than those.
    pub fn new(name: PlatformName, kind: &str, platform: Arc<dyn Platform>, mut delivery: DeliveryConfig) -> Self {
        let capabilities = platform.capabilities();
        let platform = if capabilities.blocking {
            delivery.max_in_flight = delivery.max_in_flight.min(THREADS_MAX);
            Arc::new(Blocking::new(platform, name.as_str(), delivery.max_in_flight))
        } else {
            platform
        };
        Self { name, kind: kind.into(), platform, capabilities, delivery, recipient: None, url: None }
    }
}

impl fmt::Debug for PlatformEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlatformEntry").field("name", &self.name).field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A snapshot of all platforms, groups and routes.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// By name.
    pub platforms: HashMap<PlatformName, Arc<PlatformEntry>, RandomState>,
    /// By name.
    pub groups: BTreeMap<Box<str>, Vec<Target>>,
    /// Limits that platforms share, by the account's name.
    pub accounts: BTreeMap<Box<str>, Vec<RateWindow>>,
    /// By name; none has the name of a group.
    pub routes: BTreeMap<Box<str>, RouteConfig>,
    /// Platforms that came as URLs, by URL.
    pub urls: HashMap<Box<str>, (PlatformName, Option<Arc<str>>)>,
}

impl Directory {
    /// The platforms that share this account.
    pub fn of_account(&self, account: &str) -> impl Iterator<Item = (&PlatformName, &PlatformEntry)> {
        let shares = move |entry: &PlatformEntry| !account.is_empty() && *entry.delivery.account == *account;
        self.platforms.iter().map(|(name, entry)| (name, &**entry)).filter(move |(_, entry)| shares(entry))
    }
}

/// The current directory: read often, replaced whole.
#[derive(Debug, Clone, Default)]
pub struct SharedDirectory(Arc<ArcSwap<Directory>>);

impl SharedDirectory {
    /// Starts with this directory.
    pub fn new(directory: Directory) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(directory)))
    }

    /// The directory as it is now.
    pub fn load(&self) -> arc_swap::Guard<Arc<Directory>> {
        self.0.load()
    }

    /// Changes it; `change` may run more than once.
    pub fn update(&self, mut change: impl FnMut(&mut Directory)) {
        self.0.rcu(|current| {
            let mut next = Directory::clone(current);
            change(&mut next);
            next
        });
    }
}
