//! Limits that hold for all nodes together: one node owns each, and it alone sends within it.

use std::time::Duration;

use tokio_postgres::{Client, types::Type};

use super::{core::Core, failure::Failure};
use crate::store::{Limit, Owned};

/// Takes a limit that nobody owns who lives. What the last owner sent counts for so long as the limit looks back.
const OWN: &str = "\
INSERT INTO notifyhub.limited AS l (name, node, free) SELECT $1, id, now() FROM notifyhub.node WHERE id = $2 AND until > now() \
ON CONFLICT (name) DO UPDATE SET node = excluded.node, \
  free = CASE WHEN l.node = excluded.node THEN l.free ELSE now() + make_interval(secs => $3) END \
WHERE l.node = excluded.node OR NOT EXISTS (SELECT FROM notifyhub.node n WHERE n.id = l.node AND n.until > now()) \
RETURNING greatest(extract(epoch FROM l.free - now()), 0)::float8";

/// Who owns these limits. What nobody owns is this node's own from now on.
pub async fn own(core: &Core, client: &Client, limits: &[Limit]) -> Result<Vec<Owned>, Failure> {
    let mut owned = Vec::with_capacity(limits.len());
    for Limit { name, looks_back } in limits {
        let parameters =
            [(&&**name as _, Type::TEXT), (&core.node() as _, Type::INT4), (&looks_back.as_secs_f64() as _, Type::FLOAT8)];
        owned.push(match client.query_typed_opt(OWN, &parameters).await? {
            Some(row) => Owned::Here(Duration::try_from_secs_f64(row.try_get(0)?).unwrap_or_default()),
            None => Owned::Elsewhere,
        });
    }
    Ok(owned)
}

/// Owns these limits no more: what was sent counts against the next owner for so long as they look back.
pub async fn disown(core: &Core, client: &Client, limits: &[Limit]) -> Result<(), Failure> {
    for Limit { name, looks_back } in limits {
        // Nobody is node number 0.
        let sql = "UPDATE notifyhub.limited SET node = 0, free = now() + make_interval(secs => $3) WHERE name = $1 AND node = $2";
        let parameters =
            [(&&**name as _, Type::TEXT), (&core.node() as _, Type::INT4), (&looks_back.as_secs_f64() as _, Type::FLOAT8)];
        client.execute_typed(sql, &parameters).await?;
    }
    Ok(())
}
