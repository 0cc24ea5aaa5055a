//! What workers promise, whatever an adapter does.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use notifyhub::{
    Notification,
    config::{DeliveryConfig, PoolConfig},
    platforms::{
        Platform,
        contract::{Capabilities, Envelope, Receipt, SendError},
    },
    testing::TestHub,
};
use tokio::sync::watch;

/// Hangs, and panics when it is dropped.
struct Trap(watch::Sender<usize>);

impl Future for Trap {
    type Output = Result<Receipt, SendError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.send_replace(1);
        Poll::Pending
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped at its deadline");
    }
}

/// Its first send is a [`Trap`], all others are accepted.
struct Trapped {
    sends: AtomicUsize,
    polled: watch::Sender<usize>,
}

#[async_trait]
impl Platform for Trapped {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        match self.sends.fetch_add(1, SeqCst) {
            0 => Trap(self.polled.clone()).await,
            _ => Ok(Receipt::accepted()),
        }
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

#[tokio::test]
async fn an_adapter_that_panics_when_it_is_given_up_costs_no_worker() {
    let (polled, mut seen) = watch::channel(0);
    let platform = Arc::new(Trapped { sends: AtomicUsize::new(0), polled });
    let test = TestHub::start_with(|hub| hub.platform_with("trap", platform, DeliveryConfig::default())).await.expect("starts");
    let accepted = test.hub.send(Notification::text("x").to("trap")).await.expect("accepted");
    seen.wait_for(|polled| *polled == 1).await.expect("polled");
    let mut events = test.hub.subscribe();
    test.clock.advance(Duration::from_secs(11));
    events.next().await.expect("open").expect("in time");
    test.clock.advance(Duration::from_secs(60));
    let outcome = accepted.outcome().await.expect("known");
    assert!(outcome.all_delivered());
    let first = outcome.targets[0].attempts[0].result.as_ref().expect_err("given up");
    assert!(first.is_ambiguous() && first.reason().contains("dropped at its deadline"), "{first}");
    assert!(test.hub.stats().workers.iter().all(|worker| worker.epoch == 1), "no worker was replaced");
}

/// Counts how many sends are under way at once.
#[derive(Default)]
struct Counting {
    now: AtomicUsize,
    most: AtomicUsize,
}

#[async_trait]
impl Platform for Counting {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        self.most.fetch_max(self.now.fetch_add(1, SeqCst) + 1, SeqCst);
        tokio::task::yield_now().await;
        self.now.fetch_sub(1, SeqCst);
        Ok(Receipt::accepted())
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_worker_never_has_more_sends_under_way_than_slots() {
    let counting = Arc::new(Counting::default());
    let pool = PoolConfig { min_workers: 1, slots: 3, batch_size: 10, ..PoolConfig::default() };
    let builder = |hub: notifyhub::HubBuilder| hub.pool(pool).platform_with("count", counting.clone(), DeliveryConfig::default());
    let test = TestHub::start_with(builder).await.expect("starts");
    let batch = test.hub.send_all((0..200).map(|n| Notification::text(format!("{n}")).to("count"))).await.expect("accepted");
    batch.outcomes(|_| ()).await.expect("known");
    assert!(counting.most.load(SeqCst) <= 3, "{} at once", counting.most.load(SeqCst));
}
