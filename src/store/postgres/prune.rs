//! Forgetting what is finished and old, a slice at a time. One node at a time does it.

use std::time::Duration;

use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{core::Core, failure::Failure, rows::fold_tally};
use crate::{failpoint::failpoint, store::codec};

/// Notifications looked at, and keys forgotten, in one slice.
const SLICE: i64 = 1000;

/// Whoever prunes holds this lock: the letters `nhup`.
const PRUNE_LOCK: i64 = 0x6e68_7570;

/// Forgets a slice of what ended longer than `retention` ago, in a transaction. Returns whether there may be more, and where
/// the next slice begins.
pub async fn prune(core: &Core, client: &Client, retention: Duration) -> Result<(bool, Uuid), Failure> {
    let (now, from) = (core.now(), core.book().pruned_to);
    let lock = "SELECT pg_try_advisory_xact_lock($1)";
    if !client.query_typed_one(lock, &[(&PRUNE_LOCK, Type::INT8)]).await?.try_get::<_, bool>(0)? {
        return Ok((false, from));
    }
    let mut keys = 0;
    for (table, key) in [("idempotency", "key"), ("recent", "content")] {
        let sql = format!(
            "DELETE FROM notifyhub.{table} WHERE {key} IN (SELECT {key} FROM notifyhub.{table} WHERE expires <= $1 LIMIT $2)"
        );
        keys = client.execute_typed(&sql, &[(&now, Type::INT8), (&SLICE, Type::INT8)]).await?.max(keys);
    }
    let spent = "DELETE FROM notifyhub.spent WHERE until <= $1 AND ctid = ANY(ARRAY(SELECT ctid FROM notifyhub.spent WHERE until <= $1 LIMIT $2))";
    keys = client.execute_typed(spent, &[(&now, Type::INT8), (&SLICE, Type::INT8)]).await?.max(keys);
    // Nodes that are gone leave a row each.
    let several = fold_tally("node = 0 AND (SELECT count(*) > 100 FROM notifyhub.tally WHERE node = 0)");
    client.execute_typed(&several, &[]).await?;
    let cutoff = now.saturating_sub(codec::length(retention));
    let sql = "SELECT n.id, \
                 NOT EXISTS (SELECT FROM notifyhub.task t WHERE t.notification = n.id) \
                 AND NOT EXISTS (SELECT FROM notifyhub.ended e WHERE e.notification = n.id AND e.ended > $2) \
               FROM (SELECT id FROM notifyhub.notification WHERE id > $1 AND accepted <= $2 ORDER BY id LIMIT $3) n ORDER BY n.id";
    let rows = client.query_typed(sql, &[(&from, Type::UUID), (&cutoff, Type::INT8), (&SLICE, Type::INT8)]).await?;
    let looked_at = rows.len() as i64;
    let (mut old, mut last) = (Vec::new(), from);
    for row in &rows {
        last = row.try_get::<_, Uuid>(0)?;
        if row.try_get(1)? {
            old.push(last);
        }
    }
    if !old.is_empty() {
        for (table, column) in
            [("ended", "notification"), ("fanout", "notification"), ("replaceable", "notification"), ("notification", "id")]
        {
            let sql = format!("DELETE FROM notifyhub.{table} WHERE {column} = ANY($1)");
            client.execute_typed(&sql, &[(&old, Type::UUID_ARRAY)]).await?;
            failpoint!("prune.in_tx");
        }
    }
    // The next slice begins anew where the end was reached: what was open may have ended.
    let next = if looked_at < SLICE { Uuid::nil() } else { last };
    Ok((looked_at == SLICE || keys as i64 >= SLICE, next))
}
