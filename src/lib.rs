//! notifyhub delivers notifications to any platform, reliably and fast.

pub mod clock;
pub mod config;
pub mod event;
mod policy;
mod pool;
mod shutdown;
mod store;
pub mod task;
mod telemetry;

pub use notifyhub_platforms::{
    self as platforms, Registry,
    contract::{Format, Message, Priority},
};
pub use task::{Notification, NotificationId, Outcome, PlatformName, Target, TaskId, TaskState};
