//! What a process that died left behind, and what is read into memory at the start.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use notifyhub_platforms::contract::Secret;
use rusqlite::{Connection, params};

use super::{book::Book, failure::Failure, lanes::Lanes, limits::spend_claimed, rows::state};
use crate::{
    failpoint::{failpoint, is_planted},
    store::{Counts, UrlPlatform, codec, rank::Ranks},
    task::{DeadReason, LaneKey, PlatformName},
};

/// Processes that may die with a task before it runs alone.
pub const QUARANTINE_AFTER: i64 = 3;

/// Processes that may die with a task before it is dead.
pub const DEAD_AFTER: i64 = 5;

/// What is dead leaves its chain.
const LEAVE_CHAINS: &str = "DELETE FROM chain WHERE (SELECT state FROM task WHERE task.seq = chain.seq) >= 10";

/// What is dead goes no other way.
const LEAVE_STEPS: &str = "DELETE FROM step WHERE (SELECT state FROM task WHERE task.seq = step.seq) >= 10";

/// What is first in its chain by that waits for nothing but its time.
const GO_ON: &str = "\
UPDATE task SET state = 5, wake = 1, due = max(1, coalesce((SELECT not_before FROM notification WHERE id = task.notification), 1)) \
WHERE state = 6 AND seq IN (SELECT min(seq) FROM chain GROUP BY key)";

/// What was being sent, and must not be sent twice, is dead.
const END_AMBIGUOUS: &str =
    "UPDATE task SET state = ?1, wake = 0, dead = ?2, ended = ?3 WHERE seq IN (SELECT seq FROM begun) AND state < 10";

/// What too many processes died with is dead.
const END_POISON: &str = "UPDATE task SET state = ?1, wake = 0, dead = ?2, ended = ?3 WHERE state = 4 AND crashes >= ?4";

/// Takes back what a process that died had claimed, in one transaction, and reads what is kept in memory. What it had and
/// may have been sent counts against limits that look back as far as `looks_back`.
pub fn recover(db: &mut Connection, now: i64, looks_back: Duration) -> Result<Book, Failure> {
    let transaction = db.transaction()?;
    let claimed: Vec<Vec<u8>> =
        transaction.prepare("SELECT tasks FROM claim")?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    // A row stays as long as any of its tasks is claimed: one that was retried meanwhile keeps its time, and one that was
    // claimed again counts once.
    let seqs = claimed.iter().flat_map(|packed| packed.chunks_exact(8));
    let seqs: BTreeSet<i64> = seqs.map(|bytes| i64::from_le_bytes(bytes.try_into().expect("eight bytes"))).collect();
    spend_claimed(&transaction, seqs.iter().copied(), now, looks_back)?;
    let ambiguous = transaction.execute(END_AMBIGUOUS, params![state::DEAD, DeadReason::Ambiguous.as_str(), now])?;
    transaction.execute("DELETE FROM begun", [])?;
    // Whoever had them died with them: that is counted before they are tried again.
    let counted = i64::from(!is_planted("crash_counted_late"));
    let mut recovered = 0;
    {
        let mut update = transaction.prepare(
            "UPDATE task SET crashes = crashes + ?5, due = 0, state = CASE WHEN crashes + ?5 >= ?2 THEN ?3 ELSE ?4 END, \
             wake = coalesce((SELECT min(coalesce(expires, until), coalesce(until, expires)) FROM notification \
               LEFT JOIN step ON step.seq = task.seq WHERE id = task.notification), 0) WHERE seq = ?1 AND state IN (2, 3, 4)",
        )?;
        for seq in seqs {
            recovered += update.execute(params![seq, QUARANTINE_AFTER, state::QUARANTINED, state::WAITING, counted])?;
        }
    }
    let poisoned = transaction.execute(END_POISON, params![state::DEAD, DeadReason::Poison.as_str(), now, DEAD_AFTER])?;
    let dead = (poisoned + ambiguous) as i64;
    transaction.execute("UPDATE counts SET waiting = waiting - ?1, dead = dead + ?1, epoch = epoch + 1", [dead])?;
    // What waited for a task that is dead now waits no more.
    transaction.execute(LEAVE_CHAINS, [])?;
    transaction.execute(LEAVE_STEPS, [])?;
    transaction.execute(GO_ON, [])?;
    transaction.execute("DELETE FROM claim", [])?;
    failpoint!("rescue.in_tx");
    transaction.commit()?;
    if recovered > 0 {
        tracing::warn!(
            tasks = recovered,
            poisoned,
            "the last process ended with {recovered} tasks under way; they are taken up again"
        );
    }
    if ambiguous > 0 {
        tracing::warn!(tasks = ambiguous, "the last process ended while it sent {ambiguous} tasks that must not be sent twice");
    }
    let mut book = read_book(db)?;
    // Of what was under way nobody knows when it was sent.
    // A clock that was ahead is not waited for.
    book.sent_before = if recovered + ambiguous > 0 { now } else { book.sent.min(now) };
    Ok(book)
}

fn read_book(db: &Connection) -> Result<Book, Failure> {
    let mut lanes = read_lanes(db)?;
    lanes.set_all_ready();
    let number = |row: &rusqlite::Row<'_>, index| row.get::<_, i64>(index).map(|count| u64::try_from(count).unwrap_or_default());
    let columns = "epoch, accepted, waiting, delivered, dead, cancelled, expired, stale, sent";
    let (epoch, counts, sent) = db.query_row(&format!("SELECT {columns} FROM counts"), [], |row| {
        let counts = Counts {
            accepted: number(row, 1)?,
            waiting: number(row, 2)?,
            leased: 0,
            delivered: number(row, 3)?,
            dead: number(row, 4)?,
            cancelled: number(row, 5)?,
            expired: number(row, 6)?,
            stale: number(row, 7)?,
        };
        Ok((number(row, 0)?, counts, row.get(8)?))
    })?;
    let last_seq: Option<i64> = db.query_row("SELECT max(seq) FROM task", [], |row| row.get(0))?;
    let last =
        db.query_row("SELECT max(accepted) FROM (SELECT accepted FROM notification ORDER BY id DESC LIMIT 1)", [], |row| {
            row.get::<_, Option<i64>>(0)
        })?;
    let mut book = Book::new(counts, lanes, last_seq.unwrap_or_default(), epoch);
    book.sent = sent;
    book.has_chains = db.query_row("SELECT EXISTS (SELECT 1 FROM chain)", [], |row| row.get(0))?;
    book.has_steps = db.query_row("SELECT EXISTS (SELECT 1 FROM step)", [], |row| row.get(0))?;
    book.ranks = Ranks::behind(last.unwrap_or_default());
    Ok(book)
}

/// The platforms that came as URLs.
pub fn urls(db: &Connection) -> rusqlite::Result<Vec<UrlPlatform>> {
    let mut select = db.prepare("SELECT platform, url, trusted FROM url")?;
    let read = |row: &rusqlite::Row<'_>| {
        let name = PlatformName::internal(row.get::<_, String>(0)?);
        Ok(UrlPlatform { name, url: Arc::new(Secret::new(row.get::<_, String>(1)?)), trusted: row.get(2)? })
    };
    select.query_map([], read)?.collect()
}

/// All lanes of the file.
pub fn read_lanes(db: &Connection) -> rusqlite::Result<Lanes> {
    let mut lanes = Lanes::default();
    let mut select = db.prepare("SELECT id, platform, part FROM lane")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let platform = PlatformName::internal(row.get::<_, String>(1)?);
        lanes.insert(row.get(0)?, LaneKey { platform, part: codec::shared(row.get(2)?) });
    }
    Ok(lanes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_reads_no_table_from_end_to_end() {
        let db = Connection::open_in_memory().expect("it opens");
        db.execute_batch(include_str!("schema.sql")).expect("it is a schema");
        for sql in [LEAVE_CHAINS, GO_ON, END_AMBIGUOUS, END_POISON] {
            let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
            let nothing = rusqlite::params_from_iter(std::iter::repeat_n(0, plan.parameter_count()));
            let steps = plan.query_map(nothing, |row| row.get::<_, String>(3)).expect("its steps");
            let steps: Vec<_> = steps.map(|step| step.expect("a step")).collect();
            assert!(!steps.iter().any(|step| step.starts_with("SCAN task")), "{sql}: {steps:?}");
        }
    }
}
