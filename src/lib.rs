//! notifyhub delivers notifications to any platform, reliably and fast.

pub mod config;
pub mod task;

pub use task::{NotificationId, PlatformName, Target, TaskId};
