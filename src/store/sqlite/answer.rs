//! Answers that come in groups: one caller is woken from outside, and wakes the others where he lives.
//!
//! # Why not a oneshot channel per call?
//!
//! A wake-up from another thread costs a system call each, and often a switch of threads; from within a runtime it is a
//! push onto a queue. With 64 callers in one commit that was the larger part of what the store cost beside its writes.

use std::{
    future::Future,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// Where one answer is waited for. Std mutexes: every use is a few lines without an `.await`.
#[derive(Debug)]
struct Place<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
enum State<T> {
    /// Nobody has answered; whom to wake.
    Open(Option<Waker>),
    /// The answer, and whom else to wake.
    Answered(T, Vec<Waker>),
    /// It was taken, or nobody waits any more.
    Over,
}

impl<T> Place<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that answers. Dropped without an answer, the other end is told so.
#[derive(Debug)]
pub struct Answer<T> {
    place: Arc<Place<T>>,
    done: bool,
}

/// The end that waits; nothing comes of it if the other end is dropped.
#[derive(Debug)]
pub struct Answered<T>(Arc<Place<T>>);

/// Both ends.
pub fn answer<T>() -> (Answer<T>, Answered<T>) {
    let place = Arc::new(Place { state: Mutex::new(State::Open(None)) });
    (Answer { place: place.clone(), done: false }, Answered(place))
}

/// Somebody who has an answer and is still to be woken.
pub struct Sleeper {
    waker: Waker,
    place: Arc<dyn Lead>,
}

trait Lead: Send + Sync {
    /// Lets him wake the others; gives them back if he has gone already.
    fn lead(&self, others: Vec<Waker>) -> Vec<Waker>;
}

impl<T: Send> Lead for Place<T> {
    fn lead(&self, others: Vec<Waker>) -> Vec<Waker> {
        match &mut *self.state() {
            State::Answered(_, wakers) => {
                *wakers = others;
                Vec::new()
            }
            _ => others,
        }
    }
}

impl<T: Send + 'static> Answer<T> {
    /// Answers; whoever waits is returned if he is to be woken.
    pub fn give(mut self, value: T) -> Option<Sleeper> {
        self.done = true;
        let mut state = self.place.state();
        if matches!(*state, State::Over) {
            return None;
        }
        let State::Open(waker) = mem::replace(&mut *state, State::Answered(value, Vec::new())) else { return None };
        drop(state);
        Some(Sleeper { waker: waker?, place: self.place.clone() })
    }
}

impl Sleeper {
    /// Wakes him.
    pub fn wake(self) {
        self.waker.wake();
    }
}

/// Wakes everybody: one of them from here, who wakes the others.
pub fn wake_all(sleepers: Vec<Sleeper>) {
    let (mut wakers, mut places): (Vec<_>, Vec<_>) = sleepers.into_iter().map(|one| (one.waker, one.place)).unzip();
    while let (Some(waker), Some(place)) = (wakers.pop(), places.pop()) {
        let left = place.lead(mem::take(&mut wakers));
        waker.wake();
        if left.is_empty() {
            return;
        }
        wakers = left;
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        if !self.done
            && let State::Open(Some(waker)) = mem::replace(&mut *self.place.state(), State::Over)
        {
            waker.wake();
        }
    }
}

impl<T> Future for Answered<T> {
    /// `None` if nobody will answer.
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.state();
        if let State::Open(waker) = &mut *state {
            match waker {
                Some(known) => known.clone_from(context.waker()),
                None => *waker = Some(context.waker().clone()),
            }
            return Poll::Pending;
        }
        let State::Answered(value, others) = mem::replace(&mut *state, State::Over) else { return Poll::Ready(None) };
        drop(state);
        others.into_iter().for_each(Waker::wake);
        Poll::Ready(Some(value))
    }
}

impl<T> Drop for Answered<T> {
    fn drop(&mut self) {
        // Whoever was to be woken by this one is woken all the same.
        if let State::Answered(_, others) = mem::replace(&mut *self.0.state(), State::Over) {
            others.into_iter().for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::join_all};

    use super::*;

    #[tokio::test]
    async fn everybody_gets_his_answer_though_one_is_woken() {
        let (answers, waiting): (Vec<_>, Vec<_>) = (0..100).map(|_| answer()).unzip();
        let (values, ()) = tokio::join!(join_all(waiting), async {
            tokio::task::yield_now().await;
            wake_all(answers.into_iter().enumerate().filter_map(|(number, answer)| answer.give(number)).collect());
        });
        assert_eq!(values, (0..100).map(Some).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn those_who_gave_up_keep_nobody_asleep() {
        let (answers, waiting): (Vec<_>, Vec<_>) = (0..10).map(|_| answer()).unzip();
        let mut tasks = tokio::task::JoinSet::new();
        let mut aborted = Vec::new();
        for (number, one) in waiting.into_iter().enumerate() {
            let handle = tasks.spawn(one);
            // The last is the one who is woken first.
            if number % 2 == 1 {
                aborted.push(handle);
            }
        }
        tokio::task::yield_now().await;
        let sleepers = answers.into_iter().enumerate().filter_map(|(number, answer)| answer.give(number)).collect();
        aborted.into_iter().for_each(|handle| handle.abort());
        wake_all(sleepers);
        let mut woken = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            woken.extend(ended.ok().flatten());
        }
        woken.sort_unstable();
        assert_eq!(woken, [0, 2, 4, 6, 8]);
    }

    #[tokio::test]
    async fn nobody_waits_for_an_answer_that_will_not_come() {
        let (answer, waiting) = answer::<u8>();
        drop(answer);
        assert_eq!(waiting.await, None);
        let (answer, mut waiting) = self::answer::<u8>();
        assert!((&mut waiting).now_or_never().is_none());
        drop(waiting);
        assert!(answer.give(1).is_none());
    }
}
