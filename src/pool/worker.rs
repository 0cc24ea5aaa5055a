//! A worker: one task that owns its sends and polls them all itself.
//!
//! # Why not a task per send?
//!
//! Every spawned task is one more wake-up and one more hop per send, which a fast platform feels; one
//! `FuturesUnordered` per worker has neither. What it cannot do is survive an adapter that blocks its thread.

use std::{
    any::Any,
    collections::VecDeque,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::{
    FutureExt, StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use notifyhub_platforms::{
    Platform,
    contract::{Envelope, SendError},
};
use tokio::sync::mpsc;

use super::{Done, Item, Job, PoolEvent, WorkerKey};
use crate::clock::Clock;

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Sends under way at most.
    pub slots: usize,
    /// Jobs that may wait in its inbox.
    pub inbox_jobs_max: usize,
}

type Sending = Pin<Box<dyn Future<Output = Finished> + Send>>;

/// What one future sent.
enum Finished {
    One(Done),
    Batch(Vec<Done>),
}

/// Takes jobs from its inbox and reports what came of them.
pub struct Worker {
    key: WorkerKey,
    settings: WorkerSettings,
    inbox: mpsc::Receiver<Job>,
    taken: Arc<AtomicU64>,
    reports: mpsc::Sender<PoolEvent>,
    clock: Arc<dyn Clock>,
    sends: FuturesUnordered<Sending>,
    under_way: usize,
    /// Sends that have no free slot yet, with how many slots each takes.
    waiting: VecDeque<(usize, Sending)>,
}

/// What woke a worker.
enum Turn {
    Finished(Vec<Done>),
    Took(Job),
    Ended,
}

impl Worker {
    /// A worker in its slot, and the event that announces it.
    pub fn new(
        key: WorkerKey,
        settings: WorkerSettings,
        reports: mpsc::Sender<PoolEvent>,
        clock: Arc<dyn Clock>,
    ) -> (Self, PoolEvent) {
        let (inbox_sender, inbox) = mpsc::channel(settings.inbox_jobs_max);
        let taken = Arc::new(AtomicU64::new(0));
        let started = PoolEvent::Started { worker: key, inbox: inbox_sender, taken: taken.clone() };
        let (sends, waiting) = (FuturesUnordered::new(), VecDeque::new());
        (Self { key, settings, inbox, taken, reports, clock, sends, under_way: 0, waiting }, started)
    }

    /// Works until its inbox is closed and everything in it is sent, or nobody wants its reports.
    pub async fn run(mut self) {
        loop {
            match std::future::poll_fn(|context| self.poll_turn(context)).await {
                Turn::Took(job) => self.start(job),
                Turn::Finished(sends) => {
                    self.under_way -= sends.len();
                    self.begin();
                    if self.reports.send(PoolEvent::Done { worker: self.key, sends }).await.is_err() {
                        return;
                    }
                }
                Turn::Ended => return,
            }
        }
    }

    /// All sends that have finished together, else a job if there is a free slot.
    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Turn> {
        let mut finished = Vec::new();
        while let Poll::Ready(Some(sends)) = self.sends.poll_next_unpin(context) {
            match sends {
                Finished::One(done) => finished.push(done),
                Finished::Batch(batch) => finished.extend(batch),
            }
        }
        if !finished.is_empty() {
            return Poll::Ready(Turn::Finished(finished));
        }
        if self.under_way >= self.settings.slots || !self.waiting.is_empty() {
            return Poll::Pending;
        }
        match self.inbox.poll_recv(context) {
            Poll::Ready(Some(job)) => Poll::Ready(Turn::Took(job)),
            Poll::Ready(None) if self.under_way == 0 => Poll::Ready(Turn::Ended),
            _ => Poll::Pending,
        }
    }

    fn start(&mut self, job: Job) {
        self.taken.fetch_add(1, Ordering::Release);
        let Job { platform, timeout, native_batch, items } = job;
        if native_batch {
            let envelopes = items.len();
            self.waiting.push_back((envelopes, Box::pin(send_batch(platform, items, timeout, self.clock.clone()))));
        } else {
            let clock = &self.clock;
            for item in items {
                let sending = Box::pin(send_one(platform.clone(), item, timeout, clock.clone()));
                if self.waiting.is_empty() && self.under_way < self.settings.slots {
                    self.under_way += 1;
                    self.sends.push(sending);
                } else {
                    self.waiting.push_back((1, sending));
                }
            }
        }
        self.begin();
    }

    /// Begins what waits, as far as there are free slots; a batch larger than all slots goes alone.
    fn begin(&mut self) {
        while let Some((envelopes, sending)) = self.waiting.pop_front() {
            if self.under_way > 0 && self.under_way + envelopes > self.settings.slots {
                self.waiting.push_front((envelopes, sending));
                return;
            }
            self.under_way += envelopes;
            self.sends.push(sending);
        }
    }
}

async fn send_one(platform: Arc<dyn Platform>, item: Item, timeout: Duration, clock: Arc<dyn Clock>) -> Finished {
    let Item { key, envelope } = item;
    let started = clock.now();
    let sent = guarded(async { platform.send(&envelope).await }, started + timeout, &*clock).await;
    let result = sent.unwrap_or_else(Err);
    Finished::One(Done { key, started, took: clock.now().saturating_duration_since(started), result })
}

async fn send_batch(platform: Arc<dyn Platform>, items: Vec<Item>, timeout: Duration, clock: Arc<dyn Clock>) -> Finished {
    let (keys, envelopes): (Vec<_>, Vec<Envelope>) = items.into_iter().map(|item| (item.key, item.envelope)).unzip();
    let started = clock.now();
    let sent = guarded(async { platform.send_batch(&envelopes).await }, started + timeout, &*clock).await;
    let results = match sent {
        Ok(results) if results.len() == keys.len() => results,
        Ok(results) => {
            let error = SendError::ambiguous(format!("the adapter answered {} of {} envelopes", results.len(), keys.len()));
            vec![Err(error); keys.len()]
        }
        Err(error) => vec![Err(error); keys.len()],
    };
    let took = clock.now().saturating_duration_since(started);
    Finished::Batch(keys.into_iter().zip(results).map(|(key, result)| Done { key, started, took, result }).collect())
}

/// Runs an adapter's future under a deadline and a panic guard. Both ends are ambiguous: it may have sent.
async fn guarded<T>(sending: impl Future<Output = T>, deadline: Instant, clock: &dyn Clock) -> Result<T, SendError> {
    let bounded = async {
        // Dropped at the end of this block, so that a panic of that is caught too.
        let sending = std::pin::pin!(sending);
        match select(sending, clock.sleep_until(deadline)).await {
            Either::Left((answer, _)) => Ok(answer),
            Either::Right(_) => Err(SendError::ambiguous("no answer within the timeout")),
        }
    };
    match AssertUnwindSafe(bounded).catch_unwind().await {
        Ok(ended) => ended,
        Err(panic) => Err(SendError::ambiguous(format!("the adapter panicked: {}", panic_text(&*panic)))),
    }
}

/// What a panic said.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
