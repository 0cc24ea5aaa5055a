//! Tasks with several ways: how they are marked, leave a lane that is shut, and go to their next step.

use std::sync::LazyLock;

use tokio_postgres::{Client, Row, types::Type};
use uuid::Uuid;

use super::{
    core::Core,
    failure::Failure,
    finals::{attempts, claims},
    rows::{TASK_COLUMNS, lane_text, place, uuid},
};
use crate::{
    store::{Credits, Settlement, Submission, codec, history},
    task::Task,
};

/// Tasks that leave their lanes in one call at most.
const LEAVING_MAX: i64 = 1024;

/// Claims what waits on lanes that are shut and has another way. Its rows are those of a claim.
static LEAVE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "WITH me AS MATERIALIZED (SELECT id FROM notifyhub.node WHERE id = $1 FOR KEY SHARE), \
         leaving AS MATERIALIZED (\
           SELECT q.ctid AS tid FROM notifyhub.task q WHERE q.another AND q.state = 2 AND q.lane = ANY($2) LIMIT $3 \
           FOR UPDATE SKIP LOCKED), \
         t AS (\
           UPDATE notifyhub.task SET state = 3, node = $1, token = nextval('notifyhub.token'), wake = NULL \
           WHERE EXISTS (SELECT FROM me) AND ctid = ANY(ARRAY(SELECT tid FROM leaving)) RETURNING *) \
         SELECT {TASK_COLUMNS}, t.token, t.chain, t.rank, t.crashes FROM t JOIN notifyhub.notification n ON n.id = t.notification"
    )
});

static GO_ON: LazyLock<String> = LazyLock::new(|| {
    format!(
        "UPDATE notifyhub.task t SET state = 2, lane = s.lane, recipient = s.recipient, due = 0, wake = s.ends, expires = s.ends, \
           another = s.another, counted = 0, tries = t.tries + s.tried, attempts = {}, crashes = 0, node = NULL, started = false \
         FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::bool[], $8::int[], $9::text[]) \
           AS s(notification, place, token, lane, recipient, ends, another, tried, attempt) \
         WHERE t.notification = s.notification AND t.place = s.place AND t.state = 3 AND t.token = s.token AND NOT t.cancelled \
         RETURNING t.token",
        attempts()
    )
});

/// Marks those tasks of a submission that have another way; it was just stored, in this very transaction.
pub async fn mark(client: &Client, submission: &Submission) -> Result<(), Failure> {
    let places: Vec<i32> = submission.tasks.iter().filter(|task| task.until.is_some()).map(|task| place(task)).collect();
    if !places.is_empty() {
        let sql = "UPDATE notifyhub.task SET another = true WHERE notification = $1 AND place = ANY($2)";
        client.execute_typed(sql, &[(&uuid(submission.head.id), Type::UUID), (&places, Type::INT4_ARRAY)]).await?;
    }
    Ok(())
}

/// Claims what waits on lanes that are shut and has another way.
pub async fn leave(core: &Core, client: &Client, credits: &Credits) -> Result<Vec<Row>, Failure> {
    if credits.shut.is_empty() {
        return Ok(Vec::new());
    }
    let lanes: Vec<String> = credits.shut.iter().map(lane_text).collect();
    let parameters = [(&core.node() as _, Type::INT4), (&lanes as _, Type::TEXT_ARRAY), (&LEAVING_MAX as _, Type::INT8)];
    Ok(client.query_typed(&LEAVE, &parameters).await?)
}

/// Lets claimed tasks wait for their next step. Returns the claims of which that is so now.
pub async fn go_on(core: &Core, client: &Client, settlements: &[&Settlement]) -> Result<Vec<i64>, Failure> {
    let wall = core.clock.wall();
    let next: Vec<(&Settlement, Task)> =
        settlements.iter().filter_map(|one| Some((*one, one.task.at_next_step(wall)?))).collect();
    let (notifications, places, tokens): (Vec<Uuid>, _, _) = claims(next.iter().map(|(one, task)| (one.token, task)));
    let column = |of: fn(&(&Settlement, Task)) -> i32| next.iter().map(of).collect::<Vec<_>>();
    let lanes: Vec<String> = next.iter().map(|(_, task)| lane_text(&task.lane)).collect();
    let recipients: Vec<Option<&str>> = next.iter().map(|(_, task)| task.recipient.as_deref()).collect();
    let ends: Vec<Option<i64>> = next.iter().map(|(_, task)| task.ends_at().map(codec::nanos)).collect();
    let another: Vec<bool> = next.iter().map(|(_, task)| task.until.is_some()).collect();
    let tried = column(|(one, _)| i32::from(one.attempt.is_some()));
    let lines: Vec<String> = next.iter().map(|(one, _)| history::added(one, wall)).collect();
    let parameters = [
        (&notifications as _, Type::UUID_ARRAY),
        (&places as _, Type::INT4_ARRAY),
        (&tokens as _, Type::INT8_ARRAY),
        (&lanes as _, Type::TEXT_ARRAY),
        (&recipients as _, Type::TEXT_ARRAY),
        (&ends as _, Type::INT8_ARRAY),
        (&another as _, Type::BOOL_ARRAY),
        (&tried as _, Type::INT4_ARRAY),
        (&lines as _, Type::TEXT_ARRAY),
    ];
    client.query_typed(&GO_ON, &parameters).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
