//! A worker: one task that owns its sends and polls them all itself.
//!
//! # Why not a task per send?
//!
//! Every spawned task is one more wake-up and one more hop per send, which a fast platform feels; one set of futures per
//! worker has neither. What it cannot do is survive an adapter that blocks its thread: that is for the monitor to notice
//! and for the supervisor to mend.

use std::{
    collections::VecDeque,
    future::Future,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use notifyhub_platforms::contract::SendError;
use tokio::sync::mpsc;

use super::{
    Done, Item, Job, PoolEvent, WorkerKey,
    sends::{Answer, Finished, Keys, Label, Parcel, Sends},
};
use crate::{
    clock::Clock,
    failpoint::failpoint,
    task::TaskId,
    telemetry::{CurrentSend, Pace, WorkerCell, WorkerState},
};

/// Orders that may wait for a worker; whoever finds no place tries again at the next beat.
const ORDERS_MAX: usize = 4;

/// How a worker works.
#[derive(Debug, Clone, Copy)]
pub struct WorkerSettings {
    /// Sends under way at most.
    pub slots: usize,
    /// Jobs that may wait in its inbox.
    pub inbox_jobs_max: usize,
}

/// What a worker is told besides its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Show that you are there.
    Check,
    /// Finish what you have, take no more, and end.
    Drain,
    /// End now, whatever is under way.
    Stop,
}

/// How a worker is given work.
#[derive(Debug)]
pub struct WorkerLink {
    /// Where its jobs go. When the last sender is gone and everything is sent, it ends.
    pub jobs: mpsc::Sender<Job>,
    /// What it shows of itself.
    pub cell: Arc<WorkerCell>,
}

/// How a worker is watched and told what to do.
#[derive(Debug, Clone)]
pub struct Member {
    /// Where its orders go.
    pub orders: mpsc::Sender<Order>,
    /// What it shows of itself.
    pub cell: Arc<WorkerCell>,
}

/// Takes jobs from its inbox and reports what came of them.
pub struct Worker {
    key: WorkerKey,
    settings: WorkerSettings,
    jobs: mpsc::Receiver<Job>,
    orders: mpsc::Receiver<Order>,
    reports: mpsc::Sender<PoolEvent>,
    clock: Arc<dyn Clock>,
    cell: Arc<WorkerCell>,
    under_way: usize,
    /// Whether somebody was told something and has not had the chance to act on it.
    owes_way: bool,
    /// Sends that have no free slot yet.
    waiting: VecDeque<(Label, Parcel)>,
    pace: Pace,
}

/// What woke a worker.
enum Turn {
    Finished(Vec<Done>),
    Ended,
}

impl Worker {
    /// A worker in its slot, how it is given work, and how it is watched.
    pub fn new(
        key: WorkerKey,
        settings: WorkerSettings,
        reports: mpsc::Sender<PoolEvent>,
        clock: Arc<dyn Clock>,
    ) -> (Self, WorkerLink, Member) {
        let (job_sender, jobs) = mpsc::channel(settings.inbox_jobs_max);
        let (order_sender, orders) = mpsc::channel(ORDERS_MAX);
        let now = clock.now();
        let cell = Arc::new(WorkerCell::new(key, now));
        let link = WorkerLink { jobs: job_sender, cell: cell.clone() };
        let member = Member { orders: order_sender, cell: cell.clone() };
        let (waiting, pace) = (VecDeque::new(), Pace::new(now));
        let worker = Self { key, settings, jobs, orders, reports, clock, cell, under_way: 0, owes_way: false, waiting, pace };
        (worker, link, member)
    }

    /// Works until its inbox is closed and everything in it is sent, until it is stopped, or nobody wants its reports.
    pub async fn run(mut self) {
        let mut sends = Sends::new(transmit, self.clock.clone(), self.cell.clone());
        while let Turn::Finished(done) = std::future::poll_fn(|context| self.poll_turn(&mut sends, context)).await {
            if self.reports.send(PoolEvent::Done { worker: self.key, sends: done }).await.is_err() {
                break;
            }
            self.owes_way = true;
        }
    }

    /// One turn: sends are polled, and jobs taken while there is a free slot. Reports all that has finished.
    fn poll_turn<F: Future<Output = Answer>>(&mut self, sends: &mut Sends<F>, context: &mut Context<'_>) -> Poll<Turn> {
        if self.gives_way() {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let began = self.clock.now();
        self.cell.turn_begins(began);
        let mut finished = Vec::new();
        let ended = self.poll_all(sends, began, &mut finished, context);
        let now = self.clock.now();
        let mut done = Vec::with_capacity(finished.len());
        finished.into_iter().for_each(|one| self.report(one, now, &mut done));
        self.cell.turn_ends(now, self.under_way);
        self.show_state();
        match ended {
            true => Poll::Ready(Turn::Ended),
            false if done.is_empty() => Poll::Pending,
            false => Poll::Ready(Turn::Finished(done)),
        }
    }

    /// Whether whoever is ready by now goes first, once after a report. Whoever was woken by that may stand behind this task on
    /// the same thread, where nobody else can fetch him, and what is polled next may block the thread.
    /// `tokio::task::yield_now` would look for network events too, which costs a system call each time.
    fn gives_way(&mut self) -> bool {
        std::mem::take(&mut self.owes_way) && (self.under_way > 0 || !self.jobs.is_empty())
    }

    /// Polls orders, sends and inbox until something has finished or there is nothing to do. Tells whether to end.
    fn poll_all<F: Future<Output = Answer>>(
        &mut self,
        sends: &mut Sends<F>,
        began: Instant,
        finished: &mut Vec<Finished>,
        context: &mut Context<'_>,
    ) -> bool {
        if self.poll_orders(context).is_ready() {
            return true;
        }
        loop {
            sends.poll_finished(began, context, finished);
            if !finished.is_empty() {
                self.under_way -= finished.iter().map(|(label, _)| label.keys.len()).sum::<usize>();
                self.begin(sends, began);
                return false;
            }
            if self.under_way >= self.settings.slots || !self.waiting.is_empty() {
                return false;
            }
            match self.jobs.poll_recv(context) {
                Poll::Ready(Some(job)) => self.take(job, began, sends),
                Poll::Ready(None) => return self.under_way == 0,
                Poll::Pending => return false,
            }
        }
    }

    /// Follows its orders; ready when it is to end at once.
    fn poll_orders(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Poll::Ready(Some(order)) = self.orders.poll_recv(context) {
            match order {
                Order::Check => self.answer_check(),
                Order::Drain => self.jobs.close(),
                Order::Stop => return Poll::Ready(()),
            }
        }
        Poll::Pending
    }

    fn answer_check(&mut self) {
        self.cell.answers();
        let now = self.clock.now();
        self.pace.measure(&self.cell, now);
    }

    fn show_state(&self) {
        self.cell.is_now(match (self.jobs.is_closed(), self.under_way) {
            (true, _) => WorkerState::ShuttingDown,
            (false, 0) => WorkerState::Idle,
            (false, _) => WorkerState::Processing,
        });
    }

    /// Takes a job: what has a free slot begins, the rest waits.
    fn take<F: Future<Output = Answer>>(&mut self, job: Job, now: Instant, sends: &mut Sends<F>) {
        self.cell.takes_job();
        let Job { platform, platform_number, timeout, native_batch, lease, items } = job;
        let label = |keys, first: &Item| {
            let task = TaskId::from_bits(first.envelope.id.bits());
            Label { keys, started: now, timeout, lease: lease.clone(), shown: CurrentSend { task, platform: platform_number } }
        };
        if native_batch {
            let Some(first) = items.first() else { return };
            let label = label(Keys::Batch(items.iter().map(|item| item.key).collect()), first);
            let envelopes = items.into_iter().map(|item| item.envelope).collect();
            self.waiting.push_back((label, Parcel::Batch(platform, envelopes)));
        } else {
            for item in items {
                let label = label(Keys::One(item.key), &item);
                let parcel = Parcel::One(platform.clone(), item.envelope);
                if self.waiting.is_empty() && self.under_way < self.settings.slots {
                    self.under_way += 1;
                    sends.push(label, parcel);
                } else {
                    self.waiting.push_back((label, parcel));
                }
            }
        }
        self.begin(sends, now);
    }

    /// Begins what waits, as far as there are free slots; a batch larger than all slots goes alone.
    fn begin<F: Future<Output = Answer>>(&mut self, sends: &mut Sends<F>, now: Instant) {
        while let Some((mut label, parcel)) = self.waiting.pop_front() {
            let envelopes = label.keys.len();
            if self.under_way > 0 && self.under_way + envelopes > self.settings.slots {
                self.waiting.push_front((label, parcel));
                return;
            }
            label.started = now;
            self.under_way += envelopes;
            sends.push(label, parcel);
        }
    }

    /// What is reported of a future that has finished: one outcome per envelope, whatever the adapter answered.
    fn report(&self, (label, answer): Finished, now: Instant, done: &mut Vec<Done>) {
        let took = now.saturating_duration_since(label.started);
        let mut add = |key, result: Result<_, _>| {
            self.cell.finished(took, result.is_err());
            done.push(Done { key, started: label.started, took, result });
        };
        match (label.keys, answer) {
            (Keys::One(key), Ok(Answer::One(result))) => add(key, result),
            (Keys::Batch(keys), Ok(Answer::Batch(results))) if results.len() == keys.len() => {
                keys.into_iter().zip(results).for_each(|(key, result)| add(key, result));
            }
            (keys, answer) => {
                let short = |answer: Answer| format!("the adapter answered {} of {} envelopes", answer.len(), keys.len());
                let error = answer.map_or_else(|error| error, |answer| SendError::ambiguous(short(answer)));
                keys.into_iter().for_each(|key| add(key, Err(error.clone())));
            }
        }
    }
}

/// However it ends.
impl Drop for Worker {
    fn drop(&mut self) {
        self.cell.is_now(WorkerState::Stopped);
    }
}

async fn transmit(parcel: Parcel) -> Answer {
    failpoint!("send.connecting");
    let answer = match parcel {
        Parcel::One(platform, envelope) => Answer::One(platform.send(&envelope).await),
        Parcel::Batch(platform, envelopes) => Answer::Batch(platform.send_batch(&envelopes).await),
    };
    failpoint!("send.answered");
    answer
}
