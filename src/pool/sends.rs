//! What a worker has under way: its sends in one set, with one timer for all their deadlines.
//!
//! # Why not a timer per send?
//!
//! Nearly every send is answered long before its deadline, and a timer that is set and taken back costs each of them an
//! allocation and two trips into the timer wheel. One timer stands at the earliest deadline; when it rings, what is
//! overdue is ended.

use std::{
    any::Any,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use notifyhub_platforms::{
    Platform,
    contract::{Envelope, LimitScope, Receipt, SendError},
};
use pin_project_lite::pin_project;

use crate::{
    clock::{Clock, Deadline},
    telemetry::{CurrentSend, WorkerCell},
};

/// What one future of the set sends, and what its outcomes are reported under.
pub struct Label {
    /// The giver's key, or keys of a native batch in its order.
    pub keys: Keys,
    /// When it began.
    pub started: Instant,
    /// How long after that it is ended if it has no answer.
    pub timeout: Duration,
    /// Until when it may be under way, if that is bounded.
    pub lease: Option<Deadline>,
    /// What is shown while it is worked on.
    pub shown: CurrentSend,
}

impl Label {
    fn deadline(&self) -> Instant {
        self.started + self.timeout
    }

    /// Whether it could still be under way when its lease is over: others may send it then.
    fn outlasts_lease(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.left(self.started) < self.timeout)
    }
}

/// One key, or one per envelope of a native batch.
pub enum Keys {
    /// Of one envelope.
    One(usize),
    /// Of a batch.
    Batch(Vec<usize>),
}

impl Keys {
    /// How many envelopes.
    pub fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Batch(keys) => keys.len(),
        }
    }
}

impl IntoIterator for Keys {
    type Item = usize;
    type IntoIter = std::vec::IntoIter<usize>;

    fn into_iter(self) -> Self::IntoIter {
        match self {
            Self::One(key) => vec![key].into_iter(),
            Self::Batch(keys) => keys.into_iter(),
        }
    }
}

/// What the adapter answered: one result per envelope.
pub enum Answer {
    /// Of one envelope.
    One(Result<Receipt, SendError>),
    /// Of a native batch, in its order.
    Batch(Vec<Result<Receipt, SendError>>),
}

impl Answer {
    /// How many results.
    pub fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Batch(results) => results.len(),
        }
    }
}

/// What one future sends.
pub enum Parcel {
    /// One envelope.
    One(Arc<dyn Platform>, Envelope),
    /// A native batch.
    Batch(Arc<dyn Platform>, Vec<Envelope>),
}

/// When the earliest deadline is, and what wakes the worker then.
struct Timer {
    at: Instant,
    sleep: BoxFuture<'static, ()>,
    /// Whom it will wake; nobody before it is polled.
    wakes: Option<Waker>,
}

/// The sends under way.
pub struct Sends<F> {
    transmit: fn(Parcel) -> F,
    set: FuturesUnordered<Sending<F>>,
    timer: Option<Timer>,
    clock: Arc<dyn Clock>,
    cell: Arc<WorkerCell>,
}

impl<F: Future<Output = Answer>> Sends<F> {
    /// None yet; `transmit` makes the futures.
    pub fn new(transmit: fn(Parcel) -> F, clock: Arc<dyn Clock>, cell: Arc<WorkerCell>) -> Self {
        Self { transmit, set: FuturesUnordered::new(), timer: None, clock, cell }
    }

    /// Takes in a send; it begins when it is polled.
    pub fn push(&mut self, label: Label, parcel: Parcel) {
        let (deadline, future) = (label.deadline(), (self.transmit)(parcel));
        let (cell, lapsed) = (self.cell.clone(), label.outlasts_lease());
        self.set.push(Sending { future: Some(future), label: Some(label), cell, waker: None, overdue: false, lapsed });
        if self.timer.as_ref().is_none_or(|timer| deadline < timer.at) {
            self.set_timer(deadline);
        }
    }

    /// Everything that has finished by `now`.
    pub fn poll_finished(&mut self, now: Instant, context: &mut Context<'_>, finished: &mut Vec<Finished>) {
        // A new timer is polled too, or it would wake nobody.
        while self.has_rung(now, context) {
            self.end_overdue();
        }
        while let Poll::Ready(Some(one)) = self.set.poll_next_unpin(context) {
            finished.push(one);
        }
    }

    fn set_timer(&mut self, deadline: Instant) {
        let clock = self.clock.clone();
        let sleep = Box::pin(async move { clock.sleep_until(deadline).await });
        self.timer = Some(Timer { at: deadline, sleep, wakes: None });
    }

    /// Whether the timer has rung; it is gone then. It may stand at the deadline of a send that has finished meanwhile. It
    /// is polled only where that can change something: before its time only to tell it whom to wake.
    fn has_rung(&mut self, now: Instant, context: &mut Context<'_>) -> bool {
        let Some(timer) = &mut self.timer else { return false };
        let is_known = timer.wakes.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if is_known && now < timer.at {
            return false;
        }
        if timer.sleep.as_mut().poll(context).is_pending() {
            timer.wakes = Some(context.waker().clone());
            return false;
        }
        self.timer = None;
        true
    }

    /// Ends what is overdue, and sets the timer for the rest.
    fn end_overdue(&mut self) {
        let now = self.clock.now();
        let deadlines = Pin::new(&mut self.set).iter_pin_mut().filter_map(|sending| sending.deadline_after(now));
        if let Some(earliest) = deadlines.min() {
            self.set_timer(earliest);
        }
    }
}

/// What one future of the set came to: the adapter's answer, or why there is none.
pub type Finished = (Label, Result<Answer, SendError>);

pin_project! {
    /// One future of the set: guarded against panics, and ended when it is overdue.
    struct Sending<F> {
        #[pin]
        future: Option<F>,
        label: Option<Label>,
        cell: Arc<WorkerCell>,
        waker: Option<Waker>,
        overdue: bool,
        lapsed: bool,
    }
}

impl<F> Sending<F> {
    /// Its deadline if that is still to come; else it is overdue, and woken to say so.
    fn deadline_after(self: Pin<&mut Self>, now: Instant) -> Option<Instant> {
        let sending = self.project();
        let deadline = sending.label.as_ref()?.deadline();
        if deadline > now {
            return Some(deadline);
        }
        *sending.overdue = true;
        if let Some(waker) = sending.waker.take() {
            waker.wake();
        }
        None
    }
}

impl<F: Future<Output = Answer>> Future for Sending<F> {
    type Output = Finished;

    /// An end without an answer is ambiguous, for the adapter may have sent; but not if it was never asked to.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Finished> {
        let mut sending = self.project();
        let answer = if *sending.lapsed {
            Err(SendError::unavailable("not sent: its lease would have run out meanwhile").with_scope(LimitScope::Target))
        } else if *sending.overdue {
            Err(SendError::ambiguous("no answer within the timeout"))
        } else {
            let label = sending.label.as_ref().expect("a send is polled until it has finished");
            sending.cell.works_on(label.shown);
            let future = sending.future.as_mut().as_pin_mut().expect("a send is polled until it has finished");
            match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
                Ok(Poll::Pending) => {
                    sending.waker.get_or_insert_with(|| context.waker().clone());
                    return Poll::Pending;
                }
                Ok(Poll::Ready(answer)) => Ok(answer),
                Err(panic) => Err(panicked(&*panic)),
            }
        };
        // Dropped here, so that a panic of that is caught too; a definite answer stands whatever happens after it.
        let dropped = catch_unwind(AssertUnwindSafe(|| sending.future.set(None)));
        let answer = match dropped {
            Err(panic) if answer.is_err() => Err(panicked(&*panic)),
            _ => answer,
        };
        Poll::Ready((sending.label.take().expect("a send finishes once"), answer))
    }
}

fn panicked(panic: &(dyn Any + Send)) -> SendError {
    // Which says nothing of the platform.
    SendError::ambiguous(format!("the adapter panicked: {}", panic_text(panic))).with_scope(LimitScope::Target)
}

/// What a panic said.
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
