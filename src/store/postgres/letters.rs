//! Dead letters: they wait again, or are forgotten, because a person says so.

use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{core::Core, failure::Failure, list::find};
use crate::{store::TaskFilter, task::TaskState};

/// Lets dead tasks wait again, behind all others, with all their attempts before them; in a transaction.
pub async fn requeue(core: &Core, client: &Client, filter: &TaskFilter, max: usize) -> Result<Vec<String>, Failure> {
    let (notifications, places) = dead(client, filter, max).await?;
    let rank = core.book().ranks.next(core.clock.wall(), Default::default()).of(false);
    let sql = "WITH dead AS (\
                 DELETE FROM notifyhub.ended e USING unnest($1::uuid[], $2::int[]) AS w(notification, place) \
                 WHERE e.notification = w.notification AND e.place = w.place AND e.state = 11 RETURNING e.*), \
               open AS (\
                 INSERT INTO notifyhub.task (notification, place, lane, recipient, state, rank, due, wake, expires, tries, attempts) \
                 SELECT d.notification, d.place, d.lane, d.recipient, 2, $3, 0, n.expires, n.expires, d.tries, d.attempts \
                 FROM dead d JOIN notifyhub.notification n ON n.id = d.notification), \
               fan AS (\
                 UPDATE notifyhub.fanout f SET open = f.open + d.tasks \
                 FROM (SELECT notification, count(*)::int AS tasks FROM dead GROUP BY notification) d WHERE f.notification = d.notification), \
               counted AS (\
                 UPDATE notifyhub.tally SET dead = dead - (SELECT count(*) FROM dead) WHERE node = $4 AND part = 2) \
               SELECT lane FROM dead";
    let parameters = [
        (&notifications as _, Type::UUID_ARRAY),
        (&places as _, Type::INT4_ARRAY),
        (&rank as _, Type::INT8),
        (&core.node() as _, Type::INT4),
    ];
    client.query_typed(sql, &parameters).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Forgets dead tasks, and notifications of which nothing is left; in a transaction. The counts keep them.
pub async fn drop_dead(client: &Client, filter: &TaskFilter, max: usize) -> Result<usize, Failure> {
    let (notifications, places) = dead(client, filter, max).await?;
    let sql = "DELETE FROM notifyhub.ended e USING unnest($1::uuid[], $2::int[]) AS w(notification, place) \
               WHERE e.notification = w.notification AND e.place = w.place AND e.state = 11";
    let dropped = client.execute_typed(sql, &[(&notifications, Type::UUID_ARRAY), (&places, Type::INT4_ARRAY)]).await?;
    let sql = "DELETE FROM notifyhub.notification n WHERE n.id = ANY($1) \
               AND NOT EXISTS (SELECT FROM notifyhub.ended e WHERE e.notification = n.id) \
               AND NOT EXISTS (SELECT FROM notifyhub.task t WHERE t.notification = n.id)";
    client.execute_typed(sql, &[(&notifications, Type::UUID_ARRAY)]).await?;
    Ok(usize::try_from(dropped).unwrap_or(usize::MAX))
}

async fn dead(client: &Client, filter: &TaskFilter, max: usize) -> Result<(Vec<Uuid>, Vec<i32>), Failure> {
    let filter = filter.clone().in_state(TaskState::Dead);
    Ok(find(client, &filter, None, max).await?.into_iter().map(|(id, place, _)| (id, place)).unzip())
}
