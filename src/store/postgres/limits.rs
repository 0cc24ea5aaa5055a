//! Limits that hold for all nodes together: one node owns each, and it alone sends within it. What was sent is written down
//! where they look back further than a minute.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio_postgres::{Client, types::Type};

use super::{
    core::Core,
    failure::Failure,
    rows::{lane_from, lane_text},
};
use crate::store::{Limit, Owned, Settlement, Spent, Whose, codec};

/// Takes a limit that nobody owns who lives. What the last owner sent counts for so long as it may not be written down.
const OWN: &str = "\
INSERT INTO notifyhub.limited AS l (name, node, free) SELECT $1, id, now() FROM notifyhub.node WHERE id = $2 AND until > now() \
ON CONFLICT (name) DO UPDATE SET node = excluded.node, \
  free = CASE WHEN l.node = excluded.node THEN l.free ELSE now() + make_interval(secs => $3) END \
WHERE l.node = excluded.node OR NOT EXISTS (SELECT FROM notifyhub.node n WHERE n.id = l.node AND n.until > now()) \
RETURNING greatest(extract(epoch FROM l.free - now()), 0)::float8";

/// What counts together is one row; a try whose answer was lost counts it twice.
const SPEND: &str = "\
INSERT INTO notifyhub.spent AS s (lane, recipient, at, tasks, weight, until) \
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) \
ON CONFLICT (lane, recipient, at) DO UPDATE SET tasks = s.tasks + excluded.tasks, weight = s.weight + excluded.weight";

/// What lost nodes had claimed may have been sent: each counts as sent now, and as one.
const SPEND_CLAIMED: &str = "\
INSERT INTO notifyhub.spent AS s (lane, recipient, at, tasks, weight, until) \
SELECT lane, coalesce(recipient, ''), $2, count(*), count(*), $3 \
FROM notifyhub.task WHERE state = 3 AND node = ANY($1) GROUP BY 1, 2 ORDER BY 1, 2 \
ON CONFLICT (lane, recipient, at) DO UPDATE SET tasks = s.tasks + excluded.tasks, weight = s.weight + excluded.weight";

const SPENT: &str = "\
SELECT lane, recipient, at, tasks, weight FROM notifyhub.spent WHERE at > $1 AND CASE WHEN $2 THEN lane = ANY($3) \
ELSE split_part(lane, E'\\n', 1) = ANY($3) END";

/// Who owns these limits. What nobody owns is this node's own from now on.
pub async fn own(core: &Core, client: &Client, limits: &[Limit]) -> Result<Vec<Owned>, Failure> {
    let mut owned = Vec::with_capacity(limits.len());
    for limit in limits {
        let looks_back = limit.handover().as_secs_f64();
        let parameters = [(&&*limit.name as _, Type::TEXT), (&core.node() as _, Type::INT4), (&looks_back as _, Type::FLOAT8)];
        owned.push(match client.query_typed_opt(OWN, &parameters).await? {
            Some(row) => match Duration::try_from_secs_f64(row.try_get(0)?).unwrap_or_default() {
                Duration::ZERO => Owned::Here(spent(core, client, limit).await?),
                wait => Owned::Soon(wait),
            },
            None => Owned::Elsewhere,
        });
    }
    Ok(owned)
}

/// What was sent within a limit, as far as it looks back beyond a minute.
async fn spent(core: &Core, client: &Client, limit: &Limit) -> Result<Vec<Spent>, Failure> {
    if limit.long.is_zero() {
        return Ok(Vec::new());
    }
    let since = codec::nanos(core.clock.wall().checked_sub(limit.long).unwrap_or(SystemTime::UNIX_EPOCH));
    let (is_lane, names) = match &limit.whose {
        Whose::Lane(lane) => (true, vec![lane_text(lane)]),
        Whose::Platforms(platforms) => (false, platforms.iter().map(|name| name.as_str().to_owned()).collect()),
    };
    let parameters = [(&since as _, Type::INT8), (&is_lane as _, Type::BOOL), (&names as _, Type::TEXT_ARRAY)];
    let rows = client.query_typed(SPENT, &parameters).await?;
    let number = |row: &tokio_postgres::Row, column| row.try_get::<_, i64>(column).map(i64::unsigned_abs);
    let read = |row: &tokio_postgres::Row| {
        let (lane, recipient): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        let recipient = Some(recipient).filter(|name| !name.is_empty()).map(Arc::from);
        let at = codec::moment(row.try_get(2)?);
        Ok(Spent { lane: lane_from(lane), recipient, at, tasks: number(row, 3)?, weight: number(row, 4)? })
    };
    rows.iter().map(read).collect()
}

/// Writes down what attempts used up of long limits of their lanes. In one order, so that nodes do not wait for each other.
pub async fn spend(client: &Client, settlements: &[Settlement]) -> Result<(), Failure> {
    let mut all: BTreeMap<(String, &str, i64), (i64, i64, i64)> = BTreeMap::new();
    for (settlement, spends) in settlements.iter().filter_map(|one| Some((one, one.spends?))) {
        let recipient = settlement.task.recipient.as_deref().filter(|_| spends.recipient).unwrap_or_default();
        let at = codec::nanos(spends.at);
        let (tasks, weight, until) = all.entry((lane_text(&settlement.task.lane), recipient, at)).or_default();
        *tasks += 1;
        *weight += i64::from(spends.weight);
        *until = at.saturating_add(codec::length(spends.counts_for)).max(*until);
    }
    if all.is_empty() {
        return Ok(());
    }
    let (mut lanes, mut recipients, mut moments) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tasks, mut weights, mut untils) = (Vec::new(), Vec::new(), Vec::new());
    for ((lane, recipient, at), (count, weight, until)) in all {
        lanes.push(lane);
        recipients.push(recipient);
        moments.push(at);
        tasks.push(count);
        weights.push(weight);
        untils.push(until);
    }
    let parameters = [
        (&lanes as _, Type::TEXT_ARRAY),
        (&recipients as _, Type::TEXT_ARRAY),
        (&moments as _, Type::INT8_ARRAY),
        (&tasks as _, Type::INT8_ARRAY),
        (&weights as _, Type::INT8_ARRAY),
        (&untils as _, Type::INT8_ARRAY),
    ];
    client.execute_typed(SPEND, &parameters).await?;
    Ok(())
}

/// Counts what lost nodes may have sent.
pub async fn spend_claimed(core: &Core, client: &Client, nodes: &[i32]) -> Result<(), Failure> {
    let (now, looks_back) = (core.now(), core.options.limits_look_back);
    if !looks_back.is_zero() {
        let until = now.saturating_add(codec::length(looks_back));
        let parameters = [(&nodes as _, Type::INT4_ARRAY), (&now as _, Type::INT8), (&until as _, Type::INT8)];
        client.execute_typed(SPEND_CLAIMED, &parameters).await?;
    }
    Ok(())
}

/// Owns these limits no more: what was sent counts against the next owner for so long as it may not be written down.
pub async fn disown(core: &Core, client: &Client, limits: &[Limit]) -> Result<(), Failure> {
    for limit in limits {
        // Nobody is node number 0.
        let sql = "UPDATE notifyhub.limited SET node = 0, free = now() + make_interval(secs => $3) WHERE name = $1 AND node = $2";
        let looks_back = limit.handover().as_secs_f64();
        let parameters = [(&&*limit.name as _, Type::TEXT), (&core.node() as _, Type::INT4), (&looks_back as _, Type::FLOAT8)];
        client.execute_typed(sql, &parameters).await?;
    }
    Ok(())
}
