//! The words of the engine, as pure data: notifications, targets, tasks, their states and what became of them.
//!
//! | file | what it holds |
//! |---|---|
//! | `id` | [`NotificationId`], [`TaskId`], and the [`IdSource`] that mints them |
//! | `name` | [`PlatformName`]: what stands in `[platforms.NAME]` |
//! | `target` | [`Target`]: `platform`, `platform:recipient`, `@group` or a URL |

mod id;
mod name;
mod target;

pub use id::{IdSource, NotificationId, TaskId};
pub use name::{NameError, PlatformName};
pub use target::{Target, TargetError};
