//! Writing what became of claimed tasks, and giving claimed tasks back. What a try did whose answer was lost, the next one
//! finds done by its token.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use tokio_postgres::{
    Client,
    types::{ToSql, Type},
};
use uuid::Uuid;

use super::{
    core::{Core, token_column},
    failure::Failure,
    find::find,
    keys::{go_on, lock_chains},
    rows::{ENDING_TYPES, Gone, ending, final_code, id_from, part, place, uuid},
};
use crate::{
    failpoint::failpoint,
    store::{ATTEMPTS_MAX, LeaseToken, Released, Settled, Settlement, codec},
    task::{Attempt, DeadReason, Disposition, Outcome, TargetOutcome, Task, TaskState},
};

/// A claimed task that becomes final.
pub struct Final {
    notification: Uuid,
    place: i32,
    token: i64,
    state: i16,
    dead: Option<&'static str>,
    tried: i32,
    attempt: String,
}

impl Final {
    /// Without an attempt.
    pub fn unsent(notification: Uuid, place: i32, token: LeaseToken, state: TaskState, dead: Option<DeadReason>) -> Self {
        let (token, dead) = (token_column(token), dead.map(DeadReason::as_str));
        Self { notification, place, token, state: final_code(state), dead, tried: 0, attempt: String::new() }
    }

    fn of(settlement: &Settlement, state: TaskState, dead: Option<DeadReason>) -> Self {
        let task = &settlement.task;
        let attempt = settlement.attempt.as_ref().map(codec::write_attempt).unwrap_or_default();
        let tried = i32::from(settlement.attempt.is_some());
        Self { tried, attempt, ..Self::unsent(uuid(task.head.id), place(task), settlement.token, state, dead) }
    }
}

/// All attempts of the task `t`, the newest of `s` with them; the oldest are forgotten first.
fn attempts() -> String {
    let kept = ATTEMPTS_MAX - 1;
    format!(
        "CASE WHEN s.attempt = '' THEN t.attempts WHEN t.attempts = '' THEN s.attempt \
         WHEN t.tries < {kept} THEN t.attempts || E'\\n' || s.attempt \
         ELSE array_to_string((string_to_array(t.attempts, E'\\n'))[greatest(1, cardinality(string_to_array(t.attempts, E'\\n')) - {kept} + 1):], \
           E'\\n') || E'\\n' || s.attempt END"
    )
}

static END: LazyLock<String> = LazyLock::new(|| {
    let gone = format!(
        "gone AS (DELETE FROM notifyhub.task t \
           USING unnest($4::uuid[], $5::int[], $6::bigint[], $7::smallint[], $8::text[], $9::int[], $10::text[]) \
             AS s(notification, place, token, state, dead, tried, attempt) \
           WHERE t.notification = s.notification AND t.place = s.place AND t.state = 3 AND t.token = s.token \
           RETURNING t.notification, t.place, t.lane, t.recipient, t.rank, t.chain, s.state, s.dead, s.token, \
             t.tries + s.tried AS tries, {} AS attempts)",
        attempts()
    );
    ending(&gone)
});

static RETRY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "UPDATE notifyhub.task t SET state = 5, due = s.due, wake = least(s.due, t.expires), counted = t.counted + s.counts, \
           tries = t.tries + s.tried, attempts = {}, crashes = 0, node = NULL, started = false \
         FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::int[], $6::int[], $7::text[]) \
           AS s(notification, place, token, due, counts, tried, attempt) \
         WHERE t.notification = s.notification AND t.place = s.place AND t.state = 3 AND t.token = s.token AND NOT t.cancelled \
         RETURNING t.token",
        attempts()
    )
});

const RELEASE: &str = "\
UPDATE notifyhub.task t SET state = CASE WHEN t.crashes >= 3 THEN 4 ELSE 2 END, wake = t.expires, node = NULL, token = NULL, \
  started = false \
FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS s(notification, place, token) \
WHERE t.notification = s.notification AND t.place = s.place AND t.state = 3 AND t.token = s.token AND NOT t.cancelled \
RETURNING s.token, t.lane";

/// Claims that were settled before: by a try whose answer was lost.
const SETTLED: &str = "\
SELECT s.token FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS s(notification, place, token) \
JOIN notifyhub.ended e ON e.notification = s.notification AND e.place = s.place AND e.token = s.token \
UNION ALL \
SELECT s.token FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS s(notification, place, token) \
JOIN notifyhub.task t ON t.notification = s.notification AND t.place = s.place AND t.token = s.token AND t.state <> 3";

/// Ends claimed tasks that were not settled since, and lets what waited for them go on.
pub async fn end_all(core: &Core, client: &Client, finals: &[Final], part: i16) -> Result<Vec<Gone>, Failure> {
    let column = |value: fn(&Final) -> i64| finals.iter().map(value).collect::<Vec<_>>();
    let (now, node) = (core.now(), core.node());
    let notifications: Vec<Uuid> = finals.iter().map(|one| one.notification).collect();
    let places: Vec<i32> = finals.iter().map(|one| one.place).collect();
    let tokens = column(|one| one.token);
    let states: Vec<i16> = finals.iter().map(|one| one.state).collect();
    let dead: Vec<Option<&str>> = finals.iter().map(|one| one.dead).collect();
    let tried: Vec<i32> = finals.iter().map(|one| one.tried).collect();
    let attempts: Vec<&str> = finals.iter().map(|one| one.attempt.as_str()).collect();
    let [now_type, node_type, part_type] = ENDING_TYPES;
    let parameters: [(&(dyn ToSql + Sync), Type); 10] = [
        (&now, now_type),
        (&node, node_type),
        (&part, part_type),
        (&notifications, Type::UUID_ARRAY),
        (&places, Type::INT4_ARRAY),
        (&tokens, Type::INT8_ARRAY),
        (&states, Type::INT2_ARRAY),
        (&dead, Type::TEXT_ARRAY),
        (&tried, Type::INT4_ARRAY),
        (&attempts, Type::TEXT_ARRAY),
    ];
    let gone: Vec<Gone> = client.query_typed(&END, &parameters).await?.iter().map(Gone::read).collect::<Result<_, _>>()?;
    let chains: Vec<i64> = gone.iter().filter_map(|one| one.chain).collect();
    go_on(core, client, &chains).await?;
    Ok(gone)
}

/// What one call did.
#[derive(Default)]
pub struct Done {
    gone: Vec<Gone>,
    /// Claims whose tasks wait for another attempt.
    retried: Vec<i64>,
    /// Claims that were settled before.
    before: Vec<i64>,
}

/// Writes what became of claimed tasks, in one transaction.
pub async fn settle(core: &Core, client: &Client, settlements: &[Settlement]) -> Result<Done, Failure> {
    let mut done = Done::default();
    let retries: Vec<&Settlement> =
        settlements.iter().filter(|one| matches!(one.disposition, Disposition::Retry { .. })).collect();
    if !retries.is_empty() {
        done.retried = retry(client, &retries).await?;
        failpoint!("retry.in_tx");
    }
    let mut finals = Vec::new();
    for settlement in settlements {
        let (state, dead) = match settlement.disposition {
            Disposition::Retry { .. } if done.retried.contains(&token_column(settlement.token)) => continue,
            // It was cancelled meanwhile, or the claim is stale.
            Disposition::Retry { .. } => (TaskState::Cancelled, None),
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
        let gone: Vec<(Uuid, i32)> = done.gone.iter().map(|one| (one.notification, one.place)).collect();
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
        attempts.push(settlement.attempt.as_ref().map(codec::write_attempt).unwrap_or_default());
    }
    let (notifications, places, tokens) = claims;
    let rows = client
        .query_typed(
            &RETRY,
            &[
                (&notifications, Type::UUID_ARRAY),
                (&places, Type::INT4_ARRAY),
                (&tokens, Type::INT8_ARRAY),
                (&due, Type::INT8_ARRAY),
                (&counts, Type::INT4_ARRAY),
                (&tried, Type::INT4_ARRAY),
                (&attempts, Type::TEXT_ARRAY),
            ],
        )
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

type Claims = (Vec<Uuid>, Vec<i32>, Vec<i64>);

fn claims<'a>(of: impl Iterator<Item = (LeaseToken, &'a Task)>) -> Claims {
    let mut claims = Claims::default();
    for (token, task) in of {
        claims.0.push(uuid(task.head.id));
        claims.1.push(place(task));
        claims.2.push(token_column(token));
    }
    claims
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

/// The chains of these claims, locked by the transaction: whoever comes into one of them waits.
pub async fn lock_claimed(core: &Core, client: &Client, tokens: impl Iterator<Item = LeaseToken>) -> Result<(), Failure> {
    let chains: Vec<i64> = {
        let book = core.book();
        tokens.filter_map(|token| book.chained.get(&token).copied()).collect()
    };
    lock_chains(client, chains).await
}

/// Whether any of these claims is of a task that others wait for.
pub fn any_chained(core: &Core, mut tokens: impl Iterator<Item = LeaseToken>) -> bool {
    let book = core.book();
    !book.chained.is_empty() && tokens.any(|token| book.chained.contains_key(&token))
}

/// Answers in order, and writes into the book what was committed.
pub async fn answers(core: &Core, client: &Client, settlements: &[Settlement], done: Done) -> Result<Vec<Settled>, Failure> {
    let Done { gone, retried, before } = done;
    let gone: HashMap<(Uuid, i32), Gone> = gone.into_iter().map(|one| ((one.notification, one.place), one)).collect();
    let mut answers = Vec::with_capacity(settlements.len());
    for settlement in settlements {
        let token = token_column(settlement.token);
        let key = (uuid(settlement.task.head.id), place(&settlement.task));
        let (answer, ended) = match gone.get(&key) {
            Some(one) if one.is_last() => (Some(finished(client, settlement, one).await?), Some(one.state)),
            Some(one) => (Some(Settled::Applied), Some(one.state)),
            None if retried.contains(&token) => (Some(Settled::Applied), None),
            None if before.contains(&token) => {
                let outcome = find(client, settlement.task.head.id).await?;
                let target = outcome.as_ref().and_then(|outcome| outcome.targets.get(settlement.task.index as usize));
                let ended = target.map(|target| target.state).filter(|state| state.is_final());
                (Some(standing(outcome)), ended)
            }
            None => (None, None),
        };
        let mut book = core.book();
        match &answer {
            Some(_) => {
                book.end(settlement.token);
                if let Some(state) = ended {
                    book.own.count(state, 1);
                } else if let Disposition::Retry { due, .. } = settlement.disposition {
                    book.wake_at(Some(codec::nanos(due)));
                }
            }
            None => book.own.stale += 1,
        }
        answers.push(answer.unwrap_or(Settled::Stale));
    }
    if !retried.is_empty() {
        core.ring();
    }
    Ok(answers)
}

async fn finished(client: &Client, settlement: &Settlement, gone: &Gone) -> Result<Settled, Failure> {
    let attempts: Vec<Attempt> = settlement.attempt.iter().cloned().collect();
    if gone.open.is_some() || usize::try_from(gone.tries) != Ok(attempts.len()) {
        return Ok(standing(find(client, settlement.task.head.id).await?));
    }
    let task = &settlement.task;
    let dead = match settlement.disposition {
        Disposition::Dead(reason) => Some(reason),
        _ => None,
    };
    let target = TargetOutcome {
        task: task.id,
        platform: task.platform().clone(),
        recipient: task.recipient.clone(),
        state: gone.state,
        dead,
        attempts,
    };
    let outcome = Outcome { id: task.head.id, correlation_id: task.head.correlation_id(), targets: vec![target] };
    Ok(Settled::Finished(Arc::new(outcome)))
}

/// What is answered where an outcome was looked up.
fn standing(outcome: Option<Outcome>) -> Settled {
    outcome.filter(Outcome::is_final).map_or(Settled::Applied, |outcome| Settled::Finished(Arc::new(outcome)))
}

/// What giving claimed tasks back came to.
#[derive(Default)]
pub struct GivenBack {
    /// Claims whose tasks wait again.
    waiting: Vec<i64>,
    lanes: Vec<String>,
    gone: Vec<Gone>,
}

/// Gives claimed tasks back, unattempted, in one transaction; those that were cancelled meanwhile are final.
pub async fn release(core: &Core, client: &Client, leases: &[(LeaseToken, Arc<Task>)]) -> Result<GivenBack, Failure> {
    let (notifications, places, tokens) = claims(leases.iter().map(|(token, task)| (*token, &**task)));
    let parameters: [(&(dyn ToSql + Sync), Type); 3] =
        [(&notifications, Type::UUID_ARRAY), (&places, Type::INT4_ARRAY), (&tokens, Type::INT8_ARRAY)];
    let mut back = GivenBack::default();
    for row in client.query_typed(RELEASE, &parameters).await? {
        back.waiting.push(row.try_get(0)?);
        back.lanes.push(row.try_get(1)?);
    }
    let rest = leases.iter().filter(|(token, _)| !back.waiting.contains(&token_column(*token)));
    let rest: Vec<Final> =
        rest.map(|(token, task)| Final::unsent(uuid(task.head.id), place(task), *token, TaskState::Cancelled, None)).collect();
    if !rest.is_empty() {
        back.gone = end_all(core, client, &rest, part::SETTLE).await?;
    }
    Ok(back)
}

/// Writes into the book what was given back, and says what became of the rest.
pub async fn released(
    core: &Core,
    client: &Client,
    leases: &[(LeaseToken, Arc<Task>)],
    back: GivenBack,
) -> Result<Released, Failure> {
    let mut released = Released::default();
    for one in back.gone.iter().filter(|one| one.is_last()) {
        released.finished.extend(find(client, id_from(one.notification)).await?.map(Arc::new));
    }
    let gone: Vec<(Uuid, i32)> = back.gone.iter().map(|one| (one.notification, one.place)).collect();
    let mut book = core.book();
    for (token, task) in leases {
        book.end(*token);
        if gone.contains(&(uuid(task.head.id), place(task))) {
            book.own.count(TaskState::Cancelled, 1);
            released.cancelled.push(task.clone());
        }
    }
    if !back.lanes.is_empty() {
        book.ready.extend(back.lanes);
        drop(book);
        core.tell_all();
    }
    Ok(released)
}
