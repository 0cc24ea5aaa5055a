//! Lists: pages of tasks, newest first.

use std::sync::LazyLock;

use tokio_postgres::{Client, Row, types::Type};
use uuid::Uuid;

use super::{
    failure::Failure,
    rows::{OUTCOME_COLUMNS, codes, outcome, uuid},
};
use crate::{
    store::{
        Cursor, ListedTask, Page, StoreError, TaskFilter,
        codec::{moment, nanos, shared},
    },
    task::{CorrelationId, TaskId, TaskState},
};

static PAGE: LazyLock<String> = LazyLock::new(|| {
    let columns = |of: &str| OUTCOME_COLUMNS.split(", ").map(|column| format!("{of}.{column}")).collect::<Vec<_>>().join(", ");
    let condition = |dead: &str| {
        format!(
            "WHERE (NOT $1 OR (t.notification, t.place) < ($2, $3)) AND (NOT $4 OR t.state = ANY($5)) \
             AND (NOT $6 OR (t.notification, t.place) IN (SELECT * FROM unnest($7::uuid[], $8::int[]))) \
             AND ($9::text IS NULL OR split_part(t.lane, E'\\n', 1) = $9) AND ($10::text IS NULL OR {dead} = $10) \
             AND ($11::bigint IS NULL OR n.accepted >= $11) AND ($12::bigint IS NULL OR n.accepted < $12) \
             ORDER BY t.notification DESC, t.place DESC LIMIT $13"
        )
    };
    let from = |table: &str, dead: &str, due: &str| {
        format!(
            "(SELECT {}, n.accepted, n.correlation, {due} AS due FROM notifyhub.{table} t \
             JOIN notifyhub.notification n ON n.id = t.notification {})",
            columns("t").replace("t.dead", &format!("{dead} AS dead")),
            condition(dead)
        )
    };
    format!(
        "SELECT * FROM ({} UNION ALL {}) x ORDER BY notification DESC, place DESC LIMIT $13",
        from("ended", "t.dead", "0::bigint"),
        from("task", "NULL::text", "t.due")
    )
});

/// A page of at most `max` tasks that are meant, from `after` on.
pub async fn page(client: &Client, filter: &TaskFilter, after: Option<&Cursor>, max: usize) -> Result<Page, Failure> {
    let after = after.map(place_of).transpose()?;
    let found = find(client, filter, after, max).await?;
    let next = found.last().filter(|_| found.len() == max).map(|(id, place, _)| Cursor(format!("{id}/{place}").into()));
    Ok(Page { tasks: found.into_iter().map(|(_, _, task)| task).collect(), next })
}

const BEFORE: &str = "\
SELECT (SELECT count(*) FROM (\
  SELECT FROM notifyhub.task q WHERE q.state = 2 AND q.lane = t.lane \
  AND (q.rank, q.notification, q.place) < (t.rank, t.notification, t.place) LIMIT $3) x) \
FROM notifyhub.task t WHERE t.notification = $1 AND t.place = $2 AND t.state = 2";

/// How many tasks that nobody has claimed go before this one, up to `max`, if it waits on its lane.
pub async fn waiting_before(client: &Client, task: TaskId, max: usize) -> Result<Option<usize>, Failure> {
    let place = task.index().and_then(|index| i32::try_from(index).ok()).unwrap_or(-1);
    let (id, max) = (uuid(task.notification()), i64::try_from(max).unwrap_or(i64::MAX));
    let parameters = [(&id as _, Type::UUID), (&place as _, Type::INT4), (&max as _, Type::INT8)];
    let rows = client.query_typed(BEFORE, &parameters).await?;
    let count: Option<i64> = rows.first().map(|row| row.try_get(0)).transpose()?;
    Ok(count.and_then(|count| usize::try_from(count).ok()))
}

fn place_of(cursor: &Cursor) -> Result<(Uuid, i32), StoreError> {
    let read = |text: &str| {
        let (id, place) = text.split_once('/')?;
        Some((id.parse().ok()?, place.parse().ok()?))
    };
    read(&cursor.0).ok_or(StoreError::Cursor)
}

/// The tasks that are meant, with their notification and place.
pub async fn find(
    client: &Client,
    filter: &TaskFilter,
    after: Option<(Uuid, i32)>,
    max: usize,
) -> Result<Vec<(Uuid, i32, ListedTask)>, Failure> {
    let (goes_on, (id, place)) = (after.is_some(), after.unwrap_or_default());
    let states: Vec<i16> = filter.states.iter().flat_map(|state| codes(*state)).copied().collect();
    let (some_states, some_ids) = (!filter.states.is_empty(), !filter.ids.is_empty());
    let ids: Vec<Uuid> = filter.ids.iter().map(|id| uuid(id.notification())).collect();
    let places: Vec<i32> =
        filter.ids.iter().map(|id| id.index().and_then(|index| i32::try_from(index).ok()).unwrap_or(-1)).collect();
    let platform = filter.platform.as_ref().map(|name| name.as_str());
    let (since, until) = (filter.since.map(nanos), filter.until.map(nanos));
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let parameters = [
        (&goes_on as _, Type::BOOL),
        (&id as _, Type::UUID),
        (&place as _, Type::INT4),
        (&some_states as _, Type::BOOL),
        (&states as _, Type::INT2_ARRAY),
        (&some_ids as _, Type::BOOL),
        (&ids as _, Type::UUID_ARRAY),
        (&places as _, Type::INT4_ARRAY),
        (&platform as _, Type::TEXT),
        (&filter.reason as _, Type::TEXT),
        (&since as _, Type::INT8),
        (&until as _, Type::INT8),
        (&max as _, Type::INT8),
    ];
    client.query_typed(&PAGE, &parameters).await?.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?, listed(row)?))).collect()
}

fn listed(row: &Row) -> Result<ListedTask, Failure> {
    let outcome = outcome(row)?;
    let notification = outcome.task.notification();
    let due: i64 = row.try_get(9)?;
    Ok(ListedTask {
        correlation_id: shared(row.try_get(8)?).map_or(CorrelationId::Own(notification), CorrelationId::Given),
        accepted_at: moment(row.try_get(7)?),
        due: (outcome.state == TaskState::Waiting && due > 0).then(|| moment(due)),
        outcome,
    })
}
