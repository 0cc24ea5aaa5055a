//! Everything a hub can be told before it starts.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use notifyhub_platforms::{Platform, Registry, contract::Transport};
use rand::{TryRngCore, rngs::OsRng};
use tokio::runtime::Handle;

use super::{
    Hub, StartError, bounds,
    parts::PartsSource,
    start::{Planes, Services, start, start_queue},
    urls::{UrlPlatforms, UrlTargets},
};
use crate::{
    clock::{Clock, SystemClock},
    config::{Accounts, Config, DeliveryConfig, OnUnauthorized, PoolConfig, RateWindow, StoreConfig, StoreKind},
    routing::SharedDirectory,
    store::Store,
};

/// Builds a [`Hub`]. Everything is checked at [`start`](HubBuilder::start).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use notifyhub::{Hub, Notification, platforms::testkit::FakePlatform};
///
/// let ops = FakePlatform::new();
/// let hub = Hub::builder().platform("ops", ops.clone()).start().await?;
/// let outcome = hub.deliver(Notification::text("hello").to("ops")).await?;
/// assert!(outcome.all_delivered());
/// assert_eq!(ops.sent().len(), 1);
/// # Ok(()) }
/// ```
pub struct HubBuilder {
    pub(super) config: Config,
    pub(super) accounts: Accounts,
    registry: Option<Registry>,
    pub(super) ready: Vec<(String, Arc<dyn Platform>, Option<DeliveryConfig>)>,
    pub(super) groups: Vec<(String, Vec<String>)>,
    pub(super) routes: Vec<(String, Vec<String>, Duration)>,
    pub(super) account_limits: Vec<(String, Vec<RateWindow>)>,
    store: Option<Arc<dyn Store>>,
    clock: Option<Arc<dyn Clock>>,
    transport: Option<Arc<dyn Transport>>,
    url_targets: UrlTargets,
    runtime: Option<Handle>,
    delivery_runtime: Option<Handle>,
    queue_only: bool,
    without_threads: bool,
    seed: Option<u64>,
}

impl Default for HubBuilder {
    fn default() -> Self {
        let store = StoreConfig { kind: StoreKind::Memory, ..StoreConfig::default() };
        Self {
            config: Config { store, ..Config::default() },
            accounts: Accounts::default(),
            registry: None,
            ready: Vec::new(),
            groups: Vec::new(),
            routes: Vec::new(),
            account_limits: Vec::new(),
            store: None,
            clock: None,
            transport: None,
            url_targets: UrlTargets::default(),
            runtime: None,
            delivery_runtime: None,
            queue_only: false,
            without_threads: false,
            seed: None,
        }
    }
}

impl HubBuilder {
    /// Starts from a whole configuration, its store included. Default: every default, no platform, and a store in memory.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Platforms of the configuration that are already made, as [`load_and_build`](crate::config::load_and_build) returns
    /// them. Default: `start` makes them.
    #[must_use]
    pub fn accounts(mut self, accounts: Accounts) -> Self {
        self.accounts = accounts;
        self
    }

    /// Which adapters `type = "…"` and URLs can mean. Default: all that ship.
    #[must_use]
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = Some(registry);
        self
    }

    /// Adds a platform that is already made, delivered to by the default settings.
    #[must_use]
    pub fn platform(mut self, name: impl Into<String>, platform: impl Platform) -> Self {
        self.ready.push((name.into(), Arc::new(platform), None));
        self
    }

    /// Adds a platform that is already made, with its own delivery settings.
    #[must_use]
    pub fn platform_with(mut self, name: impl Into<String>, platform: Arc<dyn Platform>, delivery: DeliveryConfig) -> Self {
        self.ready.push((name.into(), platform, Some(delivery)));
        self
    }

    /// Adds a route: a notification to `@name` goes to the first of its targets; to the next when that failed for good, when
    /// its circuit breaker is open, or when it has not delivered within `step_timeout`. The first delivery ends it.
    #[must_use]
    pub fn route<T: Into<String>>(
        mut self,
        name: impl Into<String>,
        chain: impl IntoIterator<Item = T>,
        step_timeout: Duration,
    ) -> Self {
        self.routes.push((name.into(), chain.into_iter().map(Into::into).collect(), step_timeout));
        self
    }

    /// Adds an account: platforms whose [`DeliveryConfig::account`] names it keep this rate limit together.
    #[must_use]
    pub fn account(mut self, name: impl Into<String>, rate_limit: impl IntoIterator<Item = RateWindow>) -> Self {
        self.account_limits.push((name.into(), rate_limit.into_iter().collect()));
        self
    }

    /// Adds a group of targets.
    #[must_use]
    pub fn group<T: Into<String>>(mut self, name: impl Into<String>, targets: impl IntoIterator<Item = T>) -> Self {
        self.groups.push((name.into(), targets.into_iter().map(Into::into).collect()));
        self
    }

    /// How platforms are delivered to that do not say otherwise. Default: see [`DeliveryConfig`].
    #[must_use]
    pub fn delivery(mut self, delivery: DeliveryConfig) -> Self {
        self.config.delivery = delivery;
        self
    }

    /// What becomes of tasks whose platform refuses us, whatever the configuration says of it.
    #[must_use]
    pub(crate) fn on_unauthorized(mut self, what: OnUnauthorized) -> Self {
        let platforms = self.config.platforms.values_mut().map(|platform| &mut platform.delivery);
        platforms.chain([&mut self.config.delivery]).for_each(|delivery| delivery.on_unauthorized = what);
        self
    }

    /// The worker pool. Default: see [`PoolConfig`].
    #[must_use]
    pub fn pool(mut self, pool: PoolConfig) -> Self {
        self.config.pool = pool;
        self
    }

    /// Where accepted work is kept. Default: as the configuration says; without one, in memory.
    #[must_use]
    pub fn store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// The clocks. Default: the system's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// What carries the HTTP of configured platforms and URLs. Default: a pooled client.
    #[must_use]
    pub fn transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// Whether targets may be URLs. Default: yes, to public addresses only.
    #[must_use]
    pub fn url_targets(mut self, url_targets: UrlTargets) -> Self {
        self.url_targets = url_targets;
        self
    }

    /// The runtime the hub runs on. Default: the one `start` is called in.
    #[must_use]
    pub fn runtime(mut self, runtime: Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// A runtime of its own for what delivers: dispatcher, workers and adapters. An adapter that blocks its thread cannot
    /// stop anything else then; the price is a hop between threads per notification. It must
    /// outlive the hub. Default: all of the hub lives on one runtime.
    #[must_use]
    pub fn delivery_runtime(mut self, runtime: Handle) -> Self {
        self.delivery_runtime = Some(runtime);
        self
    }

    /// The hub accepts and delivers nothing: another process does, from the same store. Outcomes say how things stand at
    /// the moment they are asked for. Default: it delivers.
    #[must_use]
    pub fn queue_only(mut self) -> Self {
        self.queue_only = true;
        self
    }

    /// No thread of the hub's own: nobody notices when all delivery threads are blocked. Default: it has one.
    #[cfg(any(test, feature = "testing"))]
    #[doc(hidden)]
    #[must_use]
    pub fn without_threads(mut self) -> Self {
        self.without_threads = true;
        self
    }

    /// The seed of all randomness (jitter, ids). Default: from the operating system.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Checks everything and starts the hub.
    ///
    /// # Errors
    ///
    /// [`StartError`] names what cannot be used and the way out.
    pub async fn start(self) -> Result<Hub, StartError> {
        let own = self.ready.iter().filter_map(|(name, _, delivery)| Some((name.as_str(), delivery.as_ref()?)));
        bounds::check(&self.config, own, &self.account_limits)?;
        let runtime = self.runtime.clone().or_else(|| Handle::try_current().ok()).ok_or(StartError::NoRuntime)?;
        let clock = self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock));
        let registry = self.registry.clone().unwrap_or_else(Registry::builtin);
        let parts = Arc::new(PartsSource::new(self.transport.clone(), clock.clone(), &self.config));
        let directory = SharedDirectory::new(self.directory(&registry, &parts)?);
        let seed = self.seed.unwrap_or_else(|| OsRng.try_next_u64().unwrap_or_default());
        let store = match self.store.clone() {
            Some(store) => store,
            None => super::store::open(&self.config, &runtime, clock.clone()).await?,
        };
        let urls = Arc::new(UrlPlatforms {
            shared: store.shared().is_some(),
            allowed: self.url_targets,
            registry,
            parts,
            delivery: self.config.delivery.clone(),
            numbers: Mutex::default(),
        });
        urls.restore(&directory, store.urls());
        urls.make_known(&directory, &self.collected(&directory.load()))
            .map_err(|mistakes| StartError::Invalid(super::HubError::Targets(mistakes).to_string()))?;
        let planes = Planes { delivery: self.delivery_runtime.unwrap_or_else(|| runtime.clone()), control: runtime };
        let endpoints =
            store.endpoints().await.map_err(|error| StartError::Invalid(format!("cannot read the store: {error}")))?;
        let services = Services { directory, urls, store, endpoints, clock, without_threads: self.without_threads };
        Ok(if self.queue_only { start_queue(planes, services, seed) } else { start(self.config.pool, planes, services, seed)? })
    }
}
