//! The life of a node: it says that it lives, takes up what lost nodes had, looks for what others left, and tells them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_postgres::{Client, types::Type};

use super::{
    book::Tally,
    claim::QUARANTINE_AFTER,
    core::{Core, retrying},
    failure::Failure,
    keys::{go_on, lock_chains},
    limits::spend_claimed,
    rows::{ENDING_TYPES, Gone, ending, fold_tally, part},
};
use crate::{failpoint::failpoint, store::Lease, task::TaskState};

/// How often a node looks around. A lost node's tasks are taken up so long after its lease at most.
const TICK: Duration = Duration::from_millis(500);

/// The longest time between two signs of life.
const BEAT_MAX: Duration = Duration::from_secs(5);

/// The channel on which nodes tell each other that something waits.
pub const CHANNEL: &str = "notifyhub";

/// The least time between two calls to the others.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// Nodes that may be lost with a task before it is dead.
const DEAD_AFTER: i16 = 5;

/// What a lost node had and must not be tried again. Its parameters are those of an ending, and the nodes.
fn lost_for_good() -> String {
    let gone = format!(
        "gone AS (DELETE FROM notifyhub.task t WHERE t.state = 3 AND t.node = ANY($4) \
           AND (t.cancelled OR t.started OR t.crashes + 1 >= {DEAD_AFTER}) \
         RETURNING t.notification, t.place, t.lane, t.recipient, t.rank, t.chain, \
           CASE WHEN t.cancelled THEN 12 ELSE 11 END::smallint AS state, \
           CASE WHEN t.cancelled THEN NULL WHEN t.started THEN 'ambiguous' ELSE 'poison' END AS dead, \
           NULL::bigint AS token, t.tries, t.attempts)"
    );
    ending(&gone, "true")
}

/// What a lost node had waits again.
fn take_up() -> String {
    format!(
        "UPDATE notifyhub.task SET crashes = crashes + 1, due = 0, wake = expires, node = NULL, token = NULL, \
           state = CASE WHEN crashes + 1 >= {QUARANTINE_AFTER} THEN 4 ELSE 2 END \
         WHERE state = 3 AND node = ANY($1)"
    )
}

/// Writes this process down as a node, and says so in the book.
pub async fn register(core: &Core, client: &Client) -> Result<(), Failure> {
    let (began, lease) = (core.clock.now(), core.options.lease);
    let sql = "WITH n AS (INSERT INTO notifyhub.node (name, until) VALUES ($1, now() + make_interval(secs => $2)) RETURNING id), \
               t AS (INSERT INTO notifyhub.tally (node, part) SELECT n.id, p FROM n, generate_series(0, 2) AS p) \
               SELECT id FROM n";
    let row = client.query_typed_one(sql, &[(&&*core.name, Type::TEXT), (&lease.as_secs_f64(), Type::FLOAT8)]).await?;
    core.begin_anew(row.try_get(0)?);
    core.lease.set(began + lease);
    core.book().next_wake = i64::MAX;
    look(core, client).await?;
    Ok(())
}

/// Lives until it is dropped.
pub async fn live(core: Arc<Core>) {
    let every = (core.options.lease / 3).min(BEAT_MAX);
    let mut beat_at = core.clock.now() + every;
    let mut failing = false;
    loop {
        core.pause(TICK).await;
        let beats = core.clock.now() >= beat_at;
        let done: Result<(), Failure> = retrying!(&core, |client| {
            if beats {
                beat(&core, client).await?;
            }
            if look(&core, client).await? {
                rescue(&core, client).await?;
            }
            if core.is_unsure() {
                give_back_unknown(&core, client).await?;
            }
            Ok(())
        });
        match done {
            Ok(()) => {
                core.committed();
                if beats {
                    beat_at = core.clock.now() + every;
                }
                if std::mem::take(&mut failing) {
                    tracing::warn!(server = core.server, "the database answers again");
                }
            }
            Err(error) if !failing => {
                failing = true;
                tracing::error!(%error, server = core.server, "the database does not answer, trying again");
            }
            Err(_) => {}
        }
    }
}

/// Says that this node lives. One that was given up begins anew: what it had claimed is no longer its own.
async fn beat(core: &Core, client: &Client) -> Result<(), Failure> {
    let (began, lease, leased) = (core.clock.now(), core.options.lease, core.book().leases.len() as i64);
    let sql = "UPDATE notifyhub.node SET until = now() + make_interval(secs => $2), leased = $3 WHERE id = $1";
    let parameters = [(&core.node() as _, Type::INT4), (&lease.as_secs_f64() as _, Type::FLOAT8), (&leased as _, Type::INT8)];
    if core.lease.left(began).is_zero() {
        // Others may have thought that it is gone.
        core.epoch.fetch_add(1, Ordering::Release);
    }
    if client.execute_typed(sql, &parameters).await? == 1 {
        core.lease.set(began + lease);
        return Ok(());
    }
    tracing::warn!(node = %core.name, "this node was given up: others have what it had claimed; it begins anew");
    core.book().own = Tally::default();
    register(core, client).await
}

/// Looks what others did. Whether a node was lost.
async fn look(core: &Core, client: &Client) -> Result<bool, Failure> {
    let sql = "SELECT EXISTS (SELECT FROM notifyhub.node WHERE until <= now() AND id <> $1), \
                 EXISTS (SELECT FROM notifyhub.task WHERE state = 2) OR EXISTS (SELECT FROM notifyhub.task WHERE state = 4), \
                 (SELECT min(wake) FROM notifyhub.task WHERE wake IS NOT NULL), \
                 (SELECT coalesce(sum(leased), 0)::bigint FROM notifyhub.node WHERE id <> $1), t.* \
               FROM (SELECT coalesce(sum(accepted), 0)::bigint, coalesce(sum(delivered), 0)::bigint, \
                   coalesce(sum(dead), 0)::bigint, coalesce(sum(cancelled), 0)::bigint, coalesce(sum(expired), 0)::bigint, \
                   coalesce(sum(stale), 0)::bigint FROM notifyhub.tally WHERE node <> $1) t";
    let row = client.query_typed_one(sql, &[(&core.node(), Type::INT4)]).await?;
    let (lost, waits, wake): (bool, bool, Option<i64>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    {
        let mut book = core.book();
        book.leased_by_others = row.try_get(3)?;
        book.others = Tally {
            accepted: row.try_get(4)?,
            delivered: row.try_get(5)?,
            dead: row.try_get(6)?,
            cancelled: row.try_get(7)?,
            expired: row.try_get(8)?,
            stale: row.try_get(9)?,
        };
        // It may have looked before another call of this node was committed: a hint that is too early does no harm.
        book.next_wake = book.next_wake.min(wake.unwrap_or(i64::MAX));
        drop(book);
    }
    if waits || core.book().next_wake <= core.now() {
        core.ring();
    }
    Ok(lost)
}

/// Takes up what lost nodes had, each whole or not at all; nodes that do this at once share them out.
async fn rescue(core: &Core, client: &mut deadpool_postgres::Object) -> Result<(), Failure> {
    let transaction = client.transaction().await?;
    let client = transaction.client();
    // Whoever does this lives.
    let sql = "SELECT id, name FROM notifyhub.node WHERE until <= now() AND id <> $1 FOR UPDATE SKIP LOCKED";
    let lost = client.query_typed(sql, &[(&core.node(), Type::INT4)]).await?;
    let names: Vec<String> = lost.iter().map(|row| row.try_get(1)).collect::<Result<_, _>>()?;
    let lost: Vec<i32> = lost.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    let sql = "SELECT DISTINCT chain FROM notifyhub.task WHERE state = 3 AND node = ANY($1) AND chain IS NOT NULL";
    let chains = client.query_typed(sql, &[(&lost, Type::INT4_ARRAY)]).await?;
    let chains: Vec<i64> = chains.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    lock_chains(client, chains.clone()).await?;
    spend_claimed(core, client, &lost).await?;
    let [now_type, node_type, part_type] = ENDING_TYPES;
    let (now, node, counter) = (core.now(), core.node(), part::OTHER);
    let parameters = [(&now as _, now_type), (&node as _, node_type), (&counter as _, part_type), (&lost as _, Type::INT4_ARRAY)];
    let gone = Gone::read(&client.query_typed(&lost_for_good(), &parameters).await?, [])?;
    let again = client.execute_typed(&take_up(), &[(&lost, Type::INT4_ARRAY)]).await?;
    go_on(core, client, &chains).await?;
    let counted = fold_tally("node = ANY($1)");
    client.execute_typed(&counted, &[(&lost, Type::INT4_ARRAY)]).await?;
    client.execute_typed("DELETE FROM notifyhub.node WHERE id = ANY($1)", &[(&lost, Type::INT4_ARRAY)]).await?;
    failpoint!("rescue.in_tx");
    transaction.commit().await?;
    {
        let mut book = core.book();
        gone.iter().for_each(|one| book.own.count(one.state, 1));
    }
    let dead = gone.iter().filter(|one| one.state == TaskState::Dead).count();
    if again > 0 || !gone.is_empty() {
        let names = names.join(", ");
        tracing::warn!(nodes = names, tasks = again, dead, "nodes were lost; what they had claimed is taken up again");
        core.tell_all();
    }
    Ok(())
}

/// Gives back claims of this node that nobody knows: a call was lost after it was done.
async fn give_back_unknown(core: &Core, client: &Client) -> Result<(), Failure> {
    let _nothing_is_claimed_meanwhile = core.claiming.lock().await;
    let known: Vec<i64> = core.book().leases.iter().map(|token| super::core::token_column(*token)).collect();
    let sql = "UPDATE notifyhub.task SET state = CASE WHEN crashes >= 3 THEN 4 ELSE 2 END, wake = expires, node = NULL, \
                 token = NULL, started = false WHERE state = 3 AND node = $1 AND NOT token = ANY($2)";
    let given = client.execute_typed(sql, &[(&core.node(), Type::INT4), (&known, Type::INT8_ARRAY)]).await?;
    if given > 0 {
        tracing::warn!(tasks = given, "calls were lost after they had claimed tasks; these wait again");
        core.tell_all();
    }
    Ok(())
}

/// Tells the other nodes that something waits, not too often, until it is dropped.
pub async fn tell(core: Arc<Core>) {
    loop {
        core.tell_others.notified().await;
        let told: Result<(), Failure> = async {
            let client = core.client().await?;
            client.query_typed("SELECT pg_notify($1, '')", &[(&CHANNEL, Type::TEXT)]).await?;
            Ok(())
        }
        .await;
        if let Err(error) = told {
            tracing::debug!(%error, "cannot tell the other nodes; they look for themselves");
        }
        core.pause(TELL_EVERY).await;
    }
}

/// Gives back fresh work that nobody took.
pub async fn give_back(core: Arc<Core>, mut refused: mpsc::UnboundedReceiver<Vec<Lease>>) {
    while let Some(leases) = refused.recv().await {
        let leases: Vec<_> = leases.into_iter().map(|lease| (lease.token, lease.task)).collect();
        if let Err(error) = super::calls::release(&core, &leases).await {
            tracing::warn!(%error, "cannot give unsent tasks back; they wait until this node is given up");
        }
    }
}
