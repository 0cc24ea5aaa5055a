//! What goes into a store and comes out of it: submissions, claims, settlements, counts.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use notifyhub_platforms::contract::Secret;

use super::Spends;
use crate::task::{Attempt, Disposition, Head, LaneKey, NotificationId, Outcome, PlatformName, Task, TaskId};

/// A notification to be stored, with all its tasks: both or neither. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Submission {
    /// What its tasks share.
    pub head: Arc<Head>,
    /// One per target, in the caller's order.
    pub tasks: Arc<[Arc<Task>]>,
    /// The caller's key and the hash of what he sent with it.
    pub idempotency: Option<(Arc<str>, u64)>,
    /// What else it asks of the store.
    pub keys: Keys,
    /// The URLs behind those of its platforms that are none of the configuration's; no others can be made again after a
    /// restart.
    pub urls: Vec<UrlPlatform>,
}

/// What a submission asks of the store besides being kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// Tasks of one platform and key are claimed one after the other.
    pub order: Option<Arc<str>>,
    /// What waits of the last one with this key is cancelled.
    pub replace: Option<Arc<str>>,
    /// Targets for which the same content, by its hash, was accepted within this time are cancelled.
    pub dedupe: Option<(u64, Duration)>,
    /// Places of those of its tasks that go before everything accepted earlier on their lanes.
    pub newest_first: Vec<u32>,
}

impl Keys {
    /// Whether a task goes before everything accepted earlier on its lane.
    pub fn goes_first(&self, task: &Task) -> bool {
        self.newest_first.contains(&task.index)
    }
}

/// A platform that came as a URL.
#[derive(Debug, Clone)]
pub struct UrlPlatform {
    /// The name it was given.
    pub name: PlatformName,
    /// The URL.
    pub url: Arc<Secret>,
    /// Whether it may lead into private networks: whoever named it may do anything here.
    pub trusted: bool,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq)]
pub enum Enqueued {
    /// It is stored.
    Stored,
    /// It is stored, and these were cancelled by that: what it replaces, and its own tasks that repeat others.
    StoredInstead(Arc<[Cancelled]>),
    /// The same key came with the same content before: this is the notification that was stored then.
    Known(NotificationId),
    /// The same key came with other content before. Nothing was stored.
    Conflict(NotificationId),
}

/// Proof of one claim of one task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseToken(pub u64);

/// A claimed task.
#[derive(Debug, Clone)]
pub struct Lease {
    /// To be shown by every write.
    pub token: LeaseToken,
    /// What is to be done.
    pub task: Arc<Task>,
    /// Attempts so far that counted.
    pub counted: u32,
    /// All attempts so far.
    pub tries: u32,
}

/// How much the dispatcher wants of each lane.
#[derive(Debug, Clone, Default)]
pub struct Credits {
    /// Most tasks in all.
    pub total: usize,
    /// Lanes with a credit of their own; 0 claims nothing.
    pub lanes: Vec<(LaneKey, usize)>,
    /// The credit of every lane not named.
    pub others: usize,
    /// Lanes on which nothing is sent, since their platform fails: what waits there and has another way is claimed without
    /// any credit, to go that way.
    pub shut: Vec<LaneKey>,
}

impl Credits {
    /// The credit of one lane.
    pub fn of(&self, lane: &LaneKey) -> usize {
        self.lanes.iter().find(|(named, _)| named == lane).map_or(self.others, |(_, credit)| *credit)
    }
}

/// What was claimed.
#[derive(Debug, Default)]
pub struct Claimed {
    /// The claimed tasks, oldest first within a lane.
    pub leases: Vec<Lease>,
    /// Lanes on which due tasks were left for want of credit.
    pub left: Vec<LaneKey>,
    /// When the next waiting task becomes due or expires, if one does.
    pub next_due: Option<SystemTime>,
    /// Platforms of these tasks that another process was given as URLs, and this one does not know yet.
    pub urls: Vec<UrlPlatform>,
}

/// What became of a claimed task.
#[derive(Debug)]
pub struct Settlement {
    /// The claim.
    pub token: LeaseToken,
    /// The task.
    pub task: Arc<Task>,
    /// The attempt, if one was made.
    pub attempt: Option<Attempt>,
    /// What becomes of it.
    pub disposition: Disposition,
    /// The claim as it is afterwards, if the process would keep it: of a task that it will try again soon.
    pub keeps: Option<Lease>,
    /// What the attempt used up of long limits of its lane, if it has any.
    pub spends: Option<Spends>,
}

/// What a settlement did.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It was written; other tasks of the notification are not final yet, or this one is not.
    Applied,
    /// It was written, and the task is still claimed by the same token, as the settlement asked.
    Kept,
    /// It was written, and with it all tasks of the notification are final: this is what became of them.
    Finished(Arc<Outcome>),
    /// The token was stale: nothing was changed.
    Stale,
}

/// How many tasks are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// All that were ever accepted. Equals the sum of the others.
    pub accepted: u64,
    /// Waiting.
    pub waiting: u64,
    /// Claimed.
    pub leased: u64,
    /// Delivered.
    pub delivered: u64,
    /// Dead.
    pub dead: u64,
    /// Cancelled.
    pub cancelled: u64,
    /// Expired.
    pub expired: u64,
    /// Settlements refused for a stale token; not part of the sum.
    pub stale: u64,
}

/// What became of released tasks that were cancelled while they were claimed; the others wait again.
#[derive(Debug, Clone, Default)]
pub struct Released {
    /// Tasks that are cancelled now.
    pub cancelled: Vec<Arc<Task>>,
    /// What became of the notifications all of whose tasks are final by that.
    pub finished: Vec<Arc<Outcome>>,
}

/// What a cancellation reached.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Cancelled {
    /// Tasks that are cancelled now.
    pub cancelled: Vec<Arc<Task>>,
    /// Tasks being sent: they will not be tried again, but may be delivered.
    pub under_way: Vec<TaskId>,
    /// What became of the notification, if all its tasks are final by that.
    pub finished: Option<Arc<Outcome>>,
}
