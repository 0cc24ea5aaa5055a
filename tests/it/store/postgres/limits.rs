//! Limits that hold for all nodes together: one node keeps each, and another takes it up when that is gone.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex, atomic::Ordering},
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
    store::{Limit, Owned, PostgresOptions, PostgresStore, Settlement, Spends, Store, Whose},
    task::Disposition,
    testing::MovedClock,
};
use tokio::runtime::Handle;

use super::{
    super::stand::{Stand, lane, postgres},
    server::Database,
};

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

/// The limit of the lane `a`, which is told by the hour or waited for.
fn limit(name: &str, short: Duration, long: Duration) -> [Limit; 1] {
    [Limit { name: name.into(), whose: Whose::Lane(lane("a")), short, long }]
}

async fn own(store: &dyn Store, limit: &[Limit; 1]) -> Owned {
    store.own(limit).await.expect("asked").remove(0)
}

const SHORT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn a_limit_is_one_nodes_until_it_is_given_up_or_the_node_is_lost() {
    let (database, clock) = (Database::new().await.expect(GONE), MovedClock::new());
    let one = postgres(&database.url, Default::default(), &clock, "one").await;
    let other = postgres(&database.url, Default::default(), &clock, "other").await;
    let [a, b] = ["a", "b"].map(|name| limit(name, SHORT, Duration::ZERO));
    let waits = |owned: Owned| matches!(owned, Owned::Soon(wait) if wait > Duration::from_secs(8) && wait <= SHORT);
    let free = || Owned::Here(Vec::new());
    for limit in [&a, &b] {
        assert_eq!(own(&one, limit).await, free());
        assert_eq!((own(&other, limit).await, own(&one, limit).await), (Owned::Elsewhere, free()));
    }
    one.disown(&a).await.expect("given up");
    assert!(waits(own(&other, &a).await), "what was sent counts for a while");
    assert!(waits(own(&other, &a).await), "and that is not counted anew");
    assert_eq!(own(&one, &a).await, Owned::Elsewhere);
    database.lose("one").await;
    assert!(waits(own(&other, &b).await));
}

#[tokio::test]
async fn what_a_lost_node_sent_and_may_have_sent_counts_against_long_limits_of_the_next() {
    let (database, clock) = (Database::new().await.expect(GONE), MovedClock::new());
    let lost = Stand::of(postgres(&database.url, Default::default(), &clock, "lost").await, clock.clone());
    let next = Stand::of(postgres(&database.url, Default::default(), &clock, "next").await, clock.clone());
    let by_the_hour = limit("lane/a", Duration::ZERO, Duration::from_secs(3600));
    assert_eq!(own(&*lost.store, &by_the_hour).await, Owned::Here(Vec::new()));
    lost.put(&["a", "a", "a", "b"]).await;
    let leases = lost.claim_all().await;
    let sent = leases.iter().find(|lease| lease.task.lane == lane("a")).expect("three");
    let spends = Some(Spends { at: clock.wall(), weight: 5, recipient: true, counts_for: Duration::from_secs(3600) });
    let settlement = Settlement { spends, ..lost.settlement(sent, Disposition::Delivered) };
    lost.store.settle(&[settlement].into()).await.expect("settles");
    database.lose("lost").await;
    let wait = own(&*next.store, &by_the_hour).await;
    assert!(matches!(wait, Owned::Soon(wait) if wait > Duration::from_secs(55)), "it may not be written down yet: {wait:?}");
    // The minute is over.
    let client = database.client().await;
    client.execute("UPDATE notifyhub.limited SET free = now()", &[]).await.expect("written");
    let told = async || {
        let Owned::Here(spent) = own(&*next.store, &by_the_hour).await else { panic!("it is its own") };
        let mut told: Vec<_> = spent.into_iter().map(|one| (one.tasks, one.weight, one.recipient)).collect();
        told.sort();
        told
    };
    while told().await.len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(told().await, [(1, 5, Some("ada".into())), (2, 2, Some("ada".into()))], "and nothing of the lane b");
}

#[tokio::test]
async fn a_limit_by_the_hour_holds_when_it_changes_hands() {
    let (database, sink) = (Database::new().await.expect(GONE), Sink::default());
    let count = NonZeroU32::new(6).expect("not zero");
    let window = RateWindow { count, per: Duration::from_secs(3600), burst: count };
    let delivery = || DeliveryConfig { rate_limit: vec![window], ..DeliveryConfig::default() };
    let one = hub_on(&database, "one", &sink, delivery()).await;
    let outcomes = one.send_all(many(4)).await.expect("accepted").outcomes(|_| ()).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    one.shutdown(Duration::from_secs(10)).await.expect("in time");
    // The minute that its last owner may still have been writing is over.
    database.client().await.execute("DELETE FROM notifyhub.limited", &[]).await.expect("written");
    let other = hub_on(&database, "other", &sink, delivery()).await;
    for _ in 0..2 {
        assert!(other.deliver(Notification::text("x").to("ops")).await.expect("known").all_delivered());
    }
    let seventh = other.send(Notification::text("x").to("ops")).await.expect("accepted");
    let task = seventh.tasks().next().expect("one").id;
    while !other.explain(task).await.expect("readable").is_some_and(|told| told.contains("the rate limit of ops is used up")) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(sink.times().len(), 6, "six within an hour, whoever sent them");
}

#[tokio::test]
async fn what_a_node_knows_of_its_limit_is_not_forgotten_when_its_lease_was_over_for_a_moment() {
    let (database, clock, sink) = (Database::new().await.expect(GONE), MovedClock::new(), Sink::default());
    let count = NonZeroU32::new(3).expect("not zero");
    let window = RateWindow { count, per: Duration::from_secs(3600), burst: count };
    let delivery = DeliveryConfig { account: "acme".into(), ..DeliveryConfig::default() };
    let store = Arc::new(postgres(&database.url, Default::default(), &clock, "one").await);
    let builder = Hub::builder().store(store.clone()).clock(Arc::new(clock.clone())).account("acme", vec![window]);
    let hub = builder.platform_with("ops", Arc::new(sink.clone()), delivery).start().await.expect("starts");
    for _ in 0..2 {
        assert!(hub.deliver(Notification::text("x").to("ops")).await.expect("known").all_delivered());
    }
    // As if one of them were not written down yet.
    let client = database.client().await;
    client.execute("UPDATE notifyhub.spent SET tasks = 1, weight = 1", &[]).await.expect("written");
    let epoch = store.shared().expect("it is shared").epoch;
    let before = epoch.load(Ordering::Acquire);
    while epoch.load(Ordering::Acquire) == before {
        // Nobody else was there who could have had its limit meanwhile.
        clock.advance(Duration::from_secs(46));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(hub.deliver(Notification::text("x").to("ops")).await.expect("known").all_delivered());
    let fourth = hub.send(Notification::text("x").to("ops")).await.expect("accepted");
    let task = fourth.tasks().next().expect("one").id;
    while !hub.explain(task).await.expect("readable").is_some_and(|told| told.contains("the rate limit of ops is used up")) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(sink.times().len(), 3);
}
