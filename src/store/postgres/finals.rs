//! Claimed tasks that become final: the one statement that ends them.

use std::sync::LazyLock;

use tokio_postgres::{Client, types::Type};
use uuid::Uuid;

use super::{
    core::{Core, token_column},
    failure::Failure,
    keys::go_on,
    routines::{Routine, Sparse},
    rows::{Gone, ending, final_code, place, uuid},
};
use crate::{
    store::{ATTEMPTS_MAX, LeaseToken, Settlement, history},
    task::{DeadReason, Task, TaskState},
};

/// A claimed task that becomes final.
pub struct Final {
    pub notification: Uuid,
    pub place: i32,
    pub token: i64,
    state: TaskState,
    dead: Option<&'static str>,
    tried: i32,
    attempt: String,
}

impl Final {
    /// Without an attempt.
    pub fn unsent(notification: Uuid, place: i32, token: LeaseToken, state: TaskState, dead: Option<DeadReason>) -> Self {
        let (token, dead) = (token_column(token), dead.map(DeadReason::as_str));
        Self { notification, place, token, state, dead, tried: 0, attempt: String::new() }
    }

    /// With the attempt that was made, if one was.
    pub fn of(settlement: &Settlement, state: TaskState, dead: Option<DeadReason>) -> Self {
        let task = &settlement.task;
        let attempt = history::attempt(settlement);
        let tried = i32::from(settlement.attempt.is_some());
        Self { tried, attempt, ..Self::unsent(uuid(task.head.id), place(task), settlement.token, state, dead) }
    }

    /// What ended, if it had no attempt before this one and nobody waits for it.
    fn usual(&self) -> Gone {
        let Self { notification, place, state, tried: tries, .. } = *self;
        Gone { notification, place, state, chain: None, open: None, tries }
    }
}

/// All attempts of the task `t`, the newest of `s` with them; the oldest are forgotten first.
pub fn attempts() -> String {
    let kept = ATTEMPTS_MAX - 1;
    format!(
        "CASE WHEN s.attempt = '' THEN t.attempts WHEN t.attempts = '' THEN s.attempt \
         WHEN t.tries < {kept} THEN t.attempts || E'\\n' || s.attempt \
         ELSE array_to_string((string_to_array(t.attempts, E'\\n'))[greatest(1, cardinality(string_to_array(t.attempts, E'\\n')) - {kept} + 1):], \
           E'\\n') || E'\\n' || s.attempt END"
    )
}

pub static END: LazyLock<Routine> = LazyLock::new(|| {
    let gone = format!(
        "gone AS (DELETE FROM notifyhub.task t \
           USING (SELECT unnest($4) AS notification, unnest($5) AS place, unnest($6) AS token, unnest($7) AS state, \
               unnest($8) AS dead, unnest($9) AS tried, unnest($10) AS attempt) s \
           WHERE t.notification = s.notification AND t.place = s.place AND t.state = 3 AND t.token = s.token \
           RETURNING t.notification, t.place, t.lane, t.recipient, t.rank, t.chain, s.state, s.dead, s.token, s.tried, \
             t.tries + s.tried AS tries, {} AS attempts)",
        attempts()
    );
    Routine::statement(
        "finish",
        &[
            Type::INT8,
            Type::INT4,
            Type::INT2,
            Type::UUID_ARRAY,
            Type::INT4_ARRAY,
            Type::INT8_ARRAY,
            Type::INT2_ARRAY,
            Type::TEXT_ARRAY,
            Type::INT4_ARRAY,
            Type::TEXT_ARRAY,
        ],
        &[Type::UUID, Type::INT4, Type::INT2, Type::INT8, Type::INT4, Type::INT4],
        &ending(&gone, "chain IS NOT NULL OR tries > tried OR (SELECT count(*) FROM gone) < cardinality($4)"),
    )
});

/// Ends claimed tasks that were not settled since, and lets what waited for them go on.
pub async fn end_all(core: &Core, client: &Client, finals: &[Final], part: i16) -> Result<Vec<Gone>, Failure> {
    let column = |value: fn(&Final) -> i64| finals.iter().map(value).collect::<Vec<_>>();
    let (now, node) = (core.now(), core.node());
    let notifications: Vec<Uuid> = finals.iter().map(|one| one.notification).collect();
    let places: Vec<i32> = finals.iter().map(|one| one.place).collect();
    let tokens = column(|one| one.token);
    let states: Vec<i16> = finals.iter().map(|one| final_code(one.state)).collect();
    let dead = Sparse(finals.iter().map(|one| one.dead).collect());
    let tried: Vec<i32> = finals.iter().map(|one| one.tried).collect();
    let attempts: Vec<&str> = finals.iter().map(|one| one.attempt.as_str()).collect();
    let rows =
        END.query(client, &[&now, &node, &part, &notifications, &places, &tokens, &states, &dead, &tried, &attempts]).await?;
    let gone = Gone::read(&rows, finals.iter().map(Final::usual))?;
    let chains: Vec<i64> = gone.iter().filter_map(|one| one.chain).collect();
    go_on(core, client, &chains).await?;
    Ok(gone)
}

/// Claims as columns.
pub type Claims = (Vec<Uuid>, Vec<i32>, Vec<i64>);

pub fn claims<'a>(of: impl Iterator<Item = (LeaseToken, &'a Task)>) -> Claims {
    let mut claims = Claims::default();
    for (token, task) in of {
        claims.0.push(uuid(task.head.id));
        claims.1.push(place(task));
        claims.2.push(token_column(token));
    }
    claims
}
