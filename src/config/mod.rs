//! The configuration, one file per section, as the engine reads it: checked, complete, with every default filled in.
//!
//! | file | section |
//! |---|---|
//! | `pool` | `[pool]`: workers |
//! | `store` | `[store]`: where accepted work is kept |
//! | `delivery` | `[delivery]` and what a platform may override: timeouts, retries, limits |
//! | `platform` | `[platforms.NAME]` |
//! | `telemetry` | `[telemetry]`: logs |
//! | `server` | `[server]`: what `serve` answers over HTTP |
//!
//! How it is read, from [`Sources`] to [`Loaded`]:
//!
//! | file | what it does |
//! |---|---|
//! | `load` | the whole way: [`load`], [`load_and_build`] |
//! | `source`, `file`, `env` | where it comes from: each source becomes a `tree` of values with their places |
//! | `schema`, `shape` | what may stand where: one JSON Schema, derived from the structs and the adapters' own |
//! | `check`, `value` | whether each source fits: every unknown key, wrong type, word and bound |
//! | `duration`, `rate`, `permille` | values that are written otherwise than they are kept |
//! | `layering` | defaults < files < environment < flags, by figment |
//! | `shared_limits` | `[accounts.NAME]`: limits that several platforms share |
//! | `routes` | `[routes.NAME]`: targets tried one after the other |
//! | `accounts`, `groups`, `references`, `whole_pool` | what only the whole can tell: missing keys, what adapters refuse, references |
//! | `mistake`, `suggest`, `reserved` | what is reported: place, excerpt, "did you mean", keys of later versions |
//! | `catalogue` | every key in words, and a file to start from |
//! | `loaded` | what comes out: each value with its origin, secrets left out |

use std::{collections::BTreeMap, time::Duration};

pub use accounts::Accounts;
pub use catalogue::{Key, platform_keys, template, toml};
pub use delivery::{Backoff, BreakerConfig, DeliveryConfig, OnAmbiguous, OnUnauthorized, Order, RateWindow};
pub use load::{load, load_and_build};
pub use loaded::{Entry, Loaded};
pub use mistake::{ConfigErrors, Mistake};
pub use platform::PlatformConfig;
pub use pool::{Affinity, AffinityConfig, PoolConfig, Strategy};
pub use routes::RouteConfig;
pub use schema::schema;
pub use server::ServerConfig;
pub use shared_limits::AccountConfig;
pub use source::{Flag, Origin, Sources};
pub use store::{KeptThrough, SecretSource, StoreConfig, StoreKind};
pub use telemetry::{LogFormat, TelemetryConfig};

use crate::task::{PlatformName, Target};

mod accounts;
mod catalogue;
mod check;
mod delivery;
pub mod duration;
mod env;
mod file;
mod groups;
mod layering;
mod load;
mod loaded;
mod mistake;
mod permille;
mod platform;
mod pool;
mod rate;
mod references;
mod reserved;
mod routes;
mod schema;
mod server;
mod shape;
mod shared_limits;
mod shared_store;
mod source;
mod store;
mod suggest;
mod telemetry;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod whole_pool;

/// Everything a hub is configured with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// `[pool]`
    pub pool: PoolConfig,
    /// `[store]`
    pub store: StoreConfig,
    /// `[delivery]`: what platforms start from.
    pub delivery: DeliveryConfig,
    /// `[platforms.NAME]`, each with its own delivery settings resolved.
    pub platforms: BTreeMap<PlatformName, PlatformConfig>,
    /// `[groups]`
    pub groups: BTreeMap<Box<str>, Vec<Target>>,
    /// `[routes.NAME]`
    pub routes: BTreeMap<Box<str>, RouteConfig>,
    /// `[accounts.NAME]`
    pub accounts: BTreeMap<Box<str>, AccountConfig>,
    /// `[telemetry]`
    pub telemetry: TelemetryConfig,
    /// `[server]`
    pub server: ServerConfig,
}

impl Config {
    /// How far the longest of all rate limits looks back; zero if there are none.
    pub fn limits_look_back(&self) -> Duration {
        let deliveries = self.platforms.values().map(|platform| &platform.delivery).chain([&self.delivery]);
        let delivered = deliveries.flat_map(|delivery| delivery.rate_limit.iter().chain(&delivery.recipient_rate_limit));
        let shared = self.accounts.values().flat_map(|account| &account.rate_limit);
        delivered.chain(shared).map(|window| window.per).max().unwrap_or_default()
    }
}
