//! Lists, read on a connection of their own, so that a long one holds nobody up.

use std::{collections::HashSet, path::Path};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use super::{
    failure::Failure,
    lanes::Lanes,
    recover::read_lanes,
    rows::{OUTCOME_COLUMNS, id_bytes, outcome},
};
use crate::{
    store::{
        Cursor, ListedTask, Page, TaskFilter,
        codec::{moment, nanos, shared},
    },
    task::{CorrelationId, TaskId, TaskState},
};

/// Columns of the notification behind those of the task.
const HEAD_COLUMNS: &str = "notification.accepted, notification.correlation, task.due";

/// What a list needs.
pub struct List<'a> {
    pub filter: &'a TaskFilter,
    pub after: Option<i64>,
    pub max: usize,
    /// The tasks that are claimed at this moment.
    pub claimed: &'a HashSet<i64>,
}

/// Reads a page from the file.
pub fn page(path: &Path, list: &List<'_>) -> Result<Page, Failure> {
    let db = read_only(path)?;
    let found = find(&db, &read_lanes(&db)?, list)?;
    let next = found.last().filter(|_| found.len() == list.max).map(|(seq, _)| Cursor(seq.to_string().into()));
    Ok(Page { tasks: found.into_iter().map(|(_, task)| task).collect(), next })
}

/// How many tasks that are not claimed go before this one, up to `max`, if it waits on its lane.
pub fn waiting_before(path: &Path, task: TaskId, max: usize, claimed: &HashSet<i64>) -> Result<Option<usize>, Failure> {
    let db = read_only(path)?;
    let Some(seq) = numbers(&db, &[task])?.pop().filter(|seq| !claimed.contains(seq)) else { return Ok(None) };
    let place = "SELECT lane, rank FROM task WHERE seq = ?1 AND state = 2";
    let place = db.query_row(place, [seq], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let Some((lane, rank)): Option<(i64, i64)> = place else { return Ok(None) };
    let before = "SELECT seq FROM task WHERE state = 2 AND lane = ?1 AND (rank, seq) < (?2, ?3) ORDER BY rank, seq";
    let mut before = db.prepare(before)?;
    let mut rows = before.query([lane, rank, seq])?;
    let mut count = 0;
    while count < max
        && let Some(row) = rows.next()?
    {
        count += usize::from(!claimed.contains(&row.get(0)?));
    }
    Ok(Some(count))
}

fn read_only(path: &Path) -> Result<Connection, Failure> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.execute_batch("PRAGMA busy_timeout = 5000")?;
    Ok(db)
}

/// The tasks that are meant, with their numbers, newest first.
pub fn find(db: &Connection, lanes: &Lanes, list: &List<'_>) -> Result<Vec<(i64, ListedTask)>, Failure> {
    let condition = condition(db, list, lanes)?;
    let columns: Vec<_> = OUTCOME_COLUMNS.split(", ").map(|column| format!("task.{column}")).collect();
    let sql = format!(
        "SELECT {}, {HEAD_COLUMNS} FROM task JOIN notification ON notification.id = task.notification \
         WHERE {condition} ORDER BY task.seq DESC",
        columns.join(", ")
    );
    let mut select = db.prepare(&sql)?;
    let mut rows = select.query([])?;
    let mut found = Vec::new();
    while found.len() < list.max
        && let Some(row) = rows.next()?
    {
        let task = listed(row, lanes, list.claimed)?;
        if list.filter.means(&task) {
            found.push((row.get(0)?, task));
        }
    }
    Ok(found)
}

/// What the database can tell of the filter, from its indices where there are any; the rest is told row by row.
fn condition(db: &Connection, list: &List<'_>, lanes: &Lanes) -> Result<String, Failure> {
    let filter = list.filter;
    let mut conditions = vec!["1".to_owned()];
    if let Some(after) = list.after {
        conditions.push(format!("task.seq < {after}"));
    }
    if filter.states == [TaskState::Dead] {
        conditions.push("task.state = 11".to_owned());
    } else if !filter.states.is_empty() && filter.states.iter().all(|state| !state.is_final()) {
        conditions.push("task.state < 10".to_owned());
    }
    if !filter.ids.is_empty() {
        conditions.push(format!("task.seq IN ({})", joined(numbers(db, &filter.ids)?)));
    }
    if let Some(platform) = &filter.platform {
        conditions.push(format!("task.lane IN ({})", joined(lanes.of_platform(platform))));
    }
    for (moment, sign) in [(filter.since, ">="), (filter.until, "<")] {
        if let Some(moment) = moment {
            conditions.push(format!("notification.accepted {sign} {}", nanos(moment)));
        }
    }
    Ok(conditions.join(" AND "))
}

fn joined(numbers: impl IntoIterator<Item = i64>) -> String {
    numbers.into_iter().map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
}

/// The numbers of the tasks with these ids, of those that are known.
fn numbers(db: &Connection, ids: &[TaskId]) -> Result<Vec<i64>, Failure> {
    let mut select = db.prepare("SELECT first, tasks FROM notification WHERE id = ?1")?;
    let mut numbers = Vec::new();
    for id in ids {
        let place = |row: &Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        let found = select.query_row([id_bytes(id.notification())], place).optional()?;
        if let (Some((first, tasks)), Some(index)) = (found, id.index())
            && i64::from(index) < tasks
        {
            numbers.push(first + i64::from(index));
        }
    }
    Ok(numbers)
}

fn listed(row: &Row<'_>, lanes: &Lanes, claimed: &HashSet<i64>) -> Result<ListedTask, Failure> {
    let outcome = outcome(row, lanes, |seq| claimed.contains(&seq))?;
    let notification = outcome.task.notification();
    let due: i64 = row.get(12)?;
    Ok(ListedTask {
        correlation_id: shared(row.get(11)?).map_or(CorrelationId::Own(notification), CorrelationId::Given),
        accepted_at: moment(row.get(10)?),
        due: (outcome.state == TaskState::Waiting && due > 0).then(|| moment(due)),
        outcome,
    })
}
