//! Writing down that sending claimed tasks is about to begin, where they must not be sent twice.

use std::sync::{Arc, LazyLock};

use tokio_postgres::{Client, types::Type};

use super::{core::token_column, failure::Failure, finals::claims, routines::Routine};
use crate::{store::LeaseToken, task::Task};

pub static BEGIN: LazyLock<Routine> = LazyLock::new(|| {
    Routine::statement("begin", &[Type::UUID_ARRAY, Type::INT4_ARRAY, Type::INT8_ARRAY], &[Type::INT8], STARTED)
});

const STARTED: &str = "\
UPDATE notifyhub.task t SET started = true \
FROM unnest($1::uuid[], $2::int[], $3::bigint[]) AS s(notification, place, token) \
WHERE t.notification = s.notification AND t.place = s.place AND t.state = 3 AND t.token = s.token AND NOT t.cancelled \
RETURNING t.token";

/// Marks them; answers in order which of them may be sent.
pub async fn begin(client: &Client, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Vec<bool>, Failure> {
    let (notifications, places, tokens) = claims(leases.iter().map(|(token, task)| (*token, &**task)));
    let rows = BEGIN.query(client, &[&notifications, &places, &tokens]).await?;
    let begun: Vec<i64> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(leases.iter().map(|(token, _)| begun.contains(&token_column(*token))).collect())
}
