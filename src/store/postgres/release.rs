//! Giving claimed tasks back, unattempted.

use std::sync::{Arc, LazyLock};

use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{
    core::{Core, token_column},
    failure::Failure,
    finals::{Final, claims, end_all},
    find::find,
    keys::lock_chains,
    routines::Routine,
    rows::{Gone, id_from, part, place, uuid},
};
use crate::{
    store::{LeaseToken, Released},
    task::{Task, TaskState},
};

pub static RELEASE: LazyLock<Routine> = LazyLock::new(|| {
    Routine::statement("release", &[Type::UUID_ARRAY, Type::INT4_ARRAY, Type::INT8_ARRAY], &[Type::INT8, Type::TEXT], GIVE_BACK)
});

const GIVE_BACK: &str = "\
UPDATE notifyhub.task t SET state = CASE WHEN t.crashes >= 3 THEN 4 ELSE 2 END, wake = t.expires, node = NULL, token = NULL, \
  started = false \
FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS s(notification, place, token) \
WHERE t.notification = s.notification AND t.place = s.place AND t.state = 3 AND t.token = s.token AND NOT t.cancelled \
RETURNING s.token, t.lane";

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
    let mut back = GivenBack::default();
    for row in RELEASE.query(client, &[&notifications, &places, &tokens]).await? {
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
