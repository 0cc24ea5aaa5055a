//! `[pool]`: the workers.

use std::{collections::BTreeSet, num::NonZero, thread, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{duration, permille};
use crate::task::PlatformName;

/// How a batch finds its worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[non_exhaustive]
pub enum Strategy {
    /// One worker after the other.
    RoundRobin,
    /// The worker with the fewest sends under way.
    #[default]
    LeastConnections,
    /// Workers in proportion to their weights, interleaved evenly.
    Weighted,
    /// Specialised workers first; then each lane keeps to its worker as long as that is not overloaded.
    Affinity,
    /// Of two workers at random the one that is expected to be done first, by latency and sends under way.
    Performance,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 5] = [Self::RoundRobin, Self::LeastConnections, Self::Weighted, Self::Affinity, Self::Performance];

    /// Its word in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RoundRobin => "round-robin",
            Self::LeastConnections => "least-connections",
            Self::Weighted => "weighted",
            Self::Affinity => "affinity",
            Self::Performance => "performance",
        }
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a worker is specialised in. An empty list means "any"; both empty is no specialisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Affinity {
    /// Platforms, by name. Default: any.
    #[schemars(with = "Vec<String>")]
    pub platforms: BTreeSet<PlatformName>,
    /// Message kinds. Default: any.
    pub kinds: BTreeSet<Box<str>>,
}

impl Affinity {
    /// Whether it specialises in nothing.
    pub fn is_empty(&self) -> bool {
        self.platforms.is_empty() && self.kinds.is_empty()
    }

    /// Whether a batch for `platform`, of messages of `kind`, is what it specialises in.
    pub fn takes(&self, platform: &PlatformName, kind: Option<&str>) -> bool {
        (self.platforms.is_empty() || self.platforms.contains(platform))
            && (self.kinds.is_empty() || kind.is_some_and(|kind| self.kinds.contains(kind)))
    }
}

/// How many workers are specialised in what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AffinityConfig {
    /// How many, 1 to 1024; the first slots are theirs, in the order of the tables.
    #[schemars(range(min = 1, max = 1024))]
    pub workers: usize,
    /// Platforms they specialise in, by name. Default: any.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub platforms: BTreeSet<PlatformName>,
    /// Message kinds they specialise in. Default: any.
    #[serde(default)]
    pub kinds: BTreeSet<Box<str>>,
}

/// The worker pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PoolConfig {
    /// Fewest workers, 1 to 1024; the pool starts with so many. Default: 2.
    #[schemars(range(min = 1, max = 1024))]
    pub min_workers: usize,
    /// Most workers the pool grows to by itself, at most 1024; 0 is two per CPU. Default: 0.
    #[schemars(range(min = 0, max = 1024))]
    pub max_workers: usize,
    /// Sends one worker has under way at most, 1 to 65536. Default: 32.
    #[schemars(range(min = 1, max = 65536))]
    pub slots: usize,
    /// How a batch finds its worker. Default: least connections.
    pub strategy: Strategy,
    /// How busy the workers should be, in thousandths. Default: 700 (`target_load = 0.7`). From 50 to 1000.
    #[serde(rename = "target_load", with = "permille")]
    #[schemars(with = "f64", range(min = 0.05, max = 1.0))]
    #[schemars(description = "How busy the workers should be, as a part of all slots, 0.05 to 1. Default: 0.7.")]
    pub target_load_permille: u32,
    /// The pool shrinks when the workers are less busy than this, in thousandths. Default: 350 (`scale_down_load = 0.35`).
    /// Less than `target_load`.
    #[serde(rename = "scale_down_load", with = "permille")]
    #[schemars(with = "f64", range(min = 0.0, max = 1.0))]
    #[schemars(description = "The pool shrinks when the workers are less busy than this; less than target_load. Default: 0.35.")]
    pub scale_down_load_permille: u32,
    /// How long the workers must be too busy before the pool grows. Default: 5 s.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-min" = "0s", "x-max" = "1h"))]
    pub scale_up_delay: Duration,
    /// How long the workers must be too idle before the pool shrinks, and how long after any change. Default: 30 s.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-min" = "0s", "x-max" = "1h"))]
    pub scale_down_delay: Duration,
    /// A task that may be sent should not wait longer for a worker; the pool grows at once when it does. Default: 1 s.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-max" = "1h"))]
    pub wait_goal: Duration,
    /// A worker that shows no sign of life for this long is replaced, and is called unresponsive after half of it. Workers
    /// are asked ten times in it. Default: 10 s.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-min" = "100ms", "x-max" = "1h"))]
    pub health_check_interval: Duration,
    /// Workers above the minimum that were idle this long are stopped. Default: 60 s.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-max" = "1d"))]
    pub max_idle_time: Duration,
    /// Most tasks of one batch, 1 to 10000. Default: 10.
    #[schemars(range(min = 1, max = 10000))]
    pub batch_size: usize,
    /// How long a batch may wait to fill, at most 1 min. Default: not at all.
    #[serde(with = "duration")]
    #[schemars(schema_with = "duration::schema", extend("x-min" = "0s", "x-max" = "1m"))]
    pub linger: Duration,
    /// Delivery threads of the binary, at most 1024; 0 is one per CPU. Default: 0.
    #[schemars(range(min = 0, max = 1024))]
    pub threads: usize,
    /// The CPUs the delivery threads of the binary are pinned to, one after the other. Default: none, they go anywhere.
    #[schemars(inner(range(min = 0, max = 4095)))]
    pub pin_cores: Vec<usize>,
    /// Specialised workers; others take over when these are full. Used by the strategy `affinity`. Default: none.
    pub affinity: Vec<AffinityConfig>,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            min_workers: 2,
            max_workers: 0,
            slots: 32,
            strategy: Strategy::default(),
            target_load_permille: 700,
            scale_down_load_permille: 350,
            scale_up_delay: Duration::from_secs(5),
            scale_down_delay: Duration::from_secs(30),
            wait_goal: Duration::from_secs(1),
            health_check_interval: Duration::from_secs(10),
            max_idle_time: Duration::from_secs(60),
            batch_size: 10,
            linger: Duration::ZERO,
            threads: 0,
            pin_cores: Vec::new(),
            affinity: Vec::new(),
        }
    }
}

impl PoolConfig {
    /// Most workers the pool grows to by itself: what is set, or two per CPU, and never fewer than the minimum.
    pub fn workers_max(&self) -> usize {
        let two_per_cpu = || 2 * thread::available_parallelism().map_or(1, NonZero::get);
        let max = if self.max_workers == 0 { two_per_cpu() } else { self.max_workers };
        max.max(self.min_workers)
    }

    /// What the worker in `slot` is specialised in, if anything.
    pub fn affinity_of(&self, slot: usize) -> Option<Affinity> {
        let mut first = 0;
        let table = self.affinity.iter().find(|table| {
            first += table.workers;
            slot < first
        })?;
        Some(Affinity { platforms: table.platforms.clone(), kinds: table.kinds.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_slots_belong_to_the_specialists_in_the_order_of_the_tables() {
        let name = |name: &str| name.parse::<PlatformName>().expect("a name");
        let table =
            |workers, platform: &str| AffinityConfig { workers, platforms: [name(platform)].into(), kinds: BTreeSet::new() };
        let pool = PoolConfig { affinity: vec![table(1, "mail"), table(2, "ops")], ..PoolConfig::default() };
        let first = |slot| pool.affinity_of(slot).and_then(|affinity| affinity.platforms.first().map(ToString::to_string));
        assert_eq!([0, 1, 2, 3].map(first), [Some("mail".into()), Some("ops".into()), Some("ops".into()), None]);
    }

    #[test]
    fn an_affinity_takes_what_it_names_and_an_empty_list_takes_all() {
        let name = |name: &str| name.parse::<PlatformName>().expect("a name");
        let both = Affinity { platforms: [name("mail")].into(), kinds: ["receipt".into()].into() };
        assert!(both.takes(&name("mail"), Some("receipt")));
        assert!(!both.takes(&name("ops"), Some("receipt")) && !both.takes(&name("mail"), None));
        let kinds = Affinity { kinds: ["receipt".into()].into(), ..Affinity::default() };
        assert!(kinds.takes(&name("ops"), Some("receipt")) && !kinds.takes(&name("ops"), Some("alert")));
        assert!(Affinity::default().takes(&name("ops"), None) && Affinity::default().is_empty());
    }

    #[test]
    fn the_pool_grows_to_two_workers_per_cpu_unless_told_and_never_below_its_minimum() {
        let max = |min_workers, max_workers| PoolConfig { min_workers, max_workers, ..PoolConfig::default() }.workers_max();
        assert!(max(1, 0) >= 2 && max(1000, 0) == 1000);
        assert_eq!((max(2, 7), max(9, 7)), (7, 9));
    }
}
