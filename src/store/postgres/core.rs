//! What all calls share: connections, the book, and how a call is tried again.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool_postgres::{Object, Pool};
use tokio::sync::{Notify, mpsc};

use super::{PostgresOptions, book::Book, failure::Failure};
use crate::{
    clock::{Clock, Deadline},
    store::{ArrivalSender, Lease, LeaseToken, codec::nanos},
};

/// How long a call may take on the server.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a call that was lost may still be at work on the server.
const UNSURE_FOR: Duration = Duration::from_secs(30);

/// Bits of a token that count the claims of one node; the rest is the node's number.
const CLAIM_BITS: u32 = 40;

/// What all calls share.
pub struct Core {
    pub options: PostgresOptions,
    pub pool: Pool,
    pub clock: Arc<dyn Clock>,
    /// The name under which others know this process.
    pub name: Arc<str>,
    /// Where the server is, without credentials.
    pub server: String,
    /// The number of this process, as long as it is not given up.
    node: AtomicI32,
    /// How often its lease was over.
    pub epoch: Arc<AtomicU64>,
    last_claim: AtomicU64,
    /// Until when what is claimed may be sent.
    pub lease: Deadline,
    /// Std mutexes: every use is a few lines without an `.await`.
    book: Mutex<Book>,
    arrivals: Mutex<Option<ArrivalSender>>,
    /// Rung when something waits in the database that another node could claim.
    pub tell_others: Notify,
    /// Held while claiming: what is claimed is not in the book yet.
    pub claiming: tokio::sync::Mutex<()>,
    /// When a call was last lost whose claims may stand in the database without being in the book.
    unsure_since: Mutex<Option<Instant>>,
    /// Whether a transaction lets a task go on that waited for another.
    went_on: AtomicBool,
    /// Fresh work that nobody took.
    refused: mpsc::UnboundedSender<Vec<Lease>>,
}

impl Core {
    /// What is refused is to be given back by whoever receives it.
    pub fn new(
        options: PostgresOptions,
        pool: Pool,
        clock: Arc<dyn Clock>,
        (name, server): (Arc<str>, String),
        refused: mpsc::UnboundedSender<Vec<Lease>>,
    ) -> Self {
        let lease = Deadline::new(clock.now());
        Self {
            options,
            pool,
            clock,
            name,
            server,
            node: AtomicI32::new(0),
            epoch: Arc::default(),
            last_claim: AtomicU64::new(0),
            lease,
            book: Mutex::default(),
            arrivals: Mutex::default(),
            tell_others: Notify::new(),
            claiming: tokio::sync::Mutex::default(),
            unsure_since: Mutex::default(),
            went_on: AtomicBool::new(false),
            refused,
        }
    }

    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn arrivals(&self) -> MutexGuard<'_, Option<ArrivalSender>> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rings the dispatcher's bell.
    pub fn ring(&self) {
        if let Some(arrivals) = &*self.arrivals() {
            arrivals.ring();
        }
    }

    /// A transaction lets a task go on that waited for another: told of once it is committed.
    pub fn goes_on(&self) {
        self.went_on.store(true, Ordering::Release);
    }

    /// After a commit: rings where something goes on by it.
    pub fn committed(&self) {
        if self.went_on.swap(false, Ordering::AcqRel) {
            self.tell_all();
        }
    }

    /// Something waits in the database: tells this node and the others.
    pub fn tell_all(&self) {
        self.ring();
        self.tell_others.notify_one();
    }

    /// The number of this process.
    pub fn node(&self) -> i32 {
        self.node.load(Ordering::Acquire)
    }

    /// This process goes on under another number: what it had claimed is no longer its own.
    pub fn begin_anew(&self, node: i32) {
        self.node.store(node, Ordering::Release);
        self.epoch.fetch_add(1, Ordering::Release);
        let mut book = self.book();
        book.leases.clear();
        book.chained.clear();
        book.alone = None;
    }

    /// A token for one claim by node number `node`.
    pub fn token(&self, node: i32) -> LeaseToken {
        let claim = self.last_claim.fetch_add(1, Ordering::Relaxed) + 1;
        let node = u64::from(node.unsigned_abs()) & ((1 << (63 - CLAIM_BITS)) - 1);
        LeaseToken((node << CLAIM_BITS) | (claim & ((1 << CLAIM_BITS) - 1)))
    }

    /// The wall clock in nanoseconds.
    pub fn now(&self) -> i64 {
        nanos(self.clock.wall())
    }

    /// Waits for `wait`.
    pub async fn pause(&self, wait: Duration) {
        self.clock.sleep_until(self.clock.now() + wait).await;
    }

    /// A connection.
    pub async fn client(&self) -> Result<Object, Failure> {
        Ok(self.pool.get().await?)
    }

    /// Hands fresh work over that was just committed; what nobody takes any more is given back.
    pub fn hand_over(&self, leases: Vec<Lease>) {
        if leases.is_empty() {
            return;
        }
        let refused = match &*self.arrivals() {
            Some(arrivals) => arrivals.hand_over(leases).err(),
            None => Some(leases),
        };
        if let Some(refused) = refused {
            // Where nobody gives it back, this process ends, and its claims with it.
            drop(self.refused.send(refused));
        }
    }

    /// A call was lost: what it claimed may stand in the database without being in the book.
    pub fn lost_a_call(&self) {
        *self.unsure_since() = Some(self.clock.now());
    }

    /// Whether that may still be so.
    pub fn is_unsure(&self) -> bool {
        let mut since = self.unsure_since();
        since.take_if(|since| self.clock.now().saturating_duration_since(*since) > UNSURE_FOR);
        since.is_some()
    }

    fn unsure_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.unsure_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A token as it is stored.
pub fn token_column(token: LeaseToken) -> i64 {
    i64::try_from(token.0).unwrap_or(i64::MAX)
}

/// Does `$body`, which returns `Result<_, Failure>`, with a connection named `$client`; again where a try was in vain and
/// another may not be. Every body can be done twice: what a try did whose answer was lost, the next one finds done.
macro_rules! retrying {
    ($core:expr, |$client:ident| $body:expr) => {{
        let core: &$crate::store::postgres::core::Core = $core;
        let mut tries = $crate::store::postgres::failure::Tries::default();
        loop {
            let done = match core.client().await {
                Ok(mut object) => {
                    let done = {
                        #[allow(unused_mut)]
                        let mut $client = &mut object;
                        let work = async { $body };
                        match tokio::time::timeout($crate::store::postgres::core::CALL_TIMEOUT, work).await {
                            Ok(done) => done,
                            Err(_) => Err($crate::store::postgres::failure::Failure::Slow),
                        }
                    };
                    if done.as_ref().is_err_and($crate::store::postgres::failure::Failure::spoils_connection) {
                        drop(deadpool_postgres::Object::take(object));
                    }
                    done
                }
                Err(failure) => Err(failure),
            };
            match done {
                Ok(value) => break Ok(value),
                Err(failure) if failure.is_outage() => {
                    core.lost_a_call();
                    match tries.next(&failure) {
                        Some(wait) => core.pause(wait).await,
                        None => break Err(failure),
                    }
                }
                Err(failure) => match tries.next(&failure) {
                    Some(wait) => core.pause(wait).await,
                    None => break Err(failure),
                },
            }
        }
    }};
}
pub(super) use retrying;
