//! notifyhub delivers notifications to any platform, reliably and fast.

pub mod clock;
pub mod config;
mod shutdown;
pub mod task;

pub use task::{NotificationId, PlatformName, Target, TaskId};
