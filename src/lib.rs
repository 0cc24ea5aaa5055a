//! notifyhub delivers notifications to any platform, reliably and fast.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use notifyhub::{Hub, Notification};
//!
//! let hub = Hub::from_config("notifyhub.toml").await?;
//! let outcome = hub.deliver(Notification::text("disk full on db-3").to("ops:#alerts")).await?;
//! assert!(outcome.all_delivered());
//! # Ok(()) }
//! ```
//!
//! # Layout
//!
//! From the ground up; a module uses only those above it in this list. `ARCHITECTURE.md` says why.
//!
//! - [`clock`]: the system's clocks. Time is an argument everywhere else.
//! - `shutdown`: scopes; nothing is spawned that nobody waits for.
//! - [`task`]: the words as pure data: [`Notification`], [`Target`], task, state, attempt, [`Outcome`].
//! - [`config`]: one TOML file, read and checked; [`event`]: what can happen.
//! - `telemetry`: events and numbers for whoever looks.
//! - `policy`: retry, backoff, rate limit, as pure decisions; `routing`: targets to platforms, recipients and lanes;
//!   [`store`]: where accepted work is kept.
//! - `pool`: workers, their supervisor, the balancer, the law of its size.
//! - `dispatch`: one task that owns every lane and every lease.
//! - `hub`: the front door, [`Hub`].
//! - `server` (feature `server`): what is answered over HTTP.
//! - `testing` (feature `testing`): what your own tests need.
//! - `cli` (feature `cli`): the command.
//!
//! The way of a notification: [`Hub::send`] → `routing` → [`store`] → `dispatch` → `pool` → an adapter of
//! [`platforms`] → the wire, and back as an [`Outcome`].
//!
//! # Cargo features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `email` | yes | the `email` platform (lettre) |
//! | `postgres` | yes | the PostgreSQL store, for many nodes |
//! | `sqlite` | yes | the SQLite store: one file on disk |
//! | `cli` | yes | the command, with its terminal code and allocator; brings `server` |
//! | `server` | yes | the HTTP side of the command |
//! | `testing` | no | the module `testing` and the platforms' testkit |

#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
pub mod config;
mod dispatch;
pub mod event;
mod failpoint;
mod hub;
mod policy;
mod pool;
mod routing;
#[cfg(feature = "server")]
mod server;
mod shutdown;
pub mod store;
pub mod task;
mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use config::Config;
pub use event::{BreakerState, HealthState, PoolHealth};
pub use hub::{
    Accepted, AcceptedTask, Batch, Cancellation, DeadLetters, Endpoints, Hub, HubBuilder, HubError, Lanes, OutcomeError,
    Progress, ShutdownForced, StartError, Stats, UrlTargets, Workers,
};
pub use notifyhub_platforms::{
    self as platforms, Registry,
    contract::{Format, Message, Priority},
};
pub use pool::PoolError;
pub use routing::TargetMistake;
pub use store::{Counts, Durability};
pub use task::{Notification, NotificationId, Outcome, PlatformName, Target, TaskId, TaskState, WorkerKey};
pub use telemetry::{EventStream, LaneStats, Missed, Parked, ParkedBy, PlatformStats, Scaling, WorkerState, WorkerStats};

/// The README's Rust examples are compiled and run with the other doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
