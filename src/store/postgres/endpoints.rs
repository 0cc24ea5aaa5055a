//! Endpoints that have failed for long.

use std::sync::Arc;

use tokio_postgres::{Client, Row, types::Type};

use super::failure::Failure;
use crate::{
    store::{Disabled, Endpoint, Failing, codec},
    task::PlatformName,
};

/// All of them.
pub async fn all(client: &Client) -> Result<Vec<Failing>, Failure> {
    let rows = client.query_typed("SELECT platform, recipient, since, disabled, why FROM notifyhub.endpoint", &[]).await?;
    rows.iter().map(failing).collect()
}

/// Writes one down, as it is now.
pub async fn keep(client: &Client, failing: &Failing) -> Result<(), Failure> {
    let sql = "INSERT INTO notifyhub.endpoint (platform, recipient, since, disabled, why) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (platform, recipient) DO UPDATE SET since = excluded.since, disabled = excluded.disabled, \
               why = excluded.why";
    let Failing { endpoint, since, disabled } = failing;
    let at = disabled.as_ref().map(|disabled| codec::nanos(disabled.at));
    let why = disabled.as_ref().map(|disabled| &*disabled.why);
    let parameters = [
        (&endpoint.platform.as_str() as _, Type::TEXT),
        (&endpoint.recipient.as_deref().unwrap_or_default() as _, Type::TEXT),
        (&codec::nanos(*since) as _, Type::INT8),
        (&at as _, Type::INT8),
        (&why as _, Type::TEXT),
    ];
    client.execute_typed(sql, &parameters).await?;
    Ok(())
}

/// Forgets one. Whether it was there.
pub async fn forget(client: &Client, endpoint: &Endpoint) -> Result<bool, Failure> {
    let sql = "DELETE FROM notifyhub.endpoint WHERE platform = $1 AND recipient = $2";
    let recipient = endpoint.recipient.as_deref().unwrap_or_default();
    let parameters = [(&endpoint.platform.as_str() as _, Type::TEXT), (&recipient as _, Type::TEXT)];
    Ok(client.execute_typed(sql, &parameters).await? > 0)
}

fn failing(row: &Row) -> Result<Failing, Failure> {
    let (recipient, at, why): (String, Option<i64>, Option<String>) = (row.try_get(1)?, row.try_get(3)?, row.try_get(4)?);
    Ok(Failing {
        endpoint: Endpoint {
            platform: PlatformName::internal(row.try_get::<_, String>(0)?),
            recipient: Some(recipient).filter(|recipient| !recipient.is_empty()).map(Arc::from),
        },
        since: codec::moment(row.try_get(2)?),
        disabled: at.map(|at| Disabled { at: codec::moment(at), why: why.unwrap_or_default().into() }),
    })
}
