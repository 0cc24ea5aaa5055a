//! What a submission asks of the store besides being kept: once per key, in order, replacing an older one, not repeating.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{
    core::Core,
    enqueue::{Link, Placed, Rows, write_urls},
    failure::Failure,
    find::cancel_those,
    rows::{id_from, lane_text, part, uuid},
    steps,
};
use crate::{
    failpoint::failpoint,
    store::{Cancelled, Enqueued, IDEMPOTENCY_WINDOW, Submission, codec},
    task::Task,
};

/// Whether it asks for anything but being kept.
pub fn is_keyed(submission: &Submission) -> bool {
    submission.idempotency.is_some() || submission.keys != Default::default() || !submission.head.failovers.is_empty()
}

/// What one transaction stored.
pub struct Stored {
    pub answers: Vec<Enqueued>,
    pub placed: Vec<Placed>,
    /// Tasks it added.
    pub added: usize,
    pub alive: bool,
}

/// Stores submissions, one after the other, in one transaction, for node number `node`; 0 is none of the living.
pub async fn enqueue(core: &Core, client: &Client, submissions: &[Submission], node: i32) -> Result<Stored, Failure> {
    write_urls(client, core, submissions).await?;
    let mut stored = Stored { answers: Vec::new(), placed: Vec::new(), added: 0, alive: true };
    for submission in submissions {
        let known = match &submission.idempotency {
            Some((key, hash)) => claim_key(core, client, key, *hash, submission).await?,
            None => None,
        };
        if let Some(known) = known {
            stored.answers.push(known);
            continue;
        }
        let repeated = repeated(core, client, submission).await?;
        let first = repeated.first().copied().flatten().filter(|_| repeated.iter().all(Option::is_some));
        if let (Some(first), None) = (first, &submission.idempotency) {
            stored.answers.push(Enqueued::Known(id_from(first)));
            continue;
        }
        let mut rows = Rows::default();
        stored.placed.push(place(core, client, &mut rows, submission).await?);
        failpoint!("accept.in_tx");
        stored.alive &= rows.insert(client, node, part::OTHER).await?;
        steps::mark(client, submission).await?;
        stored.added += submission.tasks.len();
        let cancelled = apply(core, client, submission, &repeated).await?;
        stored.answers.push(if cancelled.is_empty() { Enqueued::Stored } else { Enqueued::StoredInstead(cancelled.into()) });
    }
    Ok(stored)
}

/// Takes an idempotency key for a submission; what was accepted with it before, if anything was. Others that come with the
/// same key wait for this transaction.
async fn claim_key(core: &Core, client: &Client, key: &str, hash: u64, of: &Submission) -> Result<Option<Enqueued>, Failure> {
    let (id, hash, now) = (uuid(of.head.id), i64::from_ne_bytes(hash.to_ne_bytes()), core.now());
    let ends = now.saturating_add(codec::length(IDEMPOTENCY_WINDOW));
    let sql = "INSERT INTO notifyhub.idempotency AS known (key, hash, notification, expires) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (key) DO UPDATE SET hash = excluded.hash, notification = excluded.notification, expires = excluded.expires \
               WHERE known.expires <= $5 RETURNING 1";
    let parameters = [
        (&key as _, Type::TEXT),
        (&hash as _, Type::INT8),
        (&id as _, Type::UUID),
        (&ends as _, Type::INT8),
        (&now as _, Type::INT8),
    ];
    if client.query_typed_opt(sql, &parameters).await?.is_some() {
        return Ok(None);
    }
    let sql = "SELECT hash, notification FROM notifyhub.idempotency WHERE key = $1";
    let row = client.query_typed_one(sql, &[(&key, Type::TEXT)]).await?;
    let (known, first): (i64, Uuid) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Some(match first {
        // An earlier try of this very call, whose answer was lost.
        first if first == id => Enqueued::Stored,
        first if known == hash => Enqueued::Known(id_from(first)),
        first => Enqueued::Conflict(id_from(first)),
    }))
}

/// For each task, the notification with which the same content was accepted for its target; what is new is remembered.
async fn repeated(core: &Core, client: &Client, submission: &Submission) -> Result<Vec<Option<Uuid>>, Failure> {
    let Some((_, window)) = submission.keys.dedupe else { return Ok(Vec::new()) };
    let (id, now) = (uuid(submission.head.id), core.now());
    let ends = now.saturating_add(codec::length(window));
    let mut repeated = Vec::new();
    for task in &*submission.tasks {
        let content = content(submission, task);
        let sql = "INSERT INTO notifyhub.recent AS known (content, notification, expires) VALUES ($1, $2, $3) \
                   ON CONFLICT (content) DO UPDATE SET notification = excluded.notification, expires = excluded.expires \
                   WHERE known.expires <= $4 RETURNING 1";
        let parameters =
            [(&content as _, Type::BYTEA), (&id as _, Type::UUID), (&ends as _, Type::INT8), (&now as _, Type::INT8)];
        if client.query_typed_opt(sql, &parameters).await?.is_some() {
            repeated.push(None);
            continue;
        }
        let sql = "SELECT notification FROM notifyhub.recent WHERE content = $1";
        let first: Uuid = client.query_typed_one(sql, &[(&content, Type::BYTEA)]).await?.try_get(0)?;
        repeated.push(Some(first).filter(|first| *first != id));
    }
    Ok(repeated)
}

/// What is said to the target of a task.
fn content(submission: &Submission, task: &Task) -> Vec<u8> {
    let hash = submission.keys.dedupe.map(|(hash, _)| hash).unwrap_or_default();
    let text = format!("{hash:x}\n{}\n{}", task.platform(), task.recipient.as_deref().unwrap_or_default());
    digest(&SHA256, text.as_bytes()).as_ref()[..16].to_vec()
}

/// Lets the tasks of a submission wait, each behind those before it in its order.
async fn place<'a>(core: &Core, client: &Client, rows: &mut Rows<'a>, submission: &'a Submission) -> Result<Placed, Failure> {
    let chains: Vec<Option<i64>> =
        submission.tasks.iter().map(|task| submission.keys.order.as_ref().map(|order| chain(order, task))).collect();
    lock_chains(client, chains.iter().flatten().copied().collect()).await?;
    let rank = core.book().ranks.next(submission.head.accepted_at, submission.head.message.priority);
    rows.push(submission);
    let mut placed = Placed { fresh: Vec::new(), waits_on: Vec::new(), wake: None };
    let mut begun = Vec::new();
    for (task, chain) in submission.tasks.iter().zip(chains) {
        let link = match chain {
            Some(chain) => {
                let sql = "SELECT nextval('notifyhub.ord'), EXISTS (SELECT FROM notifyhub.task WHERE chain = $1)";
                let row = client.query_typed_one(sql, &[(&chain, Type::INT8)]).await?;
                let held = row.try_get(1)? || begun.contains(&chain);
                begun.push(chain);
                Some(Link { chain, ord: row.try_get(0)?, held })
            }
            None => None,
        };
        let lane = lane_text(&task.lane);
        let rank = rank.of(submission.keys.goes_first(task));
        let (code, wake) = rows.push_waiting(task, lane.clone(), rank, core.now(), link);
        placed.note(code, lane, wake);
    }
    Ok(placed)
}

/// The number of an order: tasks of one platform and key have the same.
fn chain(order: &Arc<str>, task: &Task) -> i64 {
    let hash = digest(&SHA256, format!("{}\n{order}", task.platform()).as_bytes());
    i64::from_le_bytes(hash.as_ref()[..8].try_into().expect("eight bytes"))
}

/// Cancels what a submission that was just stored replaces, and those of its own tasks that repeat others.
async fn apply(
    core: &Core,
    client: &Client,
    submission: &Submission,
    repeated: &[Option<Uuid>],
) -> Result<Vec<Cancelled>, Failure> {
    let (id, mut cancelled) = (submission.head.id, Vec::new());
    if let Some(key) = &submission.keys.replace {
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        client.query_typed(lock, &[(&&**key, Type::TEXT)]).await?;
        let sql = "SELECT notification FROM notifyhub.replaceable WHERE key = $1";
        let older = client.query_typed_opt(sql, &[(&&**key, Type::TEXT)]).await?;
        if let Some(older) = older {
            cancelled.push(cancel_those(core, client, id_from(older.try_get(0)?), None).await?);
        }
        let sql = "INSERT INTO notifyhub.replaceable (key, notification) VALUES ($1, $2) \
                   ON CONFLICT (key) DO UPDATE SET notification = excluded.notification";
        client.execute_typed(sql, &[(&&**key, Type::TEXT), (&uuid(id), Type::UUID)]).await?;
    }
    if repeated.iter().any(Option::is_some) {
        let places: Vec<i32> = (0..).zip(repeated).filter(|(_, first)| first.is_some()).map(|(place, _)| place).collect();
        cancelled.push(cancel_those(core, client, id, Some(places)).await?);
    }
    cancelled.retain(|one| *one != Cancelled::default());
    Ok(cancelled)
}

/// Locks chains until the transaction ends, always in the same order.
pub async fn lock_chains(client: &Client, mut chains: Vec<i64>) -> Result<(), Failure> {
    if chains.is_empty() {
        return Ok(());
    }
    chains.sort_unstable();
    chains.dedup();
    client.query_typed("SELECT pg_advisory_xact_lock(c) FROM unnest($1::bigint[]) AS c", &[(&chains, Type::INT8_ARRAY)]).await?;
    Ok(())
}

/// The first task of each of these chains goes on if it waited for one that has ended. The chains are locked.
pub async fn go_on(core: &Core, client: &Client, chains: &[i64]) -> Result<(), Failure> {
    if chains.is_empty() {
        return Ok(());
    }
    let sql = "WITH head AS (SELECT DISTINCT ON (chain) notification, place FROM notifyhub.task WHERE chain = ANY($1) ORDER BY chain, ord) \
               UPDATE notifyhub.task t SET state = CASE WHEN t.due > $2 THEN 5 ELSE 2 END, \
                 wake = CASE WHEN t.due > $2 THEN least(t.due, t.expires) ELSE t.expires END, \
                 due = CASE WHEN t.due > $2 THEN t.due ELSE 0 END \
               FROM head h WHERE t.notification = h.notification AND t.place = h.place AND t.state = 6";
    let count = client.execute_typed(sql, &[(&chains, Type::INT8_ARRAY), (&core.now(), Type::INT8)]).await?;
    if count > 0 {
        core.goes_on();
    }
    Ok(())
}
