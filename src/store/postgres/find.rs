//! Looking up one notification, and cancelling it.

use std::sync::{Arc, LazyLock};

use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{
    core::Core,
    failure::Failure,
    keys::{go_on, lock_chains},
    rows::{ENDING_TYPES, Gone, Heads, OUTCOME_COLUMNS, TASK_COLUMNS, ending, id_from, outcome, part, task, uuid},
};
use crate::{
    store::{Cancelled, codec},
    task::{CorrelationId, NotificationId, Outcome, Task},
};

static FIND: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {OUTCOME_COLUMNS} FROM (\
           SELECT {OUTCOME_COLUMNS} FROM notifyhub.ended WHERE notification = $1 UNION ALL \
           SELECT {} FROM notifyhub.task WHERE notification = $1) x ORDER BY place",
        OUTCOME_COLUMNS.replace(" dead,", " NULL,")
    )
});

static CANCEL: LazyLock<String> = LazyLock::new(|| {
    ending(
        "gone AS (DELETE FROM notifyhub.task t WHERE t.notification = $4 AND t.state <> 3 AND ($5 OR t.place = ANY($6)) \
         RETURNING t.notification, t.place, t.lane, t.recipient, t.rank, t.chain, 12::smallint AS state, NULL::text AS dead, \
           NULL::bigint AS token, t.tries, t.attempts)",
        "true",
    )
});

/// Everything known about a notification.
pub async fn find(client: &Client, id: NotificationId) -> Result<Option<Outcome>, Failure> {
    let id_type = [(&uuid(id) as _, Type::UUID)];
    let head = "SELECT correlation FROM notifyhub.notification WHERE id = $1";
    let Some(head) = client.query_typed_opt(head, &id_type).await? else { return Ok(None) };
    let rows = client.query_typed(&FIND, &id_type).await?;
    let targets = rows.iter().map(outcome).collect::<Result<_, _>>()?;
    let given = codec::shared(head.try_get(0)?);
    let correlation_id = given.map_or(CorrelationId::Own(id), CorrelationId::Given);
    Ok(Some(Outcome { id, correlation_id, targets }))
}

/// Cancels the waiting tasks of a notification, at these places or at all, and marks its claimed ones; in a transaction.
pub async fn cancel_those(
    core: &Core,
    client: &Client,
    id: NotificationId,
    places: Option<Vec<i32>>,
) -> Result<Cancelled, Failure> {
    let mut reached = Cancelled::default();
    let of = (uuid(id), places.is_none(), places.unwrap_or_default());
    let chains = "SELECT DISTINCT chain FROM notifyhub.task WHERE notification = $1 AND chain IS NOT NULL";
    let chains = client.query_typed(chains, &[(&of.0, Type::UUID)]).await?;
    let chains: Vec<i64> = chains.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    lock_chains(client, chains.clone()).await?;
    let [now_type, node_type, part_type] = ENDING_TYPES;
    let (now, node, part) = (core.now(), core.node(), part::OTHER);
    let parameters = [
        (&now as _, now_type),
        (&node as _, node_type),
        (&part as _, part_type),
        (&of.0 as _, Type::UUID),
        (&of.1 as _, Type::BOOL),
        (&of.2 as _, Type::INT4_ARRAY),
    ];
    let gone = Gone::read(&client.query_typed(&CANCEL, &parameters).await?, [])?;
    let mark = "UPDATE notifyhub.task SET cancelled = true WHERE notification = $1 AND state = 3 AND ($2 OR place = ANY($3)) RETURNING place";
    let marked = client.query_typed(mark, &[(&of.0, Type::UUID), (&of.1, Type::BOOL), (&of.2, Type::INT4_ARRAY)]).await?;
    for row in marked {
        reached.under_way.push(id.task(u32::try_from(row.try_get::<_, i32>(0)?).unwrap_or_default()));
    }
    reached.under_way.sort_unstable();
    if gone.is_empty() {
        return Ok(reached);
    }
    go_on(core, client, &chains).await?;
    reached.cancelled = tasks(client, of.0, gone.iter().map(|one| one.place).collect()).await?;
    if gone.iter().any(Gone::is_last) {
        reached.finished = find(client, id_from(of.0)).await?.map(Arc::new);
    }
    Ok(reached)
}

/// Tasks that have ended.
async fn tasks(client: &Client, notification: Uuid, places: Vec<i32>) -> Result<Vec<Arc<Task>>, Failure> {
    let columns = TASK_COLUMNS.replace("t.counted", "0").replace("t.expires", "NULL::bigint");
    let sql = format!(
        "SELECT {columns} FROM notifyhub.ended t JOIN notifyhub.notification n ON n.id = t.notification \
         WHERE t.notification = $1 AND t.place = ANY($2) ORDER BY t.place"
    );
    let mut heads = Heads::new();
    let rows = client.query_typed(&sql, &[(&notification, Type::UUID), (&places, Type::INT4_ARRAY)]).await?;
    rows.iter().map(|row| task(row, &mut heads)).collect()
}
