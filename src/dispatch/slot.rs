//! A value that comes once, and any number who wait for it.
//!
//! Nearly always one waits, and he is there before the value: that way costs one short lock on either side and no
//! allocation, which every delivery would feel.

use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// A place for a value. A std mutex: every use is a few lines without an `.await`.
#[derive(Debug)]
pub struct Slot<T>(Mutex<State<T>>);

#[derive(Debug)]
enum State<T> {
    Filled(T),
    Empty { first: Option<(u32, Waker)>, others: Vec<(u32, Waker)>, next: u32 },
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(State::Empty { first: None, others: Vec::new(), next: 0 }))
    }
}

impl<T: Clone> Slot<T> {
    /// A slot that has its value already.
    pub fn with(value: T) -> Self {
        Self(Mutex::new(State::Filled(value)))
    }

    /// Puts the value in and wakes all who wait. Done once: a later value is dropped.
    pub fn fill(&self, value: T) {
        let mut state = self.state();
        if matches!(*state, State::Filled(_)) {
            return;
        }
        let State::Empty { first, others, .. } = std::mem::replace(&mut *state, State::Filled(value)) else { return };
        drop(state);
        first.into_iter().chain(others).for_each(|(_, waker)| waker.wake());
    }

    /// Whether the value is there.
    pub fn is_filled(&self) -> bool {
        matches!(*self.state(), State::Filled(_))
    }

    /// The value, once it is there. May be dropped and called again.
    pub fn filled(&self) -> Waiting<'_, T> {
        Waiting { slot: self, number: None }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for a slot's value.
#[derive(Debug)]
pub struct Waiting<'a, T: Clone> {
    slot: &'a Slot<T>,
    /// The number its waker stands under.
    number: Option<u32>,
}

impl<T: Clone> Future for Waiting<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let slot = self.slot;
        let mut state = slot.state();
        let (first, others, next) = match &mut *state {
            State::Filled(value) => return Poll::Ready(value.clone()),
            State::Empty { first, others, next } => (first, others, next),
        };
        let number = *self.number.get_or_insert_with(|| {
            *next += 1;
            *next
        });
        if let Some((_, waker)) = first.iter_mut().chain(others.iter_mut()).find(|(known, _)| *known == number) {
            waker.clone_from(context.waker());
        } else if first.is_none() {
            *first = Some((number, context.waker().clone()));
        } else {
            others.push((number, context.waker().clone()));
        }
        Poll::Pending
    }
}

impl<T: Clone> Drop for Waiting<'_, T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        if let State::Empty { first, others, .. } = &mut *self.slot.state() {
            first.take_if(|(known, _)| *known == number);
            others.retain(|(known, _)| *known != number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::{FutureExt, future::join_all};

    use super::*;

    #[tokio::test]
    async fn all_who_wait_get_the_value_and_so_does_whoever_comes_later() {
        let slot = Arc::new(Slot::default());
        let waiting: Vec<_> = (0..10).map(|_| slot.filled()).collect();
        let (values, ()) = tokio::join!(join_all(waiting), async {
            tokio::task::yield_now().await;
            slot.fill(7);
        });
        slot.fill(8);
        assert_eq!((values, slot.filled().await, slot.is_filled()), (vec![7; 10], 7, true));
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_no_trace() {
        let slot = Slot::<u8>::default();
        for _ in 0..100 {
            let (mut one, mut other) = (slot.filled(), slot.filled());
            assert!((&mut one).now_or_never().is_none() && (&mut other).now_or_never().is_none());
            assert!((&mut one).now_or_never().is_none());
        }
        let State::Empty { first, others, .. } = &*slot.state() else { panic!("nobody filled it") };
        assert!(first.is_none() && others.is_empty());
    }
}
