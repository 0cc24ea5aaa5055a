//! A platform that records what it is given and answers by script.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::watch;

use super::TokioClock;
use crate::contract::{Capabilities, Clock, Envelope, Platform, Receipt, SendError};

/// What a [`FakePlatform`] does with one envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reaction {
    /// Answers at once.
    Answer(Result<Receipt, SendError>),
    /// Answers after a time on its clock.
    Delay(Duration, Result<Receipt, SendError>),
    /// Never answers.
    Hang,
    /// Panics.
    Panic,
}

impl Reaction {
    /// Accepts at once.
    pub fn accept() -> Self {
        Self::Answer(Ok(Receipt::accepted()))
    }
}

impl From<Result<Receipt, SendError>> for Reaction {
    fn from(answer: Result<Receipt, SendError>) -> Self {
        Self::Answer(answer)
    }
}

impl From<SendError> for Reaction {
    fn from(error: SendError) -> Self {
        Self::Answer(Err(error))
    }
}

type Lane = fn(Option<&str>) -> Option<String>;
type Weight = fn(&Envelope) -> u32;

/// A platform for tests of whatever sends: clones are handles to the same account.
///
/// It does what the script says, the [pushed](FakePlatform::push) reactions in order, then the
/// [default](FakePlatform::otherwise), an acceptance, for ever.
///
/// ```
/// # use notifyhub_platforms::{contract::{Platform, SendError}, testkit::FakePlatform};
/// # async fn example(envelope: notifyhub_platforms::contract::Envelope) {
/// let platform = FakePlatform::new();
/// platform.push(SendError::unavailable("down for repair"));
/// assert!(platform.send(&envelope).await.is_err());
/// assert!(platform.send(&envelope).await.is_ok());
/// assert_eq!(platform.sent().len(), 2);
/// # }
/// ```
#[derive(Clone)]
pub struct FakePlatform {
    account: Arc<Account>,
    capabilities: Capabilities,
    lane: Lane,
    weight: Weight,
    clock: Arc<dyn Clock>,
}

struct Account {
    script: Mutex<Script>,
    sent: watch::Sender<Vec<Envelope>>,
    finished: watch::Sender<usize>,
    batches: Mutex<Vec<usize>>,
}

struct Script {
    next: VecDeque<Reaction>,
    otherwise: Reaction,
    check: Result<(), SendError>,
}

impl Default for FakePlatform {
    fn default() -> Self {
        Self::new()
    }
}

impl FakePlatform {
    /// A platform that accepts everything, has default capabilities, one lane, and lives on [`TokioClock`].
    pub fn new() -> Self {
        let script = Script { next: VecDeque::new(), otherwise: Reaction::accept(), check: Ok(()) };
        let account = Account {
            script: Mutex::new(script),
            sent: watch::Sender::default(),
            finished: watch::Sender::default(),
            batches: Mutex::default(),
        };
        Self {
            account: Arc::new(account),
            capabilities: Capabilities::default(),
            lane: |_| None,
            weight: |_| 1,
            clock: Arc::new(TokioClock),
        }
    }

    /// Sets what it can carry; with a `batch_max` above 1 batches are recorded, see [`batches`](FakePlatform::batches).
    /// Default: the defaults of [`Capabilities`].
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Sets the lane of each recipient. Default: one lane for all.
    #[must_use]
    pub fn with_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// Sets how much of a rate limit each envelope uses up, where envelopes are counted. Default: 1.
    #[must_use]
    pub fn with_weight(mut self, weight: Weight) -> Self {
        self.weight = weight;
        self
    }

    /// Sets the clock that delays run on. Default: [`TokioClock`].
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Adds what is to happen to the next envelope that has no reaction yet.
    pub fn push(&self, reaction: impl Into<Reaction>) {
        lock(&self.account.script).next.push_back(reaction.into());
    }

    /// Sets what happens to all envelopes the script has nothing for. Default: accepted.
    pub fn otherwise(&self, reaction: impl Into<Reaction>) {
        lock(&self.account.script).otherwise = reaction.into();
    }

    /// Sets what [`check`](Platform::check) answers. Default: `Ok`.
    pub fn on_check(&self, answer: Result<(), SendError>) {
        lock(&self.account.script).check = answer;
    }

    /// Every envelope given to it, in order, whatever became of it.
    pub fn sent(&self) -> Vec<Envelope> {
        self.account.sent.borrow().clone()
    }

    /// How many envelopes were given to it.
    pub fn count(&self) -> usize {
        self.account.sent.borrow().len()
    }

    /// How many sends it has answered; panics, hangs and cancelled sends are not.
    pub fn finished(&self) -> usize {
        *self.account.finished.borrow()
    }

    /// The sizes of the native batch calls, in order.
    pub fn batches(&self) -> Vec<usize> {
        lock(&self.account.batches).clone()
    }

    /// Waits until at least `count` envelopes were given to it, and returns all of them.
    pub async fn wait_for(&self, count: usize) -> Vec<Envelope> {
        let mut sent = self.account.sent.subscribe();
        let sent = sent.wait_for(|sent| sent.len() >= count).await.expect("this handle keeps the account alive");
        sent.clone()
    }

    /// Waits until it has answered at least `count` sends.
    pub async fn wait_for_finished(&self, count: usize) {
        let mut finished = self.account.finished.subscribe();
        finished.wait_for(|finished| *finished >= count).await.expect("this handle keeps the account alive");
    }

    async fn react(&self, reaction: Reaction) -> Result<Receipt, SendError> {
        match reaction {
            Reaction::Answer(answer) => answer,
            Reaction::Delay(wait, answer) => {
                self.clock.sleep_until(self.clock.now() + wait).await;
                answer
            }
            Reaction::Hang => std::future::pending().await,
            #[expect(clippy::panic, reason = "the script says so")]
            Reaction::Panic => panic!("the fake platform was told to panic"),
        }
    }

    fn next(&self, envelope: &Envelope) -> Reaction {
        let mut script = lock(&self.account.script);
        let reaction = script.next.pop_front().unwrap_or_else(|| script.otherwise.clone());
        self.account.sent.send_modify(|sent| sent.push(envelope.clone()));
        reaction
    }
}

/// Held for a push or a pop, never across an await.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Platform for FakePlatform {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn lane(&self, recipient: Option<&str>) -> Option<String> {
        (self.lane)(recipient)
    }

    fn weight(&self, envelope: &Envelope) -> u32 {
        (self.weight)(envelope)
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        let reaction = self.next(envelope);
        let answer = self.react(reaction).await;
        self.account.finished.send_modify(|finished| *finished += 1);
        answer
    }

    async fn send_batch(&self, batch: &[Envelope]) -> Vec<Result<Receipt, SendError>> {
        lock(&self.account.batches).push(batch.len());
        let mut results = Vec::with_capacity(batch.len());
        for envelope in batch {
            results.push(self.send(envelope).await);
        }
        results
    }

    async fn check(&self) -> Result<(), SendError> {
        lock(&self.account.script).check.clone()
    }
}

impl fmt::Debug for FakePlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePlatform").field("sent", &self.count()).finish_non_exhaustive()
    }
}
