//! How a store tells the dispatcher that there is work.
//!
//! Freshly committed work goes straight to the dispatcher, already claimed, while the dispatcher has room for it; for
//! everything else a bell rings and the dispatcher claims when it can. The bell is a hint: what is true is in the store.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::{mpsc, watch};

use super::Lease;

/// Messages of fresh work under way at most.
const FRESH_MESSAGES_MAX: usize = 256;

/// The store's end.
#[derive(Debug, Clone)]
pub struct ArrivalSender {
    fresh: mpsc::Sender<Vec<Lease>>,
    bell: watch::Sender<u64>,
    room: Arc<AtomicUsize>,
}

/// The dispatcher's end.
#[derive(Debug)]
pub struct ArrivalReceiver {
    /// Fresh work, already claimed.
    pub fresh: mpsc::Receiver<Vec<Lease>>,
    /// Rings when work waits in the store.
    pub bell: watch::Receiver<u64>,
    room: Arc<AtomicUsize>,
}

/// Both ends.
pub fn arrivals() -> (ArrivalSender, ArrivalReceiver) {
    let (fresh, fresh_receiver) = mpsc::channel(FRESH_MESSAGES_MAX);
    let (bell, bell_receiver) = watch::channel(0);
    let room = Arc::new(AtomicUsize::new(0));
    let sender = ArrivalSender { fresh, bell, room: room.clone() };
    (sender, ArrivalReceiver { fresh: fresh_receiver, bell: bell_receiver, room })
}

impl ArrivalSender {
    /// A place to hand over up to `tasks` fresh tasks, if the dispatcher has room for all of them now.
    pub fn reserve(&self, tasks: usize) -> Option<mpsc::Permit<'_, Vec<Lease>>> {
        if self.room.load(Ordering::Relaxed) < tasks {
            return None;
        }
        let permit = self.fresh.try_reserve().ok()?;
        let taken = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(tasks));
        taken.is_ok().then_some(permit)
    }

    /// Rings the bell: something waits in the store.
    pub fn ring(&self) {
        self.bell.send_modify(|rings| *rings += 1);
    }
}

impl ArrivalReceiver {
    /// Takes no more: what was handed over already is still to be received, everything else stays in the store.
    pub fn close(&mut self) {
        self.set_room(0);
        self.fresh.close();
    }

    /// Says how many more tasks the dispatcher has room for.
    pub fn set_room(&self, tasks: usize) {
        self.room.store(tasks, Ordering::Relaxed);
    }
}
