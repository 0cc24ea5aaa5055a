//! Dead letters: they wait again, or are forgotten, because a person says so.

use std::collections::HashSet;

use rusqlite::params;

use super::{
    failure::Failure,
    list::{List, find},
    rows::{id_bytes, state},
    session::Session,
};
use crate::{
    store::{ListedTask, TaskFilter},
    task::TaskState,
};

impl Session<'_> {
    /// Lets dead tasks wait again, behind all others, with all their attempts before them.
    pub fn requeue(&mut self, filter: &TaskFilter, max: usize) -> Result<usize, Failure> {
        let dead = self.dead(filter, max)?;
        let rank = self.book.ranks.next(self.wall, Default::default()).of(false);
        for (seq, task) in &dead {
            let place = i64::from(task.outcome.task.index().unwrap_or_default());
            let sql = "UPDATE task SET state = ?2, dead = NULL, due = 0, rank = ?3, counted = 0, crashes = 0, \
                       wake = coalesce((SELECT expires FROM notification WHERE id = task.notification), 0) \
                       WHERE seq = ?1 RETURNING lane";
            let lane = self.db.prepare_cached(sql)?.query_row(params![seq, state::WAITING, rank], |row| row.get(0))?;
            self.book.reopen_one(seq - place);
            self.book.lanes.set_ready(lane, true);
            self.book.next_wake = 0;
            self.book.counts.dead -= 1;
            self.book.counts.waiting += 1;
        }
        if !dead.is_empty() {
            self.ring();
        }
        Ok(dead.len())
    }

    /// Forgets dead tasks, and notifications of which nothing is left. The counts keep them.
    pub fn drop_dead(&mut self, filter: &TaskFilter, max: usize) -> Result<usize, Failure> {
        let dead = self.dead(filter, max)?;
        for (seq, task) in &dead {
            self.db.prepare_cached("DELETE FROM task WHERE seq = ?1")?.execute([seq])?;
            let sql = "DELETE FROM notification WHERE id = ?1 AND NOT EXISTS \
                       (SELECT 1 FROM task WHERE seq >= notification.first AND seq < notification.first + notification.tasks)";
            self.db.prepare_cached(sql)?.execute([id_bytes(task.outcome.task.notification())])?;
        }
        Ok(dead.len())
    }

    fn dead(&self, filter: &TaskFilter, max: usize) -> Result<Vec<(i64, ListedTask)>, Failure> {
        let filter = filter.clone().in_state(TaskState::Dead);
        find(self.db, &self.book.lanes, &List { filter: &filter, after: None, max, claimed: &HashSet::new() })
    }
}
