//! When the store is full: whoever sends waits in line for room, or is told when to come back.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use super::{Hub, HubError};
use crate::store::{Counts, Enqueued, StoreError, Submission};

/// How often the first in line looks for room.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The soonest and the latest that somebody is asked to come back.
const COME_BACK: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60));

/// When somebody is asked to come back where nothing is known yet.
const COME_BACK_UNKNOWN: Duration = Duration::from_secs(1);

/// How long tasks are counted to tell how quickly there is room.
const COUNT_FOR: Duration = Duration::from_secs(1);

/// A part of what the store may hold that should be free when somebody comes back, one in so many.
const ROOM_PART: u64 = 100;

/// Those who wait for room, one behind the other.
#[derive(Debug)]
pub struct Line {
    /// Whether anybody makes room, so that it is worth waiting.
    moves: bool,
    turn: tokio::sync::Mutex<()>,
    waiting: AtomicUsize,
    pace: Mutex<Pace>,
}

/// How quickly tasks leave the store. The mutex is held for a few lines without `.await`.
#[derive(Debug, Default, Clone, Copy)]
struct Pace {
    counted: Option<(Instant, u64)>,
    per_second: Option<f64>,
}

impl Line {
    /// Nobody waits; nobody ever does where nothing is delivered.
    pub fn new(moves: bool) -> Self {
        Self { moves, turn: tokio::sync::Mutex::default(), waiting: AtomicUsize::default(), pace: Mutex::default() }
    }

    /// When whoever has so many tasks should come back.
    fn come_back(&self, tasks: u64, max: u64, counts: Counts, now: Instant) -> Duration {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = counts.accepted.saturating_sub(counts.waiting);
        match pace.counted {
            Some((since, before)) if now.saturating_duration_since(since) >= COUNT_FOR => {
                let span = now.saturating_duration_since(since).as_secs_f64();
                pace.per_second = Some(taken.saturating_sub(before) as f64 / span);
                pace.counted = Some((now, taken));
            }
            Some(_) => {}
            None => pace.counted = Some((now, taken)),
        }
        let Some(per_second) = pace.per_second else { return COME_BACK_UNKNOWN };
        let wanted = tasks.saturating_add(max / ROOM_PART) as f64;
        let wait = Duration::try_from_secs_f64(wanted / per_second).unwrap_or(COME_BACK.1);
        wait.clamp(COME_BACK.0, COME_BACK.1)
    }
}

/// Somebody stands in line until this is dropped.
struct Standing<'a>(&'a Line);

impl<'a> Standing<'a> {
    fn new(line: &'a Line) -> Self {
        line.waiting.fetch_add(1, Relaxed);
        Self(line)
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Relaxed);
    }
}

impl Hub {
    /// Stores a submission as soon as there is room. Whoever comes while others wait stands behind them.
    pub(super) async fn enqueue(&self, submission: Submission) -> Result<Vec<Enqueued>, HubError> {
        let line = &self.inner.line;
        if line.moves && line.waiting.load(Relaxed) > 0 {
            return self.stand_in_line(vec![submission]).await;
        }
        // Nearly everything is stored at once: that costs no list of copies.
        let spare = submission.clone();
        match self.inner.store.enqueue(vec![submission]).await {
            Err(StoreError::Full { max, .. }) if line.moves && spare.tasks.len() as u64 <= max => {
                self.stand_in_line(vec![spare]).await
            }
            done => Ok(done?),
        }
    }

    /// The same for several.
    pub(super) async fn enqueue_all(&self, submissions: Vec<Submission>) -> Result<Vec<Enqueued>, HubError> {
        let line = &self.inner.line;
        if line.moves && line.waiting.load(Relaxed) > 0 {
            return self.stand_in_line(submissions).await;
        }
        match self.inner.store.enqueue(submissions.clone()).await {
            Err(StoreError::Full { max, .. }) if line.moves && tasks(&submissions) <= max => {
                self.stand_in_line(submissions).await
            }
            done => Ok(done?),
        }
    }

    async fn stand_in_line(&self, submissions: Vec<Submission>) -> Result<Vec<Enqueued>, HubError> {
        let line = &self.inner.line;
        let _standing = Standing::new(line);
        let _turn = line.turn.lock().await;
        loop {
            if self.is_closing() {
                return Err(HubError::ShuttingDown);
            }
            match self.inner.store.enqueue(submissions.clone()).await {
                Err(StoreError::Full { max, .. }) if tasks(&submissions) <= max => {}
                done => return Ok(done?),
            }
            let clock = &self.inner.clock;
            clock.sleep_until(clock.now() + LOOK_EVERY).await;
        }
    }

    /// Stores submissions at once, or says when to come back.
    pub(super) async fn enqueue_now(&self, submissions: Vec<Submission>) -> Result<Vec<Enqueued>, HubError> {
        let wanted = tasks(&submissions);
        match self.inner.store.enqueue(submissions).await {
            Err(StoreError::Full { waiting, max }) if wanted <= max => {
                let (counts, now) = (self.inner.store.counts(), self.inner.clock.now());
                Err(HubError::Busy { waiting, max, retry_after: self.inner.line.come_back(wanted, max, counts, now) })
            }
            done => Ok(done?),
        }
    }
}

fn tasks(submissions: &[Submission]) -> u64 {
    submissions.iter().map(|submission| submission.tasks.len() as u64).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, SystemClock};

    #[test]
    fn whoever_is_asked_to_come_back_is_told_by_how_quickly_there_is_room() {
        let (line, start) = (Line::new(true), SystemClock.now());
        let after = |taken: u64, seconds: u64| {
            let counts = Counts { accepted: 10_000 + taken, waiting: 10_000, ..Counts::default() };
            line.come_back(1, 10_000, counts, start + Duration::from_secs(seconds))
        };
        assert_eq!(after(0, 0), Duration::from_secs(1), "nothing is known yet");
        assert_eq!(after(101, 1), Duration::from_secs(1), "101 a second, and room for 101 is wanted");
        assert_eq!(after(121, 3), Duration::from_secs(60).min(Duration::from_secs_f64(10.1)));
        assert_eq!(after(121, 9), Duration::from_secs(60), "nothing moves");
        assert_eq!(after(1_000_000, 10), Duration::from_millis(100));
    }
}
