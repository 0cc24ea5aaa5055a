//! What a submission asks of the store besides being kept: order, replacing an older one, and not to repeat itself.

use std::sync::Arc;

use ring::digest::{SHA256, digest};
use rusqlite::{OptionalExtension, params};

use super::{
    enqueue::wake,
    failure::Failure,
    rows::{id_bytes, id_from, state},
    session::Session,
};
use crate::{
    store::{Cancelled, Enqueued, Submission, codec},
    task::Task,
};

impl Session<'_> {
    /// The earlier notification that stands for this one: it has the same content, for every target.
    pub fn repeats(&self, submission: &Submission) -> Result<Option<Enqueued>, Failure> {
        let mut first = None;
        for task in &*submission.tasks {
            match self.recent(submission, task)? {
                Some(id) => first.get_or_insert(id),
                None => return Ok(None),
            };
        }
        Ok(first.map(|id| Enqueued::Known(id_from(id))))
    }

    /// The notification with which the same content was accepted for the target of `task`.
    fn recent(&self, submission: &Submission, task: &Task) -> Result<Option<[u8; 16]>, Failure> {
        let Some(content) = content(submission, task) else { return Ok(None) };
        let mut select = self.db.prepare_cached("SELECT notification FROM recent WHERE content = ?1 AND expires > ?2")?;
        Ok(select.query_row(params![content, self.now], |row| row.get(0)).optional()?)
    }

    /// Cancels what a submission that was just stored replaces, and those of its own tasks that repeat others.
    pub fn apply_keys(&mut self, submission: &Submission, repeated: &[bool]) -> Result<Vec<Cancelled>, Failure> {
        let (keys, id, mut cancelled) = (&submission.keys, submission.head.id, Vec::new());
        if let Some(key) = &keys.replace {
            let mut select = self.db.prepare_cached("SELECT notification FROM replaceable WHERE key = ?1")?;
            let older: Option<[u8; 16]> = select.query_row([&**key], |row| row.get(0)).optional()?;
            if let Some(older) = older {
                cancelled.push(self.cancel(id_from(older))?);
            }
            let mut insert = self.db.prepare_cached("INSERT OR REPLACE INTO replaceable VALUES (?1, ?2)")?;
            insert.execute(params![&**key, id_bytes(id)])?;
        }
        if let Some((_, window)) = keys.dedupe {
            let ends = self.now.saturating_add(codec::length(window));
            for (task, _) in submission.tasks.iter().zip(repeated).filter(|(_, repeated)| !**repeated) {
                let mut insert = self.db.prepare_cached("INSERT OR REPLACE INTO recent VALUES (?1, ?2, ?3)")?;
                insert.execute(params![content(submission, task), id_bytes(id), ends])?;
            }
            if repeated.contains(&true) {
                let meant = |task: &Task| repeated.get(task.index as usize) == Some(&true);
                cancelled.push(self.cancel_those(id, meant)?);
            }
        }
        cancelled.retain(|one| *one != Cancelled::default());
        Ok(cancelled)
    }

    /// Which tasks of a submission repeat what was accepted for the same target.
    pub fn repeated(&self, submission: &Submission) -> Result<Vec<bool>, Failure> {
        if submission.keys.dedupe.is_none() {
            return Ok(Vec::new());
        }
        submission.tasks.iter().map(|task| Ok(self.recent(submission, task)?.is_some())).collect()
    }

    /// Writes the place of a task in its order down; whether one before it is unfinished.
    pub fn link(&mut self, seq: i64, order: &Option<Arc<str>>, task: &Task) -> Result<bool, Failure> {
        let Some(order) = order else { return Ok(false) };
        let hash = digest(&SHA256, format!("{}\n{order}", task.platform()).as_bytes());
        let key = i64::from_le_bytes(hash.as_ref()[..8].try_into().expect("eight bytes"));
        let mut select = self.db.prepare_cached("SELECT 1 FROM chain WHERE key = ?1 LIMIT 1")?;
        let held = select.exists([key])?;
        self.db.prepare_cached("INSERT INTO chain (seq, key) VALUES (?1, ?2)")?.execute([seq, key])?;
        self.book.has_chains = true;
        Ok(held)
    }

    /// A task has become final: the next one of its order goes on, in this very transaction.
    pub fn unlink(&mut self, seq: i64) -> Result<(), Failure> {
        self.forget_step(seq)?;
        if !self.book.has_chains {
            return Ok(());
        }
        let mut delete = self.db.prepare_cached("DELETE FROM chain WHERE seq = ?1 RETURNING key")?;
        let key: Option<i64> = delete.query_row([seq], |row| row.get(0)).optional()?;
        let Some(key) = key else { return Ok(()) };
        let sql = "SELECT task.seq, task.lane, notification.not_before, notification.expires FROM chain \
                   JOIN task ON task.seq = chain.seq JOIN notification ON notification.id = task.notification \
                   WHERE chain.key = ?1 AND task.seq = (SELECT min(seq) FROM chain WHERE key = ?1) AND task.state = ?2";
        let next = |row: &rusqlite::Row<'_>| {
            let (seq, lane) = (row.get::<_, i64>(0)?, row.get::<_, i64>(1)?);
            Ok((seq, lane, row.get::<_, Option<i64>>(2)?, row.get::<_, Option<i64>>(3)?))
        };
        let next = self.db.prepare_cached(sql)?.query_row(params![key, state::HELD], next).optional()?;
        if let Some((seq, lane, not_before, expires)) = next {
            let due = not_before.filter(|due| *due > self.now);
            let expires = expires.unwrap_or_default();
            let (code, wake) = match due {
                Some(due) => (state::SCHEDULED, wake(due, expires)),
                None => (state::WAITING, expires),
            };
            let mut update = self.db.prepare_cached("UPDATE task SET state = ?2, due = ?3, wake = ?4 WHERE seq = ?1")?;
            update.execute(params![seq, code, due.unwrap_or_default(), wake])?;
            self.wake_at(wake);
            if due.is_none() {
                self.book.lanes.set_ready(lane, true);
            }
            self.ring();
        }
        Ok(())
    }
}

/// What is said to the target of a task, if that is looked at.
fn content(submission: &Submission, task: &Task) -> Option<Vec<u8>> {
    let (hash, _) = submission.keys.dedupe?;
    let text = format!("{hash:x}\n{}\n{}", task.platform(), task.recipient.as_deref().unwrap_or_default());
    Some(digest(&SHA256, text.as_bytes()).as_ref()[..16].to_vec())
}
