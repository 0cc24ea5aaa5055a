//! How rows are written and read: states, lanes, tasks and their heads.

use std::{collections::HashMap, sync::Arc};

use tokio_postgres::{Row, types::Type};
use uuid::Uuid;

use super::failure::Failure;
use crate::{
    store::{
        codec::{self, Damaged, MessageRow, moment},
        history::{self, History},
    },
    task::{Head, LaneKey, NotificationId, PlatformName, TargetOutcome, Task, TaskState},
};

/// States as they are stored; from 10 on they are final. They are those of the SQLite store, where a claim is not in the row.
pub mod state {
    /// Is due and waits for a claim.
    pub const WAITING: i16 = 2;
    /// Is claimed.
    pub const LEASED: i16 = 3;
    /// Waits, and runs alone: nodes were lost while they had it.
    pub const QUARANTINED: i16 = 4;
    /// Waits for its time.
    pub const SCHEDULED: i16 = 5;
    /// Waits for the task before it of the same order key.
    pub const HELD: i16 = 6;
    /// The platform accepted it.
    pub const DELIVERED: i16 = 10;
    /// It failed for good.
    pub const DEAD: i16 = 11;
    /// It was cancelled.
    pub const CANCELLED: i16 = 12;
    /// Its time passed.
    pub const EXPIRED: i16 = 13;
}

/// The code of a final state.
pub fn final_code(of: TaskState) -> i16 {
    match of {
        TaskState::Delivered => state::DELIVERED,
        TaskState::Dead => state::DEAD,
        TaskState::Cancelled => state::CANCELLED,
        TaskState::Expired => state::EXPIRED,
        TaskState::Waiting | TaskState::Leased => unreachable!("{of} is not final"),
    }
}

/// The codes of a state.
pub fn codes(of: TaskState) -> &'static [i16] {
    match of {
        TaskState::Waiting => &[state::WAITING, state::QUARANTINED, state::SCHEDULED, state::HELD],
        TaskState::Leased => &[state::LEASED],
        TaskState::Delivered => &[state::DELIVERED],
        TaskState::Dead => &[state::DEAD],
        TaskState::Cancelled => &[state::CANCELLED],
        TaskState::Expired => &[state::EXPIRED],
    }
}

/// The state behind a code.
pub fn task_state(code: i16) -> Result<TaskState, Failure> {
    let all =
        [TaskState::Waiting, TaskState::Leased, TaskState::Delivered, TaskState::Dead, TaskState::Cancelled, TaskState::Expired];
    let found = all.into_iter().find(|state| codes(*state).contains(&code));
    found.ok_or_else(|| Damaged(format!("no state has number {code}")).into())
}

pub fn uuid(id: NotificationId) -> Uuid {
    Uuid::from_u128(id.bits())
}

pub fn id_from(uuid: Uuid) -> NotificationId {
    NotificationId::from_bits(uuid.as_u128())
}

/// A task's place as it is stored.
pub fn place(task: &Task) -> i32 {
    i32::try_from(task.index).unwrap_or(i32::MAX)
}

/// A lane as it is stored: its platform, and behind a line break its part. Neither has one.
pub fn lane_text(lane: &LaneKey) -> String {
    match &lane.part {
        Some(part) => format!("{}\n{part}", lane.platform),
        None => lane.platform.as_str().to_owned(),
    }
}

/// The lane behind its text.
pub fn lane_from(text: &str) -> LaneKey {
    let (platform, part) = match text.split_once('\n') {
        Some((platform, part)) => (platform, Some(Arc::from(part))),
        None => (text, None),
    };
    LaneKey { platform: PlatformName::internal(platform), part }
}

/// The columns of a task with its notification, for [`TaskRow`]; `t` and `n` are their tables.
pub const TASK_COLUMNS: &str = "t.notification, t.place, t.lane, t.recipient, t.counted, t.tries, n.accepted, n.not_before, \
                                n.expires, n.correlation, n.style, n.kind, n.title, n.body, n.extras, t.expires";

/// Their types.
pub const TASK_TYPES: [Type; 16] = [
    Type::UUID,
    Type::INT4,
    Type::TEXT,
    Type::TEXT,
    Type::INT4,
    Type::INT4,
    Type::INT8,
    Type::INT8,
    Type::INT8,
    Type::TEXT,
    Type::INT2,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::TEXT,
    Type::INT8,
];

/// Heads that were read in one call: a notification for many is made once.
pub type Heads = HashMap<Uuid, Arc<Head>>;

/// A task with its notification. `row` begins with [`TASK_COLUMNS`].
pub fn task(row: &Row, heads: &mut Heads) -> Result<Arc<Task>, Failure> {
    let notification: Uuid = row.try_get(0)?;
    let head = match heads.get(&notification) {
        Some(known) => known.clone(),
        None => {
            let read = Arc::new(head(row, notification)?);
            heads.entry(notification).or_insert(read).clone()
        }
    };
    let index = u32::try_from(row.try_get::<_, i32>(1)?).map_err(|error| Damaged(error.to_string()))?;
    let id = head.id.task(index);
    let (lane, recipient) = (lane_from(row.try_get(2)?), codec::shared(row.try_get(3)?));
    let mut task = Task { id, index, head, lane, recipient, until: None };
    if task.next_step().is_some() {
        task.until = row.try_get::<_, Option<i64>>(15)?.map(moment);
    }
    Ok(Arc::new(task))
}

fn head(row: &Row, notification: Uuid) -> Result<Head, Failure> {
    let said = MessageRow {
        style: i64::from(row.try_get::<_, i16>(10)?),
        kind: row.try_get(11)?,
        title: row.try_get(12)?,
        body: row.try_get(13)?,
        extras: row.try_get(14)?,
    };
    let (message, failovers) = said.read()?;
    Ok(Head {
        id: id_from(notification),
        correlation: codec::shared(row.try_get(9)?),
        accepted_at: moment(row.try_get(6)?),
        not_before: row.try_get::<_, Option<i64>>(7)?.map(moment),
        expires_at: row.try_get::<_, Option<i64>>(8)?.map(moment),
        message: Arc::new(message),
        failovers,
    })
}

/// The columns of [`outcome`], of whatever table has them all.
pub const OUTCOME_COLUMNS: &str = "notification, place, lane, recipient, state, dead, attempts";

/// What became of a task. `row` begins with [`OUTCOME_COLUMNS`].
pub fn outcome(row: &Row) -> Result<TargetOutcome, Failure> {
    let index = u32::try_from(row.try_get::<_, i32>(1)?).map_err(|error| Damaged(error.to_string()))?;
    let dead: Option<&str> = row.try_get(5)?;
    let History { attempts, left } = history::read(row.try_get(6)?)?;
    Ok(TargetOutcome {
        task: id_from(row.try_get(0)?).task(index),
        platform: lane_from(row.try_get(2)?).platform,
        recipient: codec::shared(row.try_get(3)?),
        state: task_state(row.try_get(4)?)?,
        dead: dead.map(codec::read_reason).transpose()?,
        attempts,
        left,
    })
}

/// What ends tasks: `gone` deletes them, and returns them with `state` and `dead`; the statement writes down that they
/// have ended and counts them. Its own parameters are `$1` now, `$2` the node and `$3` the part that counts. Its rows are
/// for [`Gone::read`]: of the tasks that are to be `told` of; of notifications with several tasks, how many of these are left
/// open; and how many tasks have ended.
pub fn ending(gone: &str, told: &str) -> String {
    format!(
        "WITH {gone}, done AS (\
           INSERT INTO notifyhub.ended (notification, place, lane, recipient, state, rank, dead, ended, token, tries, attempts) \
           SELECT notification, place, lane, recipient, state, rank, dead, $1, token, tries, attempts FROM gone), \
         fan AS (\
           UPDATE notifyhub.fanout f SET open = f.open - g.tasks \
           FROM (SELECT notification, count(*)::int AS tasks FROM gone GROUP BY notification) g \
           WHERE f.notification = g.notification RETURNING f.notification, f.open), \
         tallied AS (\
           UPDATE notifyhub.tally t SET delivered = t.delivered + c.delivered, dead = t.dead + c.dead, \
             cancelled = t.cancelled + c.cancelled, expired = t.expired + c.expired \
           FROM (SELECT count(*) FILTER (WHERE state = 10) AS delivered, count(*) FILTER (WHERE state = 11) AS dead, \
                   count(*) FILTER (WHERE state = 12) AS cancelled, count(*) FILTER (WHERE state = 13) AS expired FROM gone) c \
           WHERE t.node = $2 AND t.part = $3) \
         SELECT notification, place, state, chain, tries, NULL::int FROM gone WHERE {told} \
         UNION ALL SELECT notification, NULL, NULL, NULL, NULL, open FROM fan \
         UNION ALL SELECT NULL, NULL, NULL, NULL, NULL, count(*)::int FROM gone"
    )
}

/// What adds the counts of those rows up under node 0 that `which` means, the rows of nodes that are gone.
pub fn fold_tally(which: &str) -> String {
    format!(
        "WITH gone AS (DELETE FROM notifyhub.tally WHERE {which} RETURNING *) \
         INSERT INTO notifyhub.tally (node, part, accepted, delivered, dead, cancelled, expired, stale) \
         SELECT 0, 0, sum(accepted), sum(delivered), sum(dead), sum(cancelled), sum(expired), sum(stale) FROM gone \
         HAVING count(*) > 0"
    )
}

/// What [`ending`] returns of a task.
pub struct Gone {
    pub notification: Uuid,
    pub place: i32,
    pub state: TaskState,
    pub chain: Option<i64>,
    /// How many tasks of the notification are not final, if it has several.
    pub open: Option<i32>,
    /// All attempts.
    pub tries: i32,
}

impl Gone {
    /// Whether all tasks of the notification are final by that.
    pub fn is_last(&self) -> bool {
        self.open.is_none_or(|open| open == 0)
    }

    /// Reads what [`ending`] returned. Where it does not tell of all that has ended, all of `usual` has, and what it does not
    /// tell of is as it is there.
    pub fn read(rows: &[Row], usual: impl IntoIterator<Item = Self>) -> Result<Vec<Self>, Failure> {
        let (mut told, mut left, mut count) = (HashMap::with_capacity(rows.len()), HashMap::new(), 0);
        for row in rows {
            match (row.try_get::<_, Option<Uuid>>(0)?, row.try_get::<_, Option<i32>>(5)?) {
                (Some(notification), Some(open)) => drop(left.insert(notification, open)),
                (None, ended) => count = ended.unwrap_or_default(),
                (Some(notification), None) => {
                    let (place, state) = (row.try_get(1)?, task_state(row.try_get(2)?)?);
                    let one = Self { notification, place, state, chain: row.try_get(3)?, open: None, tries: row.try_get(4)? };
                    told.insert((notification, place), one);
                }
            }
        }
        let mut gone: Vec<Self> = if usize::try_from(count).is_ok_and(|count| count > told.len()) {
            usual.into_iter().map(|one| told.remove(&(one.notification, one.place)).unwrap_or(one)).collect()
        } else {
            told.into_values().collect()
        };
        if !left.is_empty() {
            gone.iter_mut().for_each(|one| one.open = left.get(&one.notification).copied());
        }
        Ok(gone)
    }
}

/// The types of the first three parameters of [`ending`].
pub const ENDING_TYPES: [Type; 3] = [Type::INT8, Type::INT4, Type::INT2];

/// Who counts: accepting, settling, and everything else.
pub mod part {
    pub const ACCEPT: i16 = 0;
    pub const SETTLE: i16 = 1;
    pub const OTHER: i16 = 2;
}
