//! Limits that hold for all nodes together: one node keeps each, and another takes it up when that is gone.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use notifyhub::{
    Hub, Notification,
    clock::{Clock, SystemClock},
    config::{DeliveryConfig, RateWindow},
    platforms::{
        Platform,
        contract::{Capabilities, Envelope, Receipt, SendError},
    },
    store::{Limit, Owned, PostgresOptions, PostgresStore, Store},
    testing::MovedClock,
};
use tokio::runtime::Handle;

use super::{super::stand::postgres, server::Database};

const GONE: &str = "NOTIFYHUB_TEST_POSTGRES is set: run ./test";

/// Notes when each task came.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<Instant>>>);

impl Sink {
    fn times(&self) -> Vec<Instant> {
        self.0.lock().expect("nobody panicked").clone()
    }

    /// The most that came within `span`.
    fn most_within(&self, span: Duration) -> usize {
        let times = self.times();
        (0..times.len()).map(|i| times[i..].iter().take_while(|time| **time < times[i] + span).count()).max().unwrap_or(0)
    }
}

#[async_trait]
impl Platform for Sink {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    async fn send(&self, _: &Envelope) -> Result<Receipt, SendError> {
        self.0.lock().expect("nobody panicked").push(SystemClock.now());
        Ok(Receipt::accepted())
    }

    async fn check(&self) -> Result<(), SendError> {
        Ok(())
    }
}

fn limited(count: u32, burst: u32) -> DeliveryConfig {
    let number = |n| NonZeroU32::new(n).expect("not zero");
    let window = RateWindow { count: number(count), per: Duration::from_secs(1), burst: number(burst) };
    DeliveryConfig { rate_limit: vec![window], ..DeliveryConfig::default() }
}

async fn hub_on(database: &Database, name: &str, sink: &Sink, delivery: DeliveryConfig) -> Hub {
    let options = PostgresOptions::new(database.url.clone());
    let store = PostgresStore::open(options, name, &Handle::current(), Arc::new(SystemClock)).await;
    let builder = Hub::builder().store(Arc::new(store.expect("the database can be used")));
    builder.platform_with("ops", Arc::new(sink.clone()), delivery).start().await.expect("starts")
}

fn many(count: usize) -> impl Iterator<Item = Notification> {
    (0..count).map(|n| Notification::text(n.to_string()).to("ops"))
}

#[tokio::test]
async fn two_nodes_together_stay_within_one_limit_and_use_it() {
    let (database, sink) = (Database::new().await.expect(GONE), Sink::default());
    let one = hub_on(&database, "one", &sink, limited(20, 20)).await;
    let other = hub_on(&database, "other", &sink, limited(20, 20)).await;
    let (left, right) = tokio::join!(one.send_all(many(40)), other.send_all(many(40)));
    for batch in [left, right] {
        let outcomes = batch.expect("accepted").outcomes(|_| ()).await.expect("known");
        assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    }
    assert_eq!(sink.times().len(), 80);
    // What is noted is a little later than what is let go, and not always by the same.
    let most = sink.most_within(Duration::from_millis(950));
    assert!(most <= 20, "{most} within a second");
}

#[tokio::test]
async fn what_a_node_kept_another_keeps_when_it_is_gone() {
    let (database, sink) = (Database::new().await.expect(GONE), Sink::default());
    let one = hub_on(&database, "one", &sink, limited(5, 5)).await;
    let other = hub_on(&database, "other", &sink, limited(5, 5)).await;
    for hub in [&one, &other] {
        assert!(hub.deliver(Notification::text("x").to("ops")).await.expect("known").all_delivered());
    }
    let batch = other.send_all(many(20)).await.expect("accepted");
    one.shutdown(Duration::from_secs(10)).await.expect("in time");
    let outcomes = batch.outcomes(|_| ()).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    let most = sink.most_within(Duration::from_millis(950));
    assert!(most <= 5, "{most} within a second, whoever sent them");
}

#[tokio::test]
async fn a_limit_is_one_nodes_until_it_is_given_up_or_the_node_is_lost() {
    let (database, clock) = (Database::new().await.expect(GONE), MovedClock::new());
    let one = postgres(&database.url, Default::default(), &clock, "one").await;
    let other = postgres(&database.url, Default::default(), &clock, "other").await;
    let limit = |name: &str| [Limit { name: name.into(), looks_back: Duration::from_secs(10) }];
    let own = async |store: &PostgresStore, name: &str| store.own(&limit(name)).await.expect("asked")[0];
    let waits =
        |owned: Owned| matches!(owned, Owned::Here(wait) if wait > Duration::from_secs(8) && wait <= Duration::from_secs(10));
    for name in ["a", "b"] {
        assert_eq!(own(&one, name).await, Owned::Here(Duration::ZERO));
        assert_eq!((own(&other, name).await, own(&one, name).await), (Owned::Elsewhere, Owned::Here(Duration::ZERO)));
    }
    one.disown(&limit("a")).await.expect("given up");
    assert!(waits(own(&other, "a").await), "what was sent counts for a while");
    assert!(waits(own(&other, "a").await), "and that is not counted anew");
    assert_eq!(own(&one, "a").await, Owned::Elsewhere);
    database.lose("one").await;
    assert!(waits(own(&other, "b").await));
}
