//! Looking up one notification, and cancelling it.

use std::sync::Arc;

use super::{
    failure::Failure,
    rows::{HeadRow, Heads, OUTCOME_COLUMNS, outcome, state},
    session::Session,
};
use crate::{
    store::Cancelled,
    task::{NotificationId, Outcome, Task, TaskState},
};

impl Session<'_> {
    /// Everything known about a notification.
    pub fn find(&self, id: NotificationId) -> Result<Option<Outcome>, Failure> {
        let Some(HeadRow { head, first, tasks }) = self.read_head(id)? else { return Ok(None) };
        let sql = format!("SELECT {OUTCOME_COLUMNS} FROM task WHERE seq >= ?1 AND seq < ?1 + ?2 ORDER BY seq");
        let mut select = self.db.prepare_cached(&sql)?;
        let mut rows = select.query([first, tasks])?;
        let mut targets = Vec::new();
        while let Some(row) = rows.next()? {
            targets.push(outcome(row, &self.book.lanes, |seq| self.book.token_of(seq).is_some())?);
        }
        Ok(Some(Outcome { id, correlation_id: head.correlation_id(), targets }))
    }

    /// Cancels the waiting tasks of a notification and marks its claimed ones.
    pub fn cancel(&mut self, id: NotificationId) -> Result<Cancelled, Failure> {
        self.cancel_those(id, |_| true)
    }

    /// The same for those of its tasks that are meant.
    pub fn cancel_those(&mut self, id: NotificationId, meant: impl Fn(&Task) -> bool) -> Result<Cancelled, Failure> {
        let mut reached = Cancelled::default();
        let Some(HeadRow { first, tasks, head }) = self.read_head(id)? else { return Ok(reached) };
        let mut heads = Heads::from([(id, HeadRow { head, first, tasks })]);
        let mut open = Vec::new();
        {
            let sql = "SELECT seq, state FROM task WHERE seq >= ?1 AND seq < ?1 + ?2 AND state < 10 ORDER BY seq";
            let mut select = self.db.prepare_cached(sql)?;
            let mut rows = select.query([first, tasks])?;
            while let Some(row) = rows.next()? {
                open.push((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
            }
        }
        for (seq, code) in open {
            let (row, task) = self.read_task(seq, &mut heads)?;
            if !meant(&task) {
                continue;
            }
            if let Some(token) = self.book.token_of(seq) {
                self.book.cancel(token);
                reached.under_way.push(task.id);
                continue;
            }
            self.end_unsent(seq, TaskState::Cancelled)?;
            self.book.counts.waiting -= 1;
            self.count_final(TaskState::Cancelled);
            self.book.finish_one(first);
            self.unlink(seq)?;
            if code == state::WAITING {
                let lane = row.lane;
                let more = self.book.lanes.is_ready(lane) && self.anything_waits(lane)?;
                self.book.lanes.set_ready(lane, more);
            }
            reached.cancelled.push(task);
        }
        if !reached.cancelled.is_empty() && self.unfinished(first, tasks)? == 0 {
            reached.finished = self.find(id)?.map(Arc::new);
        }
        Ok(reached)
    }
}
