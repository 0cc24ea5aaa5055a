//! Forgetting what is finished and old, a slice at a time, and giving its room back.

use std::time::Duration;

use rusqlite::params;

use super::{failure::Failure, session::Session};
use crate::{failpoint::failpoint, store::codec};

/// Notifications looked at, and keys forgotten, in one slice.
const SLICE: i64 = 1000;

/// Pages given back to the file system in one slice.
const PAGES: u32 = 500;

impl Session<'_> {
    /// Forgets a slice of what ended longer than `retention` ago. Returns whether there may be more.
    pub fn prune(&mut self, retention: Duration) -> Result<bool, Failure> {
        let keys = "DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE expires <= ?1 LIMIT ?2)";
        let keys = self.db.prepare_cached(keys)?.execute(params![self.now, SLICE])?;
        let recent = "DELETE FROM recent WHERE content IN (SELECT content FROM recent WHERE expires <= ?1 LIMIT ?2)";
        let keys = keys + self.db.prepare_cached(recent)?.execute(params![self.now, SLICE])?;
        let spent =
            "DELETE FROM spent WHERE (lane, recipient, at) IN (SELECT lane, recipient, at FROM spent WHERE until <= ?1 LIMIT ?2)";
        let keys = keys.max(self.db.prepare_cached(spent)?.execute(params![self.now, SLICE])?);
        let age = codec::length(retention);
        let found = self.candidates(self.now.saturating_sub(age))?;
        let looked_at = found.len() as i64;
        let mut forgotten = 0;
        for (first, tasks, id) in found {
            self.pruned_to = id;
            let open = "SELECT count(*) FROM task WHERE seq >= ?1 AND seq < ?1 + ?2 AND (state < 10 OR ended > ?3)";
            let end = params![first, tasks, self.now.saturating_sub(age)];
            if self.db.prepare_cached(open)?.query_row(end, |row| row.get::<_, i64>(0))? > 0 {
                continue;
            }
            self.db.prepare_cached("DELETE FROM task WHERE seq >= ?1 AND seq < ?1 + ?2")?.execute([first, tasks])?;
            self.db.prepare_cached("DELETE FROM notification WHERE id = ?1")?.execute([id])?;
            self.db.prepare_cached("DELETE FROM replaceable WHERE notification = ?1")?.execute([id])?;
            forgotten += 1;
            failpoint!("prune.in_tx");
        }
        if looked_at < SLICE {
            // The next slice begins anew: what was open may have ended.
            self.pruned_to = [0; 16];
        }
        if forgotten > 0 {
            let mut give_back = self.db.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
            let mut pages = give_back.query([])?;
            while pages.next()?.is_some() {}
        }
        Ok(looked_at == SLICE || keys as i64 >= SLICE)
    }

    /// The next notifications that were accepted before `cutoff`, with their tasks: the first, and how many.
    fn candidates(&self, cutoff: i64) -> Result<Vec<(i64, i64, [u8; 16])>, Failure> {
        let sql = "SELECT first, tasks, id, accepted FROM notification WHERE id > ?1 ORDER BY id LIMIT ?2";
        let mut select = self.db.prepare_cached(sql)?;
        let mut rows = select.query(params![self.pruned_to, SLICE])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            if row.get::<_, i64>(3)? > cutoff {
                break;
            }
            found.push((row.get(0)?, row.get(1)?, row.get(2)?));
        }
        Ok(found)
    }
}
