//! Claiming: what is due goes to whoever has credit for it, and what has expired to be ended.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use rusqlite::params;

use super::{
    book::Leased,
    failure::Failure,
    rows::{HEAD_COLUMNS, HeadRow, Heads, TASK_COLUMNS, TaskRow, id_bytes, state},
    session::Session,
};
use crate::{
    failpoint::failpoint,
    store::{Claimed, Credits, Lease, codec},
    task::{DeadReason, NotificationId, Task, TaskState},
};

/// When a claim may be made again while the disk is nearly full.
const LOW_WAIT: Duration = Duration::from_secs(1);

/// Tasks whose moment has come that are looked at in one call at most.
const WOKEN_MAX: usize = 4096;

impl Session<'_> {
    /// Claims due tasks within `credits`, and what has expired.
    pub fn claim(&mut self, credits: &Credits) -> Result<Claimed, Failure> {
        let mut claimed = Claimed::default();
        if self.space.is_low() {
            // What is sent could not be recorded.
            claimed.next_due = Some(self.wall + LOW_WAIT);
            return Ok(claimed);
        }
        let mut heads = Heads::new();
        for seq in self.awake()? {
            self.claim_one(seq, &mut heads, &mut claimed)?;
        }
        for seq in self.leaving(credits)? {
            self.claim_one(seq, &mut heads, &mut claimed)?;
        }
        if let Some(seq) = self.quarantined(credits)? {
            self.claim_one(seq, &mut heads, &mut claimed)?;
        }
        let wanting = self.wanting(credits)?;
        let share = (credits.total / wanting.len().max(1)).max(1);
        let mut taken = 0;
        let mut credit_of: HashMap<i64, usize> = HashMap::new();
        for part in [share, usize::MAX] {
            for (lane, credit) in &wanting {
                let left = credit_of.entry(*lane).or_insert(*credit);
                let count = part.min(*left).min(credits.total - taken);
                if count == 0 || !self.book.lanes.is_ready(*lane) {
                    continue;
                }
                let found = self.waiting(*lane, count)?;
                *left -= found.len();
                taken += found.len();
                for seq in found {
                    self.claim_one(seq, &mut heads, &mut claimed)?;
                }
                let more = !self.waiting(*lane, 1)?.is_empty();
                self.book.lanes.set_ready(*lane, more);
            }
        }
        let mut left: BTreeSet<i64> = self.book.lanes.ready().collect();
        left.extend(self.left_alone()?);
        claimed.left = left.into_iter().filter_map(|lane| self.book.lanes.key(lane).cloned()).collect();
        self.book.next_wake = self.next_wake()?;
        claimed.next_due = Some(self.book.next_wake).filter(|wake| *wake < i64::MAX).map(codec::moment);
        Ok(claimed)
    }

    /// The lanes with credit on which something waits, the one that waits longest first.
    fn wanting(&mut self, credits: &Credits) -> Result<Vec<(i64, usize)>, Failure> {
        let named: HashMap<_, _> = credits.lanes.iter().map(|(lane, credit)| (lane, *credit)).collect();
        let ready: Vec<i64> = self.book.lanes.ready().collect();
        let mut wanting = Vec::new();
        for lane in ready {
            let key = self.book.lanes.key(lane);
            let credit = key.and_then(|key| named.get(key).copied()).unwrap_or(credits.others);
            match self.waiting(lane, 1)?.first() {
                Some(seq) if credit > 0 => wanting.push((*seq, (lane, credit))),
                Some(_) => {}
                None => self.book.lanes.set_ready(lane, false),
            }
        }
        wanting.sort_unstable_by_key(|(seq, _)| *seq);
        Ok(wanting.into_iter().map(|(_, lane)| lane).collect())
    }

    /// The first `count` tasks that wait on a lane.
    fn waiting(&self, lane: i64, count: usize) -> Result<Vec<i64>, Failure> {
        let sql = "SELECT seq FROM task WHERE state = 2 AND lane = ?1 ORDER BY rank, seq";
        let mut select = self.db.prepare_cached(sql)?;
        let mut rows = select.query([lane])?;
        let mut found = Vec::new();
        while found.len() < count
            && let Some(row) = rows.next()?
        {
            let seq = row.get(0)?;
            if self.book.token_of(seq).is_none() {
                found.push(seq);
            }
        }
        Ok(found)
    }

    /// The lanes of tasks that run alone and could: nothing but credit of their lanes is missing.
    fn left_alone(&self) -> Result<Vec<i64>, Failure> {
        if self.book.claimed().any(|leased| leased.state == state::QUARANTINED) {
            return Ok(Vec::new());
        }
        let mut select = self.db.prepare_cached("SELECT DISTINCT lane FROM task WHERE state = 4")?;
        Ok(select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
    }

    /// The next task that runs alone: only one of them at a time, so that it is known which of them kills a process.
    fn quarantined(&self, credits: &Credits) -> Result<Option<i64>, Failure> {
        if credits.total == 0 || self.book.claimed().any(|leased| leased.state == state::QUARANTINED) {
            return Ok(None);
        }
        let mut select = self.db.prepare_cached("SELECT seq, lane FROM task WHERE state = 4 ORDER BY rank")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let key = self.book.lanes.key(row.get(1)?);
            if key.is_some_and(|key| credits.of(key) > 0) {
                return Ok(Some(row.get(0)?));
            }
        }
        Ok(None)
    }

    /// Whether anything waits on a lane that could be claimed.
    pub fn anything_waits(&self, lane: i64) -> Result<bool, Failure> {
        Ok(!self.waiting(lane, 1)?.is_empty())
    }

    /// Wakes what has become due: it waits on its lane from now on. Returns what has expired or may wait at its
    /// step no longer, and is not claimed.
    pub fn awake(&mut self) -> Result<Vec<i64>, Failure> {
        let mut ended = Vec::new();
        if self.book.next_wake > self.now {
            return Ok(ended);
        }
        for Woken { seq, due, lane, expires } in self.woken()? {
            let ends = expires.into_iter().chain(self.step_until(seq)?).min();
            if ends.is_some_and(|ends| ends <= self.now) {
                ended.push(seq);
                continue;
            }
            if due > self.now {
                let mut update = self.db.prepare_cached("UPDATE task SET wake = ?2 WHERE seq = ?1")?;
                update.execute(params![seq, super::enqueue::wake(due, ends.unwrap_or_default())])?;
                continue;
            }
            let mut update =
                self.db.prepare_cached("UPDATE task SET state = 2, due = 0, wake = ?2 WHERE seq = ?1 AND state = 5")?;
            update.execute(params![seq, ends.unwrap_or_default()])?;
            self.book.lanes.set_ready(lane, true);
        }
        self.book.next_wake = self.next_wake()?;
        Ok(ended)
    }

    /// Waiting tasks whose moment has come, but for those that are claimed.
    fn woken(&self) -> Result<Vec<Woken>, Failure> {
        let sql = "SELECT task.seq, task.due, task.lane, notification.expires FROM task \
                   JOIN notification ON notification.id = task.notification WHERE wake > 0 AND wake <= ?1 ORDER BY wake";
        let mut select = self.db.prepare_cached(sql)?;
        let mut rows = select.query([self.now])?;
        let mut woken = Vec::new();
        while woken.len() < WOKEN_MAX
            && let Some(row) = rows.next()?
        {
            let seq = row.get(0)?;
            if self.book.token_of(seq).is_none() {
                woken.push(Woken { seq, due: row.get(1)?, lane: row.get(2)?, expires: row.get(3)? });
            }
        }
        Ok(woken)
    }

    /// When the next task that is not claimed wakes; the end of time if none does.
    fn next_wake(&self) -> Result<i64, Failure> {
        let mut select = self.db.prepare_cached("SELECT wake, seq FROM task WHERE wake > 0 ORDER BY wake")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            if self.book.token_of(row.get(1)?).is_none() {
                return Ok(row.get(0)?);
            }
        }
        Ok(i64::MAX)
    }

    /// Takes into account that a task wakes then; 0 is never.
    pub fn wake_at(&mut self, wake: i64) {
        if wake > 0 {
            self.book.next_wake = self.book.next_wake.min(wake);
        }
    }

    /// Claims one task. One whose row is damaged is dead: the others go on.
    fn claim_one(&mut self, seq: i64, heads: &mut Heads, claimed: &mut Claimed) -> Result<(), Failure> {
        match self.read_task(seq, heads) {
            Ok((row, task)) => {
                let HeadRow { first, tasks, .. } = heads[&task.head.id];
                let lease = self.lease(&row, task, first, tasks)?;
                claimed.leases.push(lease);
                Ok(())
            }
            Err(failure) if failure.is_damage() => self.bury(seq, &failure),
            Err(failure) => Err(failure),
        }
    }

    fn lease(&mut self, row: &Claimable, task: Arc<Task>, first: i64, tasks: i64) -> Result<Lease, Failure> {
        let unfinished = if tasks > 1 && !self.book.knows_fanout(first) { self.unfinished(first, tasks)? } else { tasks };
        let Claimable { seq, state, lane, counted, tries } = *row;
        let batch = self.journal(seq);
        failpoint!("claim.in_tx");
        let leased = Leased { seq, first, tasks, lane, state, counted, tries, batch, cancelled: false, begun: false };
        let token = self.book.lease(leased, || unfinished);
        self.book.counts.waiting -= 1;
        self.book.counts.leased += 1;
        Ok(Lease { token, task, counted, tries })
    }

    /// How many tasks of a notification are not final.
    pub fn unfinished(&self, first: i64, tasks: i64) -> Result<i64, Failure> {
        let sql = "SELECT count(*) FROM task WHERE seq >= ?1 AND seq < ?1 + ?2 AND state < 10";
        Ok(self.db.prepare_cached(sql)?.query_row(params![first, tasks], |row| row.get(0))?)
    }

    /// A task with its notification.
    pub fn read_task(&self, seq: i64, heads: &mut Heads) -> Result<(Claimable, Arc<Task>), Failure> {
        let mut select = self.db.prepare_cached(&format!("SELECT {TASK_COLUMNS} FROM task WHERE seq = ?1"))?;
        let row = select.query_row([seq], TaskRow::read)?;
        let head = match heads.get(&row.notification) {
            Some(known) => known.head.clone(),
            None => {
                let read = self.read_head(row.notification)?;
                let read = read.ok_or_else(|| Failure::damaged(format!("task {seq} belongs to no notification")))?;
                heads.entry(row.notification).or_insert(read).head.clone()
            }
        };
        let claimable = Claimable { seq, state: row.state, lane: row.lane, counted: row.counted, tries: row.tries };
        let until = if head.failovers.is_empty() { None } else { self.step_until(seq)? };
        Ok((claimable, row.task(&head, &self.book.lanes, until.map(codec::moment))?))
    }

    /// A notification, if it is there.
    pub fn read_head(&self, id: NotificationId) -> Result<Option<HeadRow>, Failure> {
        let mut select = self.db.prepare_cached(&format!("SELECT {HEAD_COLUMNS} FROM notification WHERE id = ?1"))?;
        let mut rows = select.query([id_bytes(id)])?;
        rows.next()?.map(HeadRow::read).transpose()
    }

    /// Ends a task that cannot be read.
    fn bury(&mut self, seq: i64, failure: &Failure) -> Result<(), Failure> {
        tracing::error!(error = %failure, seq, "a stored task cannot be read: it is dead");
        let mut update = self.db.prepare_cached("UPDATE task SET state = ?2, wake = 0, dead = ?3, ended = ?4 WHERE seq = ?1")?;
        update.execute(params![seq, super::rows::final_code(TaskState::Dead), DeadReason::Damaged.as_str(), self.now])?;
        self.book.counts.waiting -= 1;
        self.book.counts.dead += 1;
        self.unlink(seq)?;
        Ok(())
    }
}

/// A waiting task whose moment has come.
struct Woken {
    seq: i64,
    due: i64,
    lane: i64,
    expires: Option<i64>,
}

/// What a claim needs of a task's row.
pub struct Claimable {
    pub seq: i64,
    pub state: i64,
    pub lane: i64,
    pub counted: u32,
    pub tries: u32,
}
