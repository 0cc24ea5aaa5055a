//! Claiming: what is due goes to whoever has credit for it, and what has expired to be ended. Rows that another node is
//! claiming at this moment are passed over.

use std::{collections::HashMap, sync::LazyLock};

use tokio_postgres::{Client, Row, types::Type};

use super::{
    core::Core,
    failure::Failure,
    finals::{Final, end_all},
    routines::Routine,
    rows::{Heads, TASK_COLUMNS, TASK_TYPES, lane_from, part, task},
    steps,
};
use crate::{
    failpoint::failpoint,
    store::{Claimed, Credits, Lease, LeaseToken, UrlPlatform, codec::moment},
    task::{DeadReason, LaneKey, PlatformName, TaskState},
};

/// Tasks whose moment has come that are woken, or found expired, in one call at most.
const WOKEN_MAX: i64 = 4096;

/// Nodes that may be lost with a task before it runs alone.
pub const QUARANTINE_AFTER: i16 = 3;

/// Lanes on which something waits, each found by a jump to the next in the index. One row more, without a lane, tells when
/// the next task wakes and whether one waits that runs alone.
pub static LANES: LazyLock<Routine> =
    LazyLock::new(|| Routine::statement("lanes", &[], &[Type::TEXT, Type::INT8, Type::BOOL], ON_LANES));

const ON_LANES: &str = "\
WITH RECURSIVE lanes(lane) AS (\
  (SELECT lane FROM notifyhub.task WHERE state = 2 ORDER BY lane LIMIT 1) \
  UNION ALL \
  SELECT (SELECT t.lane FROM notifyhub.task t WHERE t.state = 2 AND t.lane > l.lane ORDER BY t.lane LIMIT 1) \
  FROM lanes l WHERE l.lane IS NOT NULL) \
SELECT l.lane, (SELECT t.rank FROM notifyhub.task t WHERE t.state = 2 AND t.lane = l.lane ORDER BY t.rank LIMIT 1), false \
FROM lanes l WHERE l.lane IS NOT NULL \
UNION ALL \
SELECT NULL, (SELECT min(wake) FROM notifyhub.task WHERE wake IS NOT NULL), EXISTS (SELECT FROM notifyhub.task WHERE state = 4)";

/// Lets what has become due wait on its lane. What has expired stays as it is.
const AWAKE: &str = "\
WITH woken AS MATERIALIZED (\
  SELECT ctid AS tid FROM notifyhub.task \
  WHERE wake <= $1 AND state = 5 AND (expires IS NULL OR expires > $1) ORDER BY wake LIMIT $2 FOR UPDATE SKIP LOCKED) \
UPDATE notifyhub.task SET state = CASE WHEN due <= $1 THEN 2 ELSE 5 END, \
  wake = CASE WHEN due <= $1 THEN expires ELSE least(due, expires) END, due = CASE WHEN due <= $1 THEN 0 ELSE due END \
WHERE ctid = ANY(ARRAY(SELECT tid FROM woken))";

/// Claims up to so many tasks of each lane, what has expired, and one that runs alone.
pub static CLAIM: LazyLock<Routine> = LazyLock::new(|| {
    let sql = format!(
        "WITH me AS MATERIALIZED (SELECT id FROM notifyhub.node WHERE id = $1 FOR KEY SHARE), \
         waiting AS MATERIALIZED (\
           SELECT r.tid FROM me, unnest($2::text[], $3::int[]) AS w(lane, n) CROSS JOIN LATERAL (\
             SELECT q.ctid AS tid FROM notifyhub.task q WHERE q.state = 2 AND q.lane = w.lane COLLATE \"C\" \
             ORDER BY q.rank, q.notification, q.place LIMIT w.n FOR UPDATE SKIP LOCKED) r), \
         expired AS MATERIALIZED (\
           SELECT q.ctid AS tid FROM notifyhub.task q WHERE $4 AND q.wake <= $5 AND q.expires <= $5 AND q.state <> 3 \
           ORDER BY q.wake LIMIT $6 FOR UPDATE SKIP LOCKED), \
         alone AS MATERIALIZED (\
           SELECT q.ctid AS tid FROM notifyhub.task q WHERE $7 AND q.state = 4 AND NOT q.lane = ANY($8) AND ($9 OR q.lane = ANY($2)) \
           ORDER BY q.rank LIMIT 1 FOR UPDATE SKIP LOCKED), \
         t AS (\
           UPDATE notifyhub.task SET state = 3, node = $1, token = nextval('notifyhub.token'), wake = NULL \
           WHERE EXISTS (SELECT FROM me) AND ctid = ANY(ARRAY(\
             SELECT tid FROM waiting UNION SELECT tid FROM expired UNION SELECT tid FROM alone)) RETURNING *) \
         SELECT {TASK_COLUMNS}, t.token, t.chain, t.rank, t.crashes FROM t JOIN notifyhub.notification n ON n.id = t.notification"
    );
    let parameters = &[
        Type::INT4,
        Type::TEXT_ARRAY,
        Type::INT4_ARRAY,
        Type::BOOL,
        Type::INT8,
        Type::INT8,
        Type::BOOL,
        Type::TEXT_ARRAY,
        Type::BOOL,
    ];
    let columns = [TASK_TYPES.as_slice(), &[Type::INT8, Type::INT8, Type::INT8, Type::INT2]].concat();
    Routine::statement("claim", parameters, &columns, &sql)
});

/// What waits, as far as it can be told without claiming it.
#[derive(Default)]
struct Waiting {
    /// Lanes, the one that waits longest first.
    lanes: Vec<String>,
    /// When the next task wakes.
    wake: Option<i64>,
    /// Whether one waits that runs alone.
    alone: bool,
}

async fn waiting(client: &Client) -> Result<Waiting, Failure> {
    read_waiting(LANES.query(client, &[]).await?)
}

fn read_waiting(rows: Vec<Row>) -> Result<Waiting, Failure> {
    let (mut found, mut lanes) = (Waiting::default(), Vec::new());
    for row in rows {
        match row.try_get::<_, Option<String>>(0)? {
            Some(lane) => lanes.push((row.try_get::<_, Option<i64>>(1)?, lane)),
            None => (found.wake, found.alone) = (row.try_get(1)?, row.try_get(2)?),
        }
    }
    lanes.sort();
    found.lanes = lanes.into_iter().map(|(_, lane)| lane).collect();
    Ok(found)
}

/// Claims due tasks within `credits`, and what has expired.
pub async fn claim(core: &Core, client: &Client, credits: &Credits) -> Result<Claimed, Failure> {
    let now = core.now();
    let mut before = waiting(client).await?;
    let woken = before.wake.is_some_and(|wake| wake <= now);
    if woken {
        client.execute_typed(AWAKE, &[(&now, Type::INT8), (&WOKEN_MAX, Type::INT8)]).await?;
        before = waiting(client).await?;
    }
    let mut round = Round::new(core, credits, &before, now, woken);
    let mut last = before;
    let leaving = steps::leave(core, client, credits).await?;
    if !leaving.is_empty() {
        last = waiting(client).await?;
        round.take(core, client, leaving, &last).await?;
        round.asked = false;
    }
    while let Some(wants) = round.wants() {
        let (claimed, left) = tokio::join!(round.ask(client, &wants), LANES.query(client, &[]));
        failpoint!("claim.in_tx");
        let claimed = claimed?;
        let some = !claimed.is_empty();
        last = read_waiting(left?)?;
        round.take(core, client, claimed, &last).await?;
        if !some {
            // Others were faster.
            break;
        }
    }
    let mut book = core.book();
    book.ready = last.lanes.iter().cloned().collect();
    book.next_wake = last.wake.unwrap_or(i64::MAX);
    drop(book);
    let Round { leases, urls, .. } = round;
    let left = last.lanes.iter().map(|lane| lane_from(lane)).collect();
    Ok(Claimed { leases, left, next_due: last.wake.map(moment), urls })
}

/// One claim on its way.
struct Round<'a> {
    credits: &'a Credits,
    node: i32,
    now: i64,
    /// Lanes with credit on which something waits, with what is left of that credit.
    lanes: Vec<(String, usize)>,
    /// Lanes without credit.
    barred: Vec<String>,
    alone: bool,
    expired: bool,
    left: usize,
    asked: bool,
    leases: Vec<Lease>,
    urls: Vec<UrlPlatform>,
    heads: Heads,
}

impl<'a> Round<'a> {
    fn new(core: &Core, credits: &'a Credits, waiting: &Waiting, now: i64, expired: bool) -> Self {
        let named: HashMap<&LaneKey, usize> = credits.lanes.iter().map(|(lane, credit)| (lane, *credit)).collect();
        let credit = |lane: &str| named.get(&lane_from(lane)).copied().unwrap_or(credits.others);
        let lanes = waiting.lanes.iter().map(|lane| (lane.clone(), credit(lane))).filter(|(_, credit)| *credit > 0);
        let barred = credits.lanes.iter().filter(|(_, credit)| *credit == 0).map(|(lane, _)| super::rows::lane_text(lane));
        Self {
            credits,
            node: core.node(),
            now,
            lanes: lanes.collect(),
            barred: barred.collect(),
            alone: waiting.alone && credits.total > 0 && core.book().alone.is_none(),
            expired,
            left: credits.total,
            asked: false,
            leases: Vec::new(),
            urls: Vec::new(),
            heads: Heads::new(),
        }
    }

    /// How much to ask of each lane next, its share of what is left at most; `None` if nothing is to be asked for.
    fn wants(&self) -> Option<Vec<(String, usize)>> {
        let mut left = self.left;
        let share = (left / self.lanes.len().max(1)).max(1);
        let wants = self.lanes.iter().filter_map(|(lane, credit)| {
            let count = share.min(*credit).min(left);
            left -= count;
            (count > 0).then(|| (lane.clone(), count))
        });
        let wants: Vec<_> = wants.collect();
        (!wants.is_empty() || (!self.asked && (self.expired || self.alone))).then_some(wants)
    }

    async fn ask(&self, client: &Client, wants: &[(String, usize)]) -> Result<Vec<Row>, Failure> {
        let lanes: Vec<&str> = wants.iter().map(|(lane, _)| lane.as_str()).collect();
        let counts: Vec<i32> = wants.iter().map(|(_, count)| i32::try_from(*count).unwrap_or(i32::MAX)).collect();
        let (expired, alone) = (self.expired && !self.asked, self.alone && !self.asked);
        let (barred, others) = (&self.barred, self.credits.others > 0);
        CLAIM.query(client, &[&self.node, &lanes, &counts, &expired, &self.now, &WOKEN_MAX, &alone, barred, &others]).await
    }

    /// Takes in what was claimed: oldest first within a lane. A task whose row is damaged is dead: the others go on.
    async fn take(&mut self, core: &Core, client: &Client, rows: Vec<Row>, last: &Waiting) -> Result<(), Failure> {
        self.asked = true;
        let (mut found, mut damaged) = (Vec::new(), Vec::new());
        for row in &rows {
            let token = LeaseToken(u64::try_from(row.try_get::<_, i64>(16)?).unwrap_or_default());
            let (chain, rank, crashes): (Option<i64>, i64, i16) = (row.try_get(17)?, row.try_get(18)?, row.try_get(19)?);
            let number = |column| row.try_get::<_, i32>(column).map(|count| u32::try_from(count).unwrap_or_default());
            let lease = match task(row, &mut self.heads) {
                Ok(task) => Lease { token, task, counted: number(4)?, tries: number(5)? },
                Err(Failure::Damaged(error)) => {
                    tracing::error!(%error, "a stored task cannot be read: it is dead");
                    damaged.push(Final::unsent(
                        row.try_get(0)?,
                        row.try_get(1)?,
                        token,
                        TaskState::Dead,
                        Some(DeadReason::Damaged),
                    ));
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let mut book = core.book();
            book.leases.insert(token);
            if let Some(chain) = chain {
                book.chained.insert(token, chain);
            }
            if crashes >= QUARANTINE_AFTER {
                book.alone = Some(token);
            }
            found.push((rank, lease));
        }
        found.sort_by_key(|(rank, lease)| (lease.task.lane.clone(), *rank, lease.task.id));
        let mut taken: HashMap<String, usize> = HashMap::new();
        for (_, lease) in &found {
            *taken.entry(super::rows::lane_text(&lease.task.lane)).or_default() += 1;
        }
        for (lane, credit) in &mut self.lanes {
            *credit = credit.saturating_sub(taken.get(lane).copied().unwrap_or_default());
        }
        self.lanes.retain(|(lane, credit)| *credit > 0 && last.lanes.contains(lane));
        self.left = self.left.saturating_sub(found.len());
        self.urls.extend(self.unknown_urls(core, client, &found).await?);
        self.leases.extend(found.into_iter().map(|(_, lease)| lease));
        if !damaged.is_empty() {
            end_all(core, client, &damaged, part::OTHER).await?;
        }
        Ok(())
    }

    /// The URLs behind platforms that another node was given.
    async fn unknown_urls(&self, core: &Core, client: &Client, found: &[(i64, Lease)]) -> Result<Vec<UrlPlatform>, Failure> {
        let names: Vec<&PlatformName> = {
            let book = core.book();
            let named = found.iter().map(|(_, lease)| lease.task.platform());
            let mut names: Vec<_> = named.filter(|name| name.as_str().contains("://") && !book.urls.contains(*name)).collect();
            names.dedup();
            names
        };
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let names: Vec<&str> = names.into_iter().map(PlatformName::as_str).collect();
        let sql = "SELECT platform, url, trusted FROM notifyhub.url WHERE platform = ANY($1)";
        let rows = client.query_typed(sql, &[(&names, Type::TEXT_ARRAY)]).await?;
        let urls: Vec<UrlPlatform> = rows.iter().map(super::url_platform).collect::<Result<_, _>>()?;
        core.book().urls.extend(urls.iter().map(|url| url.name.clone()));
        Ok(urls)
    }
}
