//! notifyhub delivers notifications to any platform, reliably and fast.

#[cfg(feature = "cli")]
pub mod cli;
pub mod clock;
pub mod config;
mod dispatch;
pub mod event;
mod hub;
mod policy;
mod pool;
mod routing;
mod shutdown;
pub mod store;
pub mod task;
mod telemetry;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use config::Config;
pub use hub::{
    Accepted, AcceptedTask, Batch, Cancellation, Hub, HubBuilder, HubError, OutcomeError, Progress, ShutdownForced, StartError,
    Stats, UrlTargets,
};
pub use notifyhub_platforms::{
    self as platforms, Registry,
    contract::{Format, Message, Priority},
};
pub use routing::TargetMistake;
pub use store::{Counts, Durability};
pub use task::{Notification, NotificationId, Outcome, PlatformName, Target, TaskId, TaskState};
pub use telemetry::{EventStream, Missed, PlatformStats, WorkerStats};
