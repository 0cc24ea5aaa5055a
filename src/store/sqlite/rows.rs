//! How rows are read: states, tasks and their heads.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

use rusqlite::Row;

use super::{failure::Failure, lanes::Lanes};
use crate::{
    store::{
        codec::{self, MessageRow, moment},
        history::{self, History},
    },
    task::{Head, NotificationId, TargetOutcome, Task, TaskState},
};

/// States as they are stored; from 10 on they are final. None is 0 or 1: these take no byte of their own, and a row should
/// not change its size.
pub mod state {
    /// Is due and waits for a claim; the claim itself is not written into the row.
    pub const WAITING: i64 = 2;
    /// Was handed over as soon as it was stored.
    pub const HANDED: i64 = 3;
    /// Waits, and runs alone: processes died while they had it.
    pub const QUARANTINED: i64 = 4;
    /// Waits for its time.
    pub const SCHEDULED: i64 = 5;
    /// Waits for the task before it of the same order key.
    pub const HELD: i64 = 6;
    /// The platform accepted it.
    pub const DELIVERED: i64 = 10;
    /// It failed for good.
    pub const DEAD: i64 = 11;
    /// It was cancelled.
    pub const CANCELLED: i64 = 12;
    /// Its time passed.
    pub const EXPIRED: i64 = 13;
}

/// The code of a final state.
pub fn final_code(of: TaskState) -> i64 {
    match of {
        TaskState::Delivered => state::DELIVERED,
        TaskState::Dead => state::DEAD,
        TaskState::Cancelled => state::CANCELLED,
        TaskState::Expired => state::EXPIRED,
        TaskState::Waiting | TaskState::Leased => unreachable!("{of} is not final"),
    }
}

/// The state behind a code; whether a waiting task is claimed is not in its row.
pub fn task_state(code: i64, claimed: bool) -> Result<TaskState, Failure> {
    Ok(match code {
        state::WAITING | state::HANDED | state::QUARANTINED if claimed => TaskState::Leased,
        state::WAITING | state::HANDED | state::QUARANTINED | state::SCHEDULED | state::HELD => TaskState::Waiting,
        state::DELIVERED => TaskState::Delivered,
        state::DEAD => TaskState::Dead,
        state::CANCELLED => TaskState::Cancelled,
        state::EXPIRED => TaskState::Expired,
        other => return Err(Failure::damaged(format!("no state has number {other}"))),
    })
}

/// An id as it is stored.
pub fn id_bytes(id: NotificationId) -> [u8; 16] {
    id.bits().to_be_bytes()
}

pub fn id_from(bytes: [u8; 16]) -> NotificationId {
    NotificationId::from_bits(u128::from_be_bytes(bytes))
}

/// The check sum over what is said, and to whom it belongs.
pub fn checksum(id: NotificationId, style: i64, texts: [Option<&str>; 4]) -> i64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&id_bytes(id));
    hasher.update(&style.to_le_bytes());
    for text in texts {
        hasher.update(&[u8::from(text.is_some())]);
        hasher.update(text.unwrap_or_default().as_bytes());
    }
    i64::from(hasher.finalize())
}

/// A row of a task with its notification, as [`TASK_COLUMNS`] lists them.
pub struct TaskRow {
    pub seq: i64,
    pub notification: NotificationId,
    pub place: u32,
    pub lane: i64,
    pub recipient: Option<String>,
    pub state: i64,
    pub counted: u32,
    pub tries: u32,
}

/// The columns of [`TaskRow`].
pub const TASK_COLUMNS: &str = "seq, notification, place, lane, recipient, state, counted, tries";

impl TaskRow {
    pub fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            notification: id_from(row.get(1)?),
            place: row.get(2)?,
            lane: row.get(3)?,
            recipient: row.get(4)?,
            state: row.get(5)?,
            counted: row.get(6)?,
            tries: row.get(7)?,
        })
    }

    /// The task.
    pub fn task(self, head: &Arc<Head>, lanes: &Lanes, until: Option<SystemTime>) -> Result<Arc<Task>, Failure> {
        let lane = lanes.key(self.lane).ok_or_else(|| Failure::damaged(format!("task {} lies on no lane", self.seq)))?;
        Ok(Arc::new(Task {
            id: self.notification.task(self.place),
            index: self.place,
            head: head.clone(),
            lane: lane.clone(),
            recipient: codec::shared(self.recipient),
            until,
        }))
    }
}

/// A notification's head, and where its tasks are.
#[derive(Clone)]
pub struct HeadRow {
    pub head: Arc<Head>,
    pub first: i64,
    pub tasks: i64,
}

/// The columns of [`HeadRow`].
pub const HEAD_COLUMNS: &str =
    "id, first, tasks, accepted, not_before, expires, correlation, style, kind, title, body, extras, checksum";

impl HeadRow {
    pub fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let id = id_from(row.get(0)?);
        let said =
            MessageRow { style: row.get(7)?, kind: row.get(8)?, title: row.get(9)?, body: row.get(10)?, extras: row.get(11)? };
        let texts = [said.kind.as_deref(), said.title.as_deref(), Some(&*said.body), said.extras.as_deref()];
        if checksum(id, said.style, texts) != row.get::<_, i64>(12)? {
            return Err(Failure::damaged(format!("the check sum of notification {id} is wrong")));
        }
        let (message, failovers) = said.read()?;
        let head = Head {
            id,
            correlation: codec::shared(row.get(6)?),
            accepted_at: moment(row.get(3)?),
            not_before: row.get::<_, Option<i64>>(4)?.map(moment),
            expires_at: row.get::<_, Option<i64>>(5)?.map(moment),
            message: Arc::new(message),
            failovers,
        };
        Ok(Self { head: Arc::new(head), first: row.get(1)?, tasks: row.get(2)? })
    }
}

/// Heads that were read in one call: a notification for many is read once.
pub type Heads = HashMap<NotificationId, HeadRow>;

/// What became of a task, as [`OUTCOME_COLUMNS`] lists it; `claimed` says whether a task number is claimed.
pub fn outcome(row: &Row<'_>, lanes: &Lanes, claimed: impl Fn(i64) -> bool) -> Result<TargetOutcome, Failure> {
    let task = TaskRow::read(row)?;
    let lane = lanes.key(task.lane).ok_or_else(|| Failure::damaged(format!("task {} lies on no lane", task.seq)))?;
    let History { attempts, left } = history::read(&row.get::<_, String>(9)?)?;
    Ok(TargetOutcome {
        task: task.notification.task(task.place),
        platform: lane.platform.clone(),
        recipient: codec::shared(task.recipient),
        state: task_state(task.state, claimed(task.seq))?,
        dead: row.get::<_, Option<String>>(8)?.map(|word| codec::read_reason(&word)).transpose()?,
        attempts,
        left,
    })
}

/// The columns of [`outcome`].
pub const OUTCOME_COLUMNS: &str = "seq, notification, place, lane, recipient, state, counted, tries, dead, attempts";
