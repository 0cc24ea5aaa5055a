//! Writing what became of claimed tasks. What a try did whose answer was lost, the next one finds done by its token.

use std::{collections::HashSet, sync::LazyLock};

use tokio_postgres::{
    Client,
    types::{ToSql, Type},
};
use uuid::Uuid;

use super::{
    core::{Core, token_column},
    failure::Failure,
    finals::{Final, attempts, claims, end_all},
    limits,
    routines::Routine,
    rows::{Gone, part},
    steps,
};
use crate::{
    failpoint::failpoint,
    store::{Lease, LeaseToken, Settlement, codec, history},
    task::{Disposition, TaskState},
};

pub static RETRY: LazyLock<Routine> = LazyLock::new(|| {
    let sql = format!(
        "UPDATE notifyhub.task t SET state = 5, due = s.due, wake = least(s.due, t.expires), counted = t.counted + s.counts, \
           tries = t.tries + s.tried, attempts = {}, crashes = 0, node = NULL, started = false \
         FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::int[], $6::int[], $7::text[]) \
           AS s(notification, place, token, due, counts, tried, attempt) \
         WHERE t.notification = s.notification AND t.place = s.place AND t.state = 3 AND t.token = s.token AND NOT t.cancelled \
         RETURNING t.token",
        attempts()
    );
    Routine::statement(
        "retry",
        &[
            Type::UUID_ARRAY,
            Type::INT4_ARRAY,
            Type::INT8_ARRAY,
            Type::INT8_ARRAY,
            Type::INT4_ARRAY,
            Type::INT4_ARRAY,
            Type::TEXT_ARRAY,
        ],
        &[Type::INT8],
        &sql,
    )
});

/// An attempt after which the claim goes on. Done twice, by a try whose answer was lost, it changes nothing more.
pub static KEEP: LazyLock<Routine> = LazyLock::new(|| {
    let sql = format!(
        "UPDATE notifyhub.task t SET counted = s.counted, tries = s.tries, crashes = 0, started = false, \
           attempts = CASE WHEN t.tries < s.tries THEN {} ELSE t.attempts END \
         FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::int[], $5::int[], $6::text[]) \
           AS s(notification, place, token, counted, tries, attempt) \
         WHERE t.notification = s.notification AND t.place = s.place AND t.state = 3 AND t.token = s.token AND NOT t.cancelled \
         RETURNING t.token",
        attempts()
    );
    Routine::statement(
        "keep",
        &[Type::UUID_ARRAY, Type::INT4_ARRAY, Type::INT8_ARRAY, Type::INT4_ARRAY, Type::INT4_ARRAY, Type::TEXT_ARRAY],
        &[Type::INT8],
        &sql,
    )
});

/// Claims that were settled before: by a try whose answer was lost.
const SETTLED: &str = "\
SELECT s.token FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS s(notification, place, token) \
JOIN notifyhub.ended e ON e.notification = s.notification AND e.place = s.place AND e.token = s.token \
UNION ALL \
SELECT s.token FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS s(notification, place, token) \
JOIN notifyhub.task t ON t.notification = s.notification AND t.place = s.place AND t.token = s.token AND t.state <> 3";

/// What one call did.
#[derive(Default)]
pub struct Done {
    pub gone: Vec<Gone>,
    /// Claims whose tasks wait for another attempt, or for their next step.
    pub retried: Vec<i64>,
    /// Claims that go on.
    pub kept: Vec<i64>,
    /// Claims that were settled before.
    pub before: Vec<i64>,
}

impl Done {
    /// Whether a task is tried again, or goes another way.
    fn goes_on(&self, token: LeaseToken) -> bool {
        let token = token_column(token);
        self.retried.contains(&token) || self.kept.contains(&token)
    }
}

/// Writes what became of claimed tasks, in one transaction.
pub async fn settle(core: &Core, client: &Client, settlements: &[Settlement]) -> Result<Done, Failure> {
    limits::spend(client, settlements).await?;
    let mut done = Done::default();
    let alone = core.book().alone;
    // One that runs alone lets the next one go while it waits.
    let is_kept = |one: &&Settlement| one.keeps.is_some() && alone != Some(one.token);
    let retries = settlements.iter().filter(|one| matches!(one.disposition, Disposition::Retry { .. }));
    let (kept, retries): (Vec<_>, Vec<_>) = retries.partition(is_kept);
    if !kept.is_empty() {
        done.kept = keep(client, &kept).await?;
        failpoint!("retry.in_tx");
    }
    if !retries.is_empty() {
        done.retried = retry(client, &retries).await?;
        failpoint!("retry.in_tx");
    }
    let steps: Vec<&Settlement> = settlements.iter().filter(|one| matches!(one.disposition, Disposition::NextStep(_))).collect();
    if !steps.is_empty() {
        done.retried.extend(steps::go_on(core, client, &steps).await?);
    }
    let mut finals = Vec::new();
    for settlement in settlements {
        let (state, dead) = match settlement.disposition {
            Disposition::Retry { .. } | Disposition::NextStep(_) if done.goes_on(settlement.token) => continue,
            // It was cancelled meanwhile, or the claim is stale.
            Disposition::Retry { .. } | Disposition::NextStep(_) => (TaskState::Cancelled, None),
            Disposition::Dead(reason) => (TaskState::Dead, Some(reason)),
            other => (other.state(), None),
        };
        finals.push(Final::of(settlement, state, dead));
    }
    if !finals.is_empty() {
        done.gone = end_all(core, client, &finals, part::SETTLE).await?;
        failpoint!("complete.in_tx");
    }
    if done.gone.len() < finals.len() {
        let gone: HashSet<(Uuid, i32)> = done.gone.iter().map(|one| (one.notification, one.place)).collect();
        let held = |one: &&Final| core.book().leases.contains(&LeaseToken(one.token.unsigned_abs()));
        // Of a claim that is in the book, a try was lost; any other is stale.
        let missing = finals.iter().filter(|one| !gone.contains(&(one.notification, one.place))).filter(held);
        let missing: Vec<_> = missing.map(|one| (one.notification, one.place, one.token)).collect();
        done.before = settled_before(client, &missing).await?;
    }
    Ok(done)
}

async fn retry(client: &Client, retries: &[&Settlement]) -> Result<Vec<i64>, Failure> {
    let (claims, mut due, mut counts, mut tried, mut attempts) =
        (claims(retries.iter().map(|one| (one.token, &*one.task))), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for settlement in retries {
        let Disposition::Retry { due: at, counts: counted } = settlement.disposition else { continue };
        due.push(codec::nanos(at).max(1));
        counts.push(i32::from(counted));
        tried.push(i32::from(settlement.attempt.is_some()));
        attempts.push(history::attempt(settlement));
    }
    let (notifications, places, tokens) = claims;
    let rows = RETRY.query(client, &[&notifications, &places, &tokens, &due, &counts, &tried, &attempts]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn keep(client: &Client, kept: &[&Settlement]) -> Result<Vec<i64>, Failure> {
    let (notifications, places, tokens) = claims(kept.iter().map(|one| (one.token, &*one.task)));
    let number = |of: fn(&Lease) -> u32| {
        let numbers = kept.iter().filter_map(|one| one.keeps.as_ref()).map(of);
        numbers.map(|number| i32::try_from(number).unwrap_or(i32::MAX)).collect::<Vec<_>>()
    };
    let (counted, tries) = (number(|lease| lease.counted), number(|lease| lease.tries));
    let attempts: Vec<String> = kept.iter().map(|one| history::attempt(one)).collect();
    let rows = KEEP.query(client, &[&notifications, &places, &tokens, &counted, &tries, &attempts]).await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

async fn settled_before(client: &Client, missing: &[(Uuid, i32, i64)]) -> Result<Vec<i64>, Failure> {
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let notifications: Vec<Uuid> = missing.iter().map(|one| one.0).collect();
    let places: Vec<i32> = missing.iter().map(|one| one.1).collect();
    let tokens: Vec<i64> = missing.iter().map(|one| one.2).collect();
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&notifications, Type::UUID_ARRAY), (&places, Type::INT4_ARRAY), (&tokens, Type::INT8_ARRAY)];
    client.query_typed(SETTLED, &parameters).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
