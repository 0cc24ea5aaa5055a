//! Writing what became of claimed tasks, and giving claimed tasks back.

use std::sync::Arc;

use rusqlite::params;

use super::{
    book::Leased,
    enqueue::wake,
    failure::Failure,
    rows::{final_code, state},
    session::{ATTEMPT_ROOM, Session},
};
use crate::{
    failpoint::failpoint,
    store::{ATTEMPTS_MAX, Lease, LeaseToken, Released, Settled, Settlement, codec, history},
    task::{DeadReason, Disposition, Outcome, TargetOutcome, Task, TaskState},
};

impl Session<'_> {
    /// Writes what became of one claimed task.
    pub fn settle(&mut self, settlement: &Settlement) -> Result<Settled, Failure> {
        let mut token = settlement.token;
        if crate::failpoint::is_planted("no_token_check") {
            token = self.current_claim(settlement)?.unwrap_or(token);
        }
        let Some(leased) = self.book.leased(token).cloned() else {
            self.book.counts.stale += 1;
            return Ok(Settled::Stale);
        };
        self.end_sending(&leased)?;
        if settlement.attempt.is_some() {
            self.book.sent = self.now;
            self.spend(settlement, leased.lane)?;
        }
        // One that runs alone lets the next one go while it waits.
        if let Some(kept) = settlement.keeps.as_ref().filter(|_| !leased.cancelled && leased.state != state::QUARANTINED) {
            self.keep(settlement, &leased, kept)?;
            return Ok(Settled::Kept);
        }
        let (state, dead) = match settlement.disposition {
            Disposition::Retry { due, counts } if !leased.cancelled => {
                self.retry(token, settlement, &leased, codec::nanos(due), counts)?;
                return Ok(Settled::Applied);
            }
            Disposition::NextStep(_) if !leased.cancelled => {
                self.go_to_next_step(token, settlement, &leased)?;
                return Ok(Settled::Applied);
            }
            Disposition::Retry { .. } | Disposition::NextStep(_) => (TaskState::Cancelled, None),
            Disposition::Dead(reason) => (TaskState::Dead, Some(reason)),
            other => (other.state(), None),
        };
        let tries = leased.tries + u32::from(settlement.attempt.is_some());
        let attempts = self.attempts(settlement, &leased)?;
        if state == TaskState::Delivered && settlement.task.ends_at().is_none() {
            self.sql.deliver.execute(params![leased.seq, self.now, tries, attempts])?;
        } else {
            let sql = "UPDATE task SET state = ?2, wake = 0, dead = ?3, ended = ?4, tries = ?5, attempts = ?6 WHERE seq = ?1";
            let dead = dead.map(DeadReason::as_str);
            self.db.prepare_cached(sql)?.execute(params![leased.seq, final_code(state), dead, self.now, tries, attempts])?;
        }
        failpoint!("complete.in_tx");
        if state == TaskState::Dead {
            failpoint!("dead.in_tx");
        }
        if self.finish(token, &leased, state)? {
            let outcome = match (leased.tasks, leased.tries) {
                (1, 0) if settlement.task.failover().is_none() => alone(settlement, state, dead),
                _ => self.outcome_of(&settlement.task)?,
            };
            return Ok(Settled::Finished(Arc::new(outcome)));
        }
        Ok(Settled::Applied)
    }

    /// All attempts of a task, the newest with them, as they are stored.
    pub fn attempts(&self, settlement: &Settlement, leased: &Leased) -> Result<String, Failure> {
        let newest = history::added(settlement, self.wall);
        if leased.tries == 0 && settlement.task.failover().is_none() {
            return Ok(padded(newest));
        }
        let mut select = self.db.prepare_cached("SELECT attempts FROM task WHERE seq = ?1")?;
        let earlier: String = select.query_row([leased.seq], |row| row.get(0))?;
        let forgotten = earlier.lines().count().saturating_sub(ATTEMPTS_MAX - newest.lines().count());
        let lines = earlier.lines().skip(forgotten).map(str::trim_end).chain([&*newest]);
        Ok(lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
    }

    fn retry(
        &mut self,
        token: LeaseToken,
        settlement: &Settlement,
        leased: &Leased,
        due: i64,
        counts: bool,
    ) -> Result<(), Failure> {
        let attempts = self.attempts(settlement, leased)?;
        let tries = leased.tries + u32::from(settlement.attempt.is_some());
        let mut update = self.db.prepare_cached(
            "UPDATE task SET state = ?2, due = ?3, wake = ?4, counted = ?5, tries = ?6, attempts = ?7, crashes = 0 WHERE seq = ?1",
        )?;
        let counted = leased.counted + u32::from(counts);
        let ends = settlement.task.ends_at().map(codec::nanos).unwrap_or_default();
        let wake = wake(due.max(1), ends);
        update.execute(params![leased.seq, state::SCHEDULED, due.max(1), wake, counted, tries, attempts])?;
        failpoint!("retry.in_tx");
        self.wake_at(wake);
        self.wait_again(token);
        Ok(())
    }

    /// Writes down an attempt of a task that stays claimed.
    fn keep(&mut self, settlement: &Settlement, leased: &Leased, kept: &Lease) -> Result<(), Failure> {
        if leased.tries < kept.tries {
            let attempts = self.attempts(settlement, leased)?;
            let sql = "UPDATE task SET counted = ?2, tries = ?3, attempts = ?4, crashes = 0 WHERE seq = ?1";
            self.db.prepare_cached(sql)?.execute(params![leased.seq, kept.counted, kept.tries, attempts])?;
            failpoint!("retry.in_tx");
            self.book.tried(kept.token, kept.counted, kept.tries);
        }
        Ok(())
    }

    /// Writes down that sending a claimed task is about to begin. Whether it may be sent.
    pub fn begin_sending(&mut self, token: LeaseToken) -> Result<bool, Failure> {
        let Some(leased) = self.book.leased(token).filter(|leased| !leased.cancelled) else { return Ok(false) };
        let seq = leased.seq;
        self.db.prepare_cached("INSERT OR IGNORE INTO begun (seq) VALUES (?1)")?.execute([seq])?;
        self.book.begin(token);
        failpoint!("begin.in_tx");
        Ok(true)
    }

    /// Whoever has claimed the task now, whatever token is shown: what a planted mistake asks.
    fn current_claim(&self, settlement: &Settlement) -> Result<Option<LeaseToken>, Failure> {
        let head = self.read_head(settlement.task.head.id)?;
        Ok(head.and_then(|head| self.book.token_of(head.first + i64::from(settlement.task.index))))
    }

    /// What was begun has come to an end that is known.
    fn end_sending(&self, leased: &Leased) -> Result<(), Failure> {
        if leased.begun {
            self.db.prepare_cached("DELETE FROM begun WHERE seq = ?1")?.execute([leased.seq])?;
        }
        Ok(())
    }

    /// Gives claimed tasks back, unattempted.
    pub fn release(&mut self, leases: &[(LeaseToken, Arc<Task>)]) -> Result<Released, Failure> {
        let mut released = Released::default();
        for (token, task) in leases {
            let Some(leased) = self.book.leased(*token).cloned() else { continue };
            self.end_sending(&leased)?;
            if leased.cancelled {
                self.end_unsent(leased.seq, TaskState::Cancelled)?;
                if self.finish(*token, &leased, TaskState::Cancelled)? {
                    released.finished.push(Arc::new(self.outcome_of(task)?));
                }
                released.cancelled.push(task.clone());
                continue;
            }
            if leased.state == state::HANDED {
                let ends = task.ends_at().map(codec::nanos).unwrap_or_default();
                let mut update = self.db.prepare_cached("UPDATE task SET state = 2, wake = ?2 WHERE seq = ?1")?;
                update.execute(params![leased.seq, ends])?;
                self.wake_at(ends);
            }
            if leased.state == state::WAITING {
                self.wake_at(task.ends_at().map(codec::nanos).unwrap_or_default());
            }
            self.book.lanes.set_ready(leased.lane, true);
            self.wait_again(*token);
        }
        Ok(released)
    }

    /// Ends a task without an attempt.
    pub fn end_unsent(&mut self, seq: i64, state: TaskState) -> Result<(), Failure> {
        let mut update = self.db.prepare_cached("UPDATE task SET state = ?2, wake = 0, ended = ?3 WHERE seq = ?1")?;
        update.execute(params![seq, final_code(state), self.now])?;
        Ok(())
    }

    pub fn wait_again(&mut self, token: LeaseToken) {
        let batch = self.book.end(token);
        self.strike_out(batch);
        self.book.counts.leased -= 1;
        self.book.counts.waiting += 1;
        self.ring();
    }

    /// Ends a claim with a final state; whether all tasks of the notification are final by that.
    fn finish(&mut self, token: LeaseToken, leased: &Leased, ended: TaskState) -> Result<bool, Failure> {
        let unfinished = if leased.tasks == 1 { Some(0) } else { self.book.finish_one(leased.first) };
        let batch = self.book.end(token);
        self.strike_out(batch);
        self.book.counts.leased -= 1;
        self.count_final(ended);
        if leased.state == state::QUARANTINED {
            // The next one that runs alone may go.
            self.ring();
        }
        self.unlink(leased.seq)?;
        Ok(unfinished == Some(0))
    }

    /// Counts a task that has become final.
    pub fn count_final(&mut self, state: TaskState) {
        let counts = &mut self.book.counts;
        match state {
            TaskState::Delivered => counts.delivered += 1,
            TaskState::Dead => counts.dead += 1,
            TaskState::Cancelled => counts.cancelled += 1,
            _ => counts.expired += 1,
        }
    }

    fn outcome_of(&self, task: &Task) -> Result<Outcome, Failure> {
        let found = self.find(task.head.id)?;
        found.ok_or_else(|| Failure::damaged(format!("notification {} has vanished", task.head.id)))
    }
}

/// The outcome of a notification with one target, which was claimed once.
fn alone(settlement: &Settlement, state: TaskState, dead: Option<DeadReason>) -> Outcome {
    let task = &settlement.task;
    let target = TargetOutcome {
        task: task.id,
        platform: task.platform().clone(),
        recipient: task.recipient.clone(),
        state,
        dead,
        attempts: settlement.attempt.iter().cloned().collect(),
        left: Vec::new(),
    };
    Outcome { id: task.head.id, correlation_id: task.head.correlation_id(), targets: vec![target] }
}

/// The attempt as long as the room a row has for it.
fn padded(mut attempt: String) -> String {
    const ROOM: &str = match std::str::from_utf8(&[b' '; ATTEMPT_ROOM]) {
        Ok(room) => room,
        Err(_) => "",
    };
    attempt.push_str(&ROOM[attempt.len().min(ATTEMPT_ROOM)..]);
    attempt
}
