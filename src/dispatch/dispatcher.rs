//! The dispatcher: one task that owns every lane and every lease.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque},
    pin::{Pin, pin},
    sync::{Arc, atomic::AtomicUsize},
    time::Instant,
};

use foldhash::fast::RandomState;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use rand::{SeedableRng, rngs::SmallRng};
use slab::Slab;
use tokio::sync::mpsc;

use super::{
    Command, Replies,
    allowance::Aside,
    beginnings::{Beginning, Begun},
    claims::Answer,
    endpoints::Endpoints,
    lane::Lane,
    ledger::Ledger,
    owners::OwnersAnswer,
    parts::{DispatcherParts, Learn},
    settler::{Desk, Kept, Settler},
};
use crate::{
    clock::Clock,
    config::PoolConfig,
    failpoint::failpoint,
    policy::Windows,
    pool::{PoolEvent, Roster},
    routing::SharedDirectory,
    shutdown::Scope,
    store::{ArrivalReceiver, Lease, LeaseToken, Limit, Shared},
    task::{LaneKey, PlatformName, Task},
    telemetry::{Board, EventBus},
};

/// Messages taken in at once.
const MESSAGES_PER_TURN_MAX: usize = 256;

/// Owns all lanes and the ledger of leases. Its methods are spread over this folder by what they are about.
pub struct Dispatcher {
    pub(super) config: PoolConfig,
    pub(super) directory: SharedDirectory,
    pub(super) arrivals: ArrivalReceiver,
    reports: mpsc::Receiver<PoolEvent>,
    commands: mpsc::Receiver<Command>,
    replies: Replies,
    pub(super) events: EventBus,
    pub(super) board: Board,
    pub(super) clock: Arc<dyn Clock>,
    scope: Scope,
    pub(super) learn: Learn,
    /// What follows from a store that others use too, if it is one.
    pub(super) shared: Option<Shared>,
    pub(super) rng: SmallRng,
    pub(super) lanes: Slab<Lane>,
    pub(super) lane_of: HashMap<LaneKey, usize, RandomState>,
    pub(super) ring: VecDeque<usize>,
    /// Lanes that have their share of the slots and would take more; some may not any more.
    pub(super) at_share: Vec<usize>,
    pub(super) parked: BinaryHeap<Reverse<(Instant, usize)>>,
    /// Tasks that wait for their recipients.
    pub(super) aside: BinaryHeap<Aside>,
    /// Limits that several platforms share.
    pub(super) accounts: HashMap<Arc<str>, Windows, RandomState>,
    /// Until when whole platforms rest: lanes that are made later rest with them.
    pub(super) platform_rests: HashMap<PlatformName, Instant>,
    /// Platforms of which a person said that nothing is to be sent.
    pub(super) paused: HashSet<PlatformName>,
    /// Endpoints that fail, or are sent to no more.
    pub(super) endpoints: Endpoints,
    pub(super) ledger: Ledger,
    pub(super) roster: Roster,
    pub(super) worker_capacity: usize,
    /// The monotonic clock as of this turn.
    pub(super) now: Instant,
    /// When the scaler was last told that something waits for a worker, if it does.
    pub(super) demand_shown: Option<Instant>,
    pub(super) settler: Settler,
    pub(super) claim_wanted: bool,
    /// From when on a claim is made however little room there is.
    pub(super) claims_from: Instant,
    pub(super) overflow: Vec<(LeaseToken, Arc<Task>)>,
    pub(super) next_due: Option<Instant>,
    pub(super) to_begin: Vec<Beginning>,
    pub(super) limits_wanted: BTreeMap<Arc<str>, Limit>,
    /// Calls under way by which limits are given up.
    pub(super) giving_up: Arc<AtomicUsize>,
    pub(super) owners: Option<BoxFuture<'static, OwnersAnswer>>,
    beginning: Option<BoxFuture<'static, Begun>>,
    pub(super) settling: FuturesUnordered<BoxFuture<'static, Vec<Kept>>>,
    pub(super) claiming: Option<BoxFuture<'static, Answer>>,
    /// Until when the store is asked for nothing, since it failed.
    pub(super) store_rests: Option<Instant>,
    pub(super) timer: Option<(Instant, BoxFuture<'static, ()>)>,
    pub(super) draining: bool,
    fresh_ended: bool,
}

/// What woke the dispatcher.
enum Input {
    Reports,
    Fresh,
    FreshEnded,
    Settled(Vec<Kept>),
    Claimed(Answer),
    Begun(Begun),
    Owners(OwnersAnswer),
    Command(Command),
    Bell,
    Timer,
    Draining,
}

impl Dispatcher {
    /// A dispatcher without lanes and leases yet.
    pub fn new(parts: DispatcherParts) -> Self {
        let shared = parts.store.shared();
        let desk = Desk {
            store: parts.store,
            replies: parts.replies.clone(),
            events: parts.events.clone(),
            board: parts.board.clone(),
            clock: parts.clock.clone(),
        };
        let now = parts.clock.now();
        let this = Self {
            roster: Roster::new(parts.config.strategy, parts.worker_capacity, parts.seed),
            worker_capacity: parts.worker_capacity,
            now,
            demand_shown: None,
            config: parts.config,
            directory: parts.directory,
            arrivals: parts.arrivals,
            reports: parts.reports,
            commands: parts.commands,
            replies: parts.replies,
            events: parts.events,
            board: parts.board,
            clock: parts.clock,
            scope: parts.scope,
            learn: parts.learn,
            shared,
            rng: SmallRng::seed_from_u64(parts.seed),
            lanes: Slab::new(),
            lane_of: HashMap::default(),
            ring: VecDeque::new(),
            at_share: Vec::new(),
            parked: BinaryHeap::new(),
            aside: BinaryHeap::new(),
            accounts: HashMap::default(),
            platform_rests: HashMap::new(),
            paused: HashSet::new(),
            endpoints: Endpoints::new(parts.endpoints),
            ledger: Ledger::default(),
            settler: Settler::new(desk),
            claim_wanted: true,
            claims_from: now,
            overflow: Vec::new(),
            next_due: None,
            to_begin: Vec::new(),
            limits_wanted: BTreeMap::new(),
            giving_up: Arc::default(),
            owners: None,
            beginning: None,
            settling: FuturesUnordered::new(),
            claiming: None,
            store_rests: None,
            timer: None,
            draining: false,
            fresh_ended: false,
        };
        this.arrivals.set_room(this.room());
        this
    }

    /// Works until the scope drains and everything under way is settled.
    pub async fn run(mut self) {
        let (mut reports, mut fresh, mut draining) = (Vec::new(), Vec::new(), pin!(self.scope.draining()));
        loop {
            if !self.draining {
                self.give_out();
                self.arrivals.set_room(self.room());
            }
            self.begin_store_calls().await;
            if self.draining && self.is_settled() && !self.disown_all() {
                return;
            }
            match self.input(&mut reports, &mut fresh, draining.as_mut()).await {
                Input::Reports => reports.drain(..).for_each(|report| self.take_report(report)),
                Input::Fresh => fresh.drain(..).flatten().for_each(|lease| self.accept(lease)),
                Input::Settled(kept) => self.take_kept(kept),
                Input::Claimed(claimed) => {
                    self.claiming = None;
                    self.take_claimed(claimed);
                }
                Input::Begun(begun) => {
                    self.beginning = None;
                    self.take_begun(begun);
                }
                Input::Owners(answer) => self.take_owners(answer),
                Input::Command(command) => self.obey(command),
                Input::Bell => self.claim_wanted = true,
                Input::Timer => self.timer = None,
                Input::Draining => self.drain(),
                Input::FreshEnded => self.fresh_ended = true,
            }
        }
    }

    /// The next thing to take in. Reports come first: they free what everything else waits for.
    async fn input(
        &mut self,
        reports: &mut Vec<PoolEvent>,
        fresh: &mut Vec<Vec<Lease>>,
        draining: Pin<&mut impl Future<Output = ()>>,
    ) -> Input {
        self.set_timer();
        let (beginning, claiming, timer) = (self.beginning.as_mut(), self.claiming.as_mut(), self.timer.as_mut());
        let owners = self.owners.as_mut();
        tokio::select! {
            biased;
            1.. = self.reports.recv_many(reports, MESSAGES_PER_TURN_MAX) => Input::Reports,
            count = self.arrivals.fresh.receive(fresh, MESSAGES_PER_TURN_MAX), if !self.fresh_ended => {
                if count > 0 { Input::Fresh } else { Input::FreshEnded }
            }
            Some(kept) = self.settling.next() => Input::Settled(kept),
            Some(begun) = maybe(beginning) => Input::Begun(begun),
            Some(answer) = maybe(owners) => Input::Owners(answer),
            Some(claimed) = maybe(claiming) => Input::Claimed(claimed),
            Some(command) = self.commands.recv() => Input::Command(command),
            Ok(()) = self.arrivals.bell.changed() => Input::Bell,
            Some(()) = maybe(timer.map(|(_, sleep)| sleep)) => Input::Timer,
            () = draining, if !self.draining => Input::Draining,
        }
    }

    /// Starts writing what was decided and reading what is wanted; while draining, gives back what was not begun.
    async fn begin_store_calls(&mut self) {
        if self.settling.len() < self.settler.at_once() && !self.settler.is_empty() {
            let mut writing = self.settler.write();
            // A store in memory has written it already, and there is nothing to wait for.
            match (&mut writing).now_or_never() {
                Some(kept) => self.take_kept(kept),
                None => self.settling.push(writing),
            }
        }
        if self.beginning.is_none() {
            self.beginning = self.begin_sending();
        }
        if self.owners.is_none() && !self.draining {
            self.owners = self.ask_owners();
        }
        if self.draining {
            self.release_queued().await;
        } else if self.claiming.is_none() {
            self.claiming = self.claim();
        }
    }

    /// Gives nothing more out, and takes in only what the store has handed over already: it is leased to this process.
    fn drain(&mut self) {
        self.draining = true;
        failpoint!("shutdown.drain");
        self.arrivals.close();
    }

    /// Whether nothing is under way any more.
    fn is_settled(&self) -> bool {
        self.fresh_ended
            && self.ledger.len() == 0
            && self.overflow.is_empty()
            && self.settling.is_empty()
            && self.claiming.is_none()
            && self.beginning.is_none()
            && self.owners.is_none()
            && self.settler.is_empty()
    }
}

/// However it ends, whoever waits for an outcome is told.
impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.replies.close();
    }
}

/// The future's output, or never.
async fn maybe<T>(future: Option<&mut BoxFuture<'static, T>>) -> Option<T> {
    match future {
        Some(future) => Some(future.await),
        None => std::future::pending().await,
    }
}
