//! What was sent on lanes with long limits: written with the attempt, read by whoever comes to keep the limit.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use rusqlite::{Connection, ToSql, params};

use super::{failure::Failure, session::Session};
use crate::store::{Limit, Owned, Settlement, Spent, Whose, codec};

const SPEND: &str = "INSERT INTO spent (lane, recipient, at, tasks, weight, until) VALUES (?1, ?2, ?3, 1, ?4, ?5) \
                     ON CONFLICT DO UPDATE SET tasks = tasks + 1, weight = weight + excluded.weight";

/// What a process that died had claimed may have been sent: it counts as sent now, and as one.
const SPEND_CLAIMED: &str = "\
INSERT INTO spent (lane, recipient, at, tasks, weight, until) \
SELECT lane, coalesce(recipient, ''), ?2, 1, 1, ?3 FROM task WHERE seq = ?1 AND state IN (2, 3, 4) \
ON CONFLICT DO UPDATE SET tasks = tasks + 1, weight = weight + 1";

/// Counts what may have been sent by a process that died, for limits that look back as far as this.
pub fn spend_claimed(db: &Connection, seqs: impl Iterator<Item = i64>, now: i64, looks_back: Duration) -> Result<(), Failure> {
    let until = now.saturating_add(codec::length(looks_back));
    let mut spend = db.prepare(SPEND_CLAIMED)?;
    for seq in seqs.filter(|_| !looks_back.is_zero()) {
        spend.execute([seq, now, until])?;
    }
    Ok(())
}

impl Session<'_> {
    /// Writes down what the attempt used up of long limits of its lane.
    pub fn spend(&self, settlement: &Settlement, lane: i64) -> Result<(), Failure> {
        let Some(spends) = settlement.spends else { return Ok(()) };
        let recipient = settlement.task.recipient.as_deref().filter(|_| spends.recipient).unwrap_or_default();
        let at = codec::nanos(spends.at);
        let until = at.saturating_add(codec::length(spends.counts_for));
        self.db.prepare_cached(SPEND)?.execute(params![lane, recipient, at, spends.weight, until])?;
        Ok(())
    }

    /// What was sent within these limits before. Nobody else sends within them, but the process before may just have.
    pub fn own(&self, limits: &[Limit]) -> Result<Vec<Owned>, Failure> {
        let before = Some(self.book.sent_before).filter(|before| *before > 0).map(codec::moment);
        let left = |limit: &Limit| {
            let ago = self.wall.duration_since(before?).unwrap_or_default();
            limit.short.checked_sub(ago).filter(|left| !left.is_zero())
        };
        let owned = limits.iter().map(|limit| match left(limit) {
            Some(left) => Ok(Owned::Soon(left)),
            None => Ok(Owned::Here(self.spent(limit)?)),
        });
        owned.collect()
    }

    fn spent(&self, limit: &Limit) -> Result<Vec<Spent>, Failure> {
        if limit.long.is_zero() {
            return Ok(Vec::new());
        }
        let since = codec::nanos(self.wall.checked_sub(limit.long).unwrap_or(SystemTime::UNIX_EPOCH));
        let mut spent = Vec::new();
        match &limit.whose {
            Whose::Lane(lane) => {
                let number = self.book.lanes.number(lane).unwrap_or_default();
                self.read_spent("lane = ?1", &number, since, &mut spent)?;
            }
            Whose::Platforms(platforms) => {
                for platform in platforms {
                    let lanes = "lane IN (SELECT id FROM lane WHERE platform = ?1)";
                    self.read_spent(lanes, &platform.as_str(), since, &mut spent)?;
                }
            }
        }
        Ok(spent)
    }

    fn read_spent(&self, lanes: &str, which: &dyn ToSql, since: i64, spent: &mut Vec<Spent>) -> Result<(), Failure> {
        let sql = format!("SELECT lane, recipient, at, tasks, weight FROM spent WHERE {lanes} AND at > ?2");
        let mut select = self.db.prepare_cached(&sql)?;
        let mut rows = select.query(params![which, since])?;
        while let Some(row) = rows.next()? {
            let Some(lane) = self.book.lanes.key(row.get(0)?).cloned() else { continue };
            let recipient = Some(row.get::<_, String>(1)?).filter(|name| !name.is_empty()).map(Arc::from);
            let number = |column| row.get::<_, i64>(column).map(i64::unsigned_abs);
            spent.push(Spent { lane, recipient, at: codec::moment(row.get(2)?), tasks: number(3)?, weight: number(4)? });
        }
        Ok(())
    }
}
