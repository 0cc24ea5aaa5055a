//! Tasks with several ways: until when they may wait at a step, and how they go to the next.

use rusqlite::{OptionalExtension, params};

use super::{book::Leased, failure::Failure, rows::state, session::Session};
use crate::{
    store::{Credits, LeaseToken, Settlement, codec},
    task::Task,
};

impl Session<'_> {
    /// Writes down until when a task may wait at the step it is at now, if it has another.
    pub fn note_step(&mut self, seq: i64, task: &Task) -> Result<(), Failure> {
        if let Some(until) = task.until {
            self.book.has_steps = true;
            let mut insert = self.db.prepare_cached("INSERT OR REPLACE INTO step (seq, until) VALUES (?1, ?2)")?;
            insert.execute([seq, codec::nanos(until)])?;
        } else {
            self.forget_step(seq)?;
        }
        Ok(())
    }

    /// A task has no other way any more, or needs none.
    pub fn forget_step(&mut self, seq: i64) -> Result<(), Failure> {
        if self.book.has_steps {
            self.db.prepare_cached("DELETE FROM step WHERE seq = ?1")?.execute([seq])?;
        }
        Ok(())
    }

    /// Until when a task may wait at its step, if it has another.
    pub fn step_until(&self, seq: i64) -> Result<Option<i64>, Failure> {
        if !self.book.has_steps {
            return Ok(None);
        }
        let mut select = self.db.prepare_cached("SELECT until FROM step WHERE seq = ?1")?;
        Ok(select.query_row([seq], |row| row.get(0)).optional()?)
    }

    /// What waits on lanes that are shut and has another way.
    pub fn leaving(&self, credits: &Credits) -> Result<Vec<i64>, Failure> {
        let mut leaving = Vec::new();
        if !self.book.has_steps {
            return Ok(leaving);
        }
        let sql = "SELECT step.seq FROM step JOIN task ON task.seq = step.seq WHERE task.lane = ?1 AND task.state = 2";
        for lane in credits.shut.iter().filter_map(|lane| self.book.lanes.number(lane)) {
            let mut select = self.db.prepare_cached(sql)?;
            let mut rows = select.query([lane])?;
            while let Some(row) = rows.next()? {
                let seq = row.get(0)?;
                if self.book.token_of(seq).is_none() {
                    leaving.push(seq);
                }
            }
        }
        Ok(leaving)
    }

    /// A claimed task waits for its next step from now on.
    pub fn go_to_next_step(&mut self, token: LeaseToken, settlement: &Settlement, leased: &Leased) -> Result<(), Failure> {
        let attempts = self.attempts(settlement, leased)?;
        let tries = leased.tries + u32::from(settlement.attempt.is_some());
        let Some(task) = settlement.task.at_next_step(self.wall) else {
            return Err(Failure::damaged(format!("task {} has no other step", leased.seq)));
        };
        let lane = self.lane(&task.lane)?;
        let wake = task.ends_at().map(codec::nanos).unwrap_or_default();
        let mut update = self.db.prepare_cached(
            "UPDATE task SET state = ?2, lane = ?3, recipient = ?4, due = 0, wake = ?5, counted = 0, tries = ?6, attempts = ?7, \
             crashes = 0 WHERE seq = ?1",
        )?;
        let recipient = task.recipient.as_deref();
        update.execute(params![leased.seq, state::WAITING, lane, recipient, wake, tries, attempts])?;
        self.note_step(leased.seq, &task)?;
        self.wake_at(wake);
        self.book.lanes.set_ready(lane, true);
        self.wait_again(token);
        Ok(())
    }
}
