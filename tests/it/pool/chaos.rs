//! Everything goes wrong at random while work flows and the pool changes its size: every task still ends once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use notifyhub::{
    HealthState, Notification,
    config::{Backoff, DeliveryConfig, PoolConfig, Strategy},
    platforms::{
        Platform,
        contract::{Capabilities, Envelope, EnvelopeId, Receipt, SendError},
    },
    testing::TestHub,
};

use super::{Counter, soon, until};

const TASKS: usize = 100_000;

/// Panics, hangs, fails or holds its thread for a moment, as a number that moves on with every send decides.
#[derive(Default)]
struct Moody {
    counter: Counter,
    sends: AtomicU64,
}

#[async_trait]
impl Platform for Moody {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError> {
        self.counter.count(envelope.id);
        match self.sends.fetch_add(1, Relaxed) % 1009 {
            100 | 500 => std::panic::resume_unwind(Box::new("in a bad mood")),
            200 => std::future::pending().await,
            300 | 700 => std::thread::sleep(Duration::from_millis(3)),
            400 => return Err(SendError::ambiguous("no idea")),
            _ => {}
        }
        Ok(Receipt::accepted())
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_goes_wrong_every_task_ends_once_and_the_pool_ends_healthy() {
    let moody = Arc::new(Moody::default());
    let backoff = Backoff { initial: Duration::from_millis(5), max: Duration::from_millis(50), ..Backoff::default() };
    let delivery =
        DeliveryConfig { backoff, max_in_flight: 2_000, timeout: Duration::from_millis(300), ..DeliveryConfig::default() };
    let pool = PoolConfig { health_check_interval: Duration::from_secs(2), ..PoolConfig::default() };
    let test = TestHub::start_with(|hub| hub.pool(pool).platform_with("moody", moody.clone(), delivery)).await.expect("starts");
    let hub = &test.hub;
    let disturb = async {
        for round in 0_u32.. {
            hub.workers().scale_to([2, 9, 4, 20, 1, 6][round as usize % 6]).await.expect("scales");
            hub.workers().strategy(Strategy::ALL[round as usize % 5]).await.expect("switches");
            let victims = hub.workers().list();
            if let Some(victim) = victims.get(round as usize % victims.len().max(1)).filter(|_| round < 20) {
                let _ = hub.workers().kill(victim.worker).await;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let flow = async {
        let mut outcomes = Vec::new();
        for group in 0..TASKS / 1_000 {
            let texts = (0..1_000).map(|n| Notification::text(format!("{group} {n}")).to("moody"));
            let batch = hub.send_all(texts).await.expect("accepted");
            outcomes.extend(batch.outcomes(|_| ()).await.expect("known"));
        }
        outcomes
    };
    let outcomes = tokio::select! {
        outcomes = flow => outcomes,
        () = disturb => unreachable!("it disturbs for ever"),
    };
    assert_eq!(outcomes.len(), TASKS);
    for target in outcomes.iter().flat_map(|outcome| &outcome.targets) {
        assert!(target.state.is_final(), "{target:?}");
        let errors = target.attempts.iter().filter_map(|attempt| attempt.result.as_ref().err());
        let ambiguous = errors.filter(|error| error.is_ambiguous()).count();
        let copies = moody.counter.of(EnvelopeId::new(target.task.bits()));
        assert!(copies <= 1 + ambiguous, "{copies} copies of {target:?}");
    }
    let counts = hub.stats().tasks;
    assert_eq!((counts.accepted, counts.waiting + counts.leased), (TASKS as u64, 0), "{counts:?}");
    assert_eq!(counts.delivered + counts.dead, TASKS as u64, "{counts:?}");
    hub.workers().scale_to(4).await.expect("scales");
    until(hub, |hub| hub.workers().list().len() == 4 && hub.health().state == HealthState::Healthy).await;
    soon(hub.shutdown(Duration::from_secs(10))).await.expect("in time");
}
