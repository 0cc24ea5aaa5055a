//! The configuration, one file per section, as the engine reads it: checked, complete, with every default filled in.
//!
//! | file | section |
//! |---|---|
//! | `pool` | `[pool]`: workers |
//! | `store` | `[store]`: where accepted work is kept |
//! | `delivery` | `[delivery]` and what a platform may override: timeouts, retries, limits |
//! | `platform` | `[platforms.NAME]` |
//! | `telemetry` | `[telemetry]`: logs |

use std::collections::BTreeMap;

pub use delivery::{Backoff, DeliveryConfig, OnAmbiguous, RateWindow};
pub use platform::PlatformConfig;
pub use pool::{PoolConfig, Strategy};
pub use store::{StoreConfig, StoreKind};
pub use telemetry::{LogFormat, TelemetryConfig};

use crate::task::{PlatformName, Target};

mod delivery;
mod platform;
mod pool;
mod store;
mod telemetry;

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
    /// `[telemetry]`
    pub telemetry: TelemetryConfig,
}
