//! How a store tells the dispatcher that there is work.
//!
//! Freshly committed work goes straight to the dispatcher, already claimed, while the dispatcher has room for it; for
//! everything else a bell rings and the dispatcher claims when it can. The bell is a hint: what is true is in the store.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::{mpsc, watch};

use super::Lease;
use crate::task::Task;

/// How much may be handed over: both count the [room](Task::room) of tasks since the beginning, so that what is under way
/// between the two ends is counted once.
#[derive(Debug, Default)]
struct Window {
    /// Room of what was handed over, or is promised to be.
    handed: AtomicU64,
    /// Room of what may have been handed over by now.
    limit: AtomicU64,
}

/// The store's end.
#[derive(Debug, Clone)]
pub struct ArrivalSender {
    fresh: mpsc::UnboundedSender<Vec<Lease>>,
    bell: watch::Sender<u64>,
    window: Arc<Window>,
}

/// The dispatcher's end.
#[derive(Debug)]
pub struct ArrivalReceiver {
    /// Fresh work, already claimed.
    pub fresh: FreshReceiver,
    /// Rings when work waits in the store.
    pub bell: watch::Receiver<u64>,
    window: Arc<Window>,
}

/// Where fresh work comes in.
#[derive(Debug)]
pub struct FreshReceiver {
    messages: mpsc::UnboundedReceiver<Vec<Lease>>,
    /// Room of what was received since the beginning.
    received: u64,
}

/// Both ends.
pub fn arrivals() -> (ArrivalSender, ArrivalReceiver) {
    // The window bounds what is in it.
    let (fresh, messages) = mpsc::unbounded_channel();
    let (bell, bell_receiver) = watch::channel(0);
    let window = Arc::new(Window::default());
    let sender = ArrivalSender { fresh, bell, window: window.clone() };
    (sender, ArrivalReceiver { fresh: FreshReceiver { messages, received: 0 }, bell: bell_receiver, window })
}

impl ArrivalSender {
    /// Whether the dispatcher has room for these fresh tasks now; if so they are promised, and are to be
    /// [handed over](Self::hand_over) or [taken back](Self::take_back).
    pub fn reserve(&self, tasks: &[Arc<Task>]) -> bool {
        if self.fresh.is_closed() {
            return false;
        }
        let limit = self.window.limit.load(Ordering::Relaxed);
        let room = tasks.iter().map(|task| task.room() as u64).sum();
        let within = |handed: u64| handed.checked_add(room).filter(|handed| *handed <= limit);
        self.window.handed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }

    /// Takes back a promise.
    pub fn take_back<'a>(&self, leases: impl IntoIterator<Item = &'a Lease>) {
        self.window.handed.fetch_sub(room(leases), Ordering::Relaxed);
    }

    /// Hands over what was promised.
    ///
    /// # Errors
    ///
    /// The leases, if the dispatcher takes nothing any more.
    pub fn hand_over(&self, leases: Vec<Lease>) -> Result<(), Vec<Lease>> {
        self.fresh.send(leases).map_err(|refused| refused.0)
    }

    /// Rings the bell: something waits in the store.
    pub fn ring(&self) {
        self.bell.send_modify(|rings| *rings += 1);
    }
}

impl FreshReceiver {
    /// Waits for fresh work and takes in up to `messages_max` messages of it; 0 when none will come any more. May be
    /// dropped and called again.
    pub async fn receive(&mut self, fresh: &mut Vec<Vec<Lease>>, messages_max: usize) -> usize {
        let had = fresh.len();
        let count = self.messages.recv_many(fresh, messages_max).await;
        self.received += room(fresh[had..].iter().flatten());
        count
    }

    /// Fresh work that is there already.
    pub fn try_receive(&mut self) -> Option<Vec<Lease>> {
        let leases = self.messages.try_recv().ok()?;
        self.received += room(&leases);
        Some(leases)
    }
}

impl ArrivalReceiver {
    /// Takes no more: what was handed over already is still to be received, everything else stays in the store.
    pub fn close(&mut self) {
        self.set_room(0);
        self.fresh.messages.close();
    }

    /// Says how much more room the dispatcher has.
    pub fn set_room(&self, room: usize) {
        self.window.limit.store(self.fresh.received + room as u64, Ordering::Relaxed);
    }
}

fn room<'a>(leases: impl IntoIterator<Item = &'a Lease>) -> u64 {
    leases.into_iter().map(|lease| lease.task.room() as u64).sum()
}
