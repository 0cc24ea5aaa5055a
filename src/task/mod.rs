//! The words of the engine, as pure data: notifications, targets, tasks, their states and what became of them.
//!
//! | file | what it holds |
//! |---|---|
//! | `notification` | [`Notification`]: what a caller asks for |
//! | `draft` | [`Draft`]: the same as it is written in JSON |
//! | `target`, `name` | [`Target`]: `platform`, `platform:recipient`, `@group` or a URL; [`PlatformName`] |
//! | `task` | [`Task`], one notification for one target, and the [`Head`] it shares with its siblings |
//! | `state` | [`TaskState`] and the one table of legal moves |
//! | `failover` | [`Failover`]: the steps of a route, where a task has several ways |
//! | `attempt` | [`Attempt`], [`Disposition`] and [`Outcome`]: what came of it |
//! | `lane` | [`LaneKey`]: the road a task travels on |
//! | `worker` | [`WorkerKey`]: the name of a worker |
//! | `id`, `correlation` | ids, and the [`IdSource`] that mints them |

mod attempt;
mod correlation;
mod draft;
mod failover;
mod id;
mod lane;
mod name;
mod notification;
mod state;
mod target;
#[expect(clippy::module_inception, reason = "the module is about tasks, the file about the task itself")]
mod task;
mod worker;

pub use attempt::{Attempt, DeadReason, Disposition, Outcome, TargetOutcome};
pub use correlation::CorrelationId;
pub use draft::{AttachmentDraft, Draft, DraftError};
pub use failover::{Failover, Failovers, Step, StepLeft, StepReason, target_text};
pub use id::{IdSource, NotificationId, TaskId};
pub use lane::LaneKey;
pub use name::{NameError, PlatformName};
pub use notification::Notification;
pub use state::TaskState;
pub use target::{Target, TargetError};
pub use task::{Head, Task};
pub use worker::WorkerKey;
