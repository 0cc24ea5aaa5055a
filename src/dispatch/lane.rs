//! One road: the tasks that queue on it, and whether it may send now.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::{Duration, Instant},
};

use notifyhub_platforms::contract::Counted;

use super::{credit::room_max, gate::Gate, ledger::Ledger, owners::Owner, recipients::Recipients};
use crate::{
    clock::Clock,
    config::{DeliveryConfig, OnAmbiguous, Order},
    routing::PlatformEntry,
    store::{Accounting, Limit, freshness},
    task::LaneKey,
    telemetry::PlatformTally,
};

/// A lane that is paused looks at what has expired on it this often.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// A lane that had nothing to do for so long is forgotten.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// A send's part of the average time is one in so many.
const AVERAGE_OVER: u64 = 32;

/// A lane. It is in the ready ring, parked on a timer, or neither: then it has nothing to do, or waits for a send of
/// its own to finish.
#[derive(Debug)]
pub struct Lane {
    /// Its key.
    pub key: LaneKey,
    /// Its platform.
    pub entry: Arc<PlatformEntry>,
    /// Ledger keys of the tasks that queue on it, oldest first.
    pub queue: VecDeque<usize>,
    /// Its tasks with workers.
    pub in_flight: usize,
    /// When it was last sent to.
    pub used: Instant,
    /// Its tasks of which it is being written down that sending them begins.
    pub beginning: usize,
    /// Whether, when it was last looked at, only its own limit kept more of it from being sent.
    pub at_limit: bool,
    /// Whether, when it was last looked at, only its share of the slots did.
    pub at_share: bool,
    /// Whether it stands in the ready ring.
    pub in_ring: bool,
    /// Tasks it may still give out before the next lane has its turn; below zero what it had too many.
    pub turn_left: isize,
    /// Whether due tasks of it were left in the store.
    pub backlog: bool,
    /// Where its numbers are shown.
    pub tally: Arc<PlatformTally>,
    /// Its earliest place among the parked lanes.
    pub parked_until: Option<Instant>,
    /// Whether it may send.
    pub gate: Gate,
    /// How fast each of its recipients may be sent to.
    pub recipients: Recipients,
    /// Its tasks that are set aside for their recipients.
    pub aside: usize,
    /// Its limit, if it has any: it is to hold for all that share the store, and over restarts.
    pub limit: Option<Limit>,
    /// What is to be written down for that of what is sent on it.
    pub accounting: Option<Accounting>,
    /// Which of them keeps it.
    pub owner: Owner,
    /// The account whose limit it shares with others.
    pub account: Option<Arc<str>>,
    /// Most room that its tasks take here.
    pub room_max: usize,
    lingers_until: Option<Instant>,
    /// Since when nothing but a worker was missing for its first task to be sent; `None` while something else was.
    pub runnable_since: Option<Instant>,
    /// Average time of a successful send, in nanoseconds.
    average_nanos: u64,
    /// A stable hash of its key.
    pub hash: u64,
}

/// What bounds the next batch of any lane.
#[derive(Debug, Clone, Copy)]
pub struct BatchLimits {
    /// Most tasks of one batch.
    pub batch_size: usize,
    /// How long a batch may wait to fill.
    pub linger: Duration,
    /// Most sends one lane may have under way.
    pub share: usize,
}

/// Whether a lane may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Up to so many tasks, now.
    Ready(usize),
    /// Not before this.
    Parked(Instant),
    /// Not before something happens: a task arrives, or a send finishes.
    Waiting,
}

impl Lane {
    /// An idle lane, of a pool whose batches hold up to `batch_size` tasks.
    pub fn new(
        key: LaneKey,
        entry: Arc<PlatformEntry>,
        tally: Arc<PlatformTally>,
        batch_size: usize,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let used = clock.now();
        let weighted = entry.capabilities.counted == Counted::Envelopes;
        let batch_max = entry.capabilities.batch_max.min(batch_size);
        let gate = Gate::new(&entry.delivery, batch_max, weighted, clock);
        let room_max = room_max(&entry.delivery, if weighted { 1 } else { batch_max.max(1) });
        let hash = stable_hash(&key);
        let (queue, in_flight) = (VecDeque::new(), 0);
        let recipients = Recipients::new(&entry.delivery.recipient_rate_limit);
        let account = Some(&*entry.delivery.account).filter(|name| !name.is_empty()).map(Arc::from);
        Self {
            recipients,
            aside: 0,
            limit: None,
            accounting: None,
            owner: Owner::Unknown,
            account,
            hash,
            key,
            entry,
            queue,
            in_flight,
            used,
            beginning: 0,
            at_limit: false,
            at_share: false,
            in_ring: false,
            turn_left: 0,
            backlog: false,
            tally,
            parked_until: None,
            gate,
            room_max,
            lingers_until: None,
            runnable_since: None,
            average_nanos: 0,
        }
    }

    /// How many tasks may go out now as far as the lane itself knows; its rate limit is asked task by task.
    ///
    /// Only batches that go out in one native call linger: for the others a full batch gains nothing. What `has_begun` at the
    /// head of the queue has its allowance and has lingered: it waits for nothing but the lane's rest.
    pub fn readiness(&mut self, now: Instant, limits: BatchLimits, has_begun: bool) -> Readiness {
        let BatchLimits { batch_size, linger, share } = limits;
        if let Some(bar) = self.gate.bar(now, has_begun).filter(|_| !self.queue.is_empty()) {
            return Readiness::Parked(bar.until().unwrap_or(now + LOOK_AGAIN));
        }
        let free = self.gate.free(self.in_flight).min(share.saturating_sub(self.in_flight));
        let is_short = free == 0 && !self.queue.is_empty();
        self.at_limit = is_short && self.gate.free(self.in_flight) == 0;
        self.at_share = is_short && !self.at_limit;
        if self.queue.is_empty() || free == 0 {
            self.lingers_until = None;
            return Readiness::Waiting;
        }
        let batch = self.batch_max(batch_size).min(free);
        if !has_begun && self.queue.len() < batch && self.is_batching() && !linger.is_zero() {
            let until = *self.lingers_until.get_or_insert(now + linger);
            if now < until {
                return Readiness::Parked(until);
            }
        }
        self.lingers_until = None;
        Readiness::Ready(batch.min(self.queue.len()))
    }

    /// It can give out nothing more for now: what is left of its turn is lost, and what it had too many is not forgotten.
    pub fn end_turn(&mut self) {
        self.turn_left = self.turn_left.min(0);
    }

    /// Queues a task that was just taken in: behind the others, or where the newest go first before whatever is older.
    pub fn line_up(&mut self, key: usize, ledger: &Ledger) {
        if self.entry.delivery.order == Order::Oldest {
            return self.queue.push_back(key);
        }
        let fresh = |key: usize| {
            // What has begun stays at the head.
            let head = ledger.get(key).filter(|held| !held.begun).map(|held| &held.lease.task.head);
            head.map_or(i64::MAX, |head| freshness(head.accepted_at, head.message.priority))
        };
        let place = self.queue.iter().position(|queued| fresh(*queued) < fresh(key));
        self.queue.insert(place.unwrap_or(self.queue.len()), key);
    }

    /// Queues a task that was set aside and has had its time: before the others, or where the newest go first in its place.
    pub fn come_back(&mut self, key: usize, ledger: &Ledger) {
        match self.entry.delivery.order {
            Order::Oldest => self.queue.push_front(key),
            Order::Newest => self.line_up(key, ledger),
        }
    }

    /// Whether its tasks must not be sent twice, even if this process dies.
    pub fn is_at_most_once(&self) -> bool {
        self.entry.delivery.on_ambiguous == OnAmbiguous::Dead
    }

    /// Most tasks of one batch of this lane.
    fn batch_max(&self, batch_size: usize) -> usize {
        if self.is_batching() { self.entry.capabilities.batch_max.min(batch_size) } else { batch_size }
    }

    /// Whether its batches go out in one native call.
    pub fn is_batching(&self) -> bool {
        self.entry.capabilities.batch_max > 1
    }

    /// How long a send took beside the lane's average, in thousandths; the lane learns from those that succeeded.
    pub fn pace(&mut self, took: Duration, failed: bool) -> u32 {
        let took = took.as_nanos() as u64;
        let average = if self.average_nanos == 0 { took } else { self.average_nanos };
        if !failed {
            self.average_nanos = (average * (AVERAGE_OVER - 1) + took) / AVERAGE_OVER;
        }
        (took.saturating_mul(1000) / average.max(1)).min(u64::from(u32::MAX)) as u32
    }

    /// Whether nothing is known of it that would be missed: it has long had nothing to do, longer than its rate limits look back.
    pub fn is_forgettable(&self, now: Instant) -> bool {
        let DeliveryConfig { rate_limit, recipient_rate_limit, .. } = &self.entry.delivery;
        let looks_back = rate_limit.iter().chain(recipient_rate_limit).map(|window| window.per).max().unwrap_or_default();
        let is_idle = self.held() == 0 && !self.backlog && !self.in_ring;
        is_idle
            && self.parked_until.is_none()
            && self.gate.is_as_new(now)
            && now.saturating_duration_since(self.used) > IDLE.max(looks_back)
    }

    /// Whether it sends nothing at `now`.
    pub fn is_resting(&self, now: Instant) -> bool {
        self.gate.bar(now, false).is_some()
    }

    /// Its tasks here, wherever they are.
    pub fn held(&self) -> usize {
        self.queue.len() + self.aside + self.in_flight + self.beginning
    }
}

/// The same in every process of this program.
fn stable_hash(key: &LaneKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}
