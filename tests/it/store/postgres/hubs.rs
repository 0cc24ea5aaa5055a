//! Hubs that share a database, and callers that accept in transactions of their own.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    Hub, HubBuilder, HubError, Notification, TaskState, UrlTargets,
    clock::SystemClock,
    platforms::testkit::{FakePlatform, FaultServer},
    store::{PostgresOptions, PostgresStore, StoreError},
};
use tokio::runtime::Handle;

use super::server::Database;

const GONE: &str = "NOTIFYHUB_TEST_POSTGRES is set: run ./test";

async fn hub_on(database: &Database, name: &str, tell: impl FnOnce(HubBuilder) -> HubBuilder) -> Hub {
    let options = PostgresOptions::new(database.url.clone());
    let store = PostgresStore::open(options, name, &Handle::current(), Arc::new(SystemClock)).await;
    let builder = Hub::builder().store(Arc::new(store.expect("the database can be used")));
    tell(builder).start().await.expect("starts")
}

fn to(target: &str) -> Notification {
    Notification::text("x").to(target)
}

#[tokio::test]
async fn whoever_accepts_has_the_outcome_whoever_delivers() {
    let database = Database::new().await.expect(GONE);
    let (front, back) = (FakePlatform::new(), FakePlatform::new());
    let accepting = hub_on(&database, "front", |hub| hub.platform("ops", front.clone()).queue_only()).await;
    let accepted = accepting.send(to("ops")).await.expect("accepted");
    // Nobody delivers where it was accepted: the outcome is how things stand.
    let outcome = accepted.outcome().await.expect("known");
    assert_eq!(outcome.targets[0].state, TaskState::Waiting);
    let delivering = hub_on(&database, "back", |hub| hub.platform("ops", back.clone())).await;
    back.wait_for(1).await;
    delivering.shutdown(Duration::from_secs(10)).await.expect("in time");
    let page = accepting.tasks(&Default::default(), None, 10).await.expect("read");
    assert_eq!(page.tasks[0].outcome.state, TaskState::Delivered);
    assert_eq!(front.count(), 0);
}

#[tokio::test]
async fn two_hubs_deliver_everything_once_and_both_callers_learn_it() {
    let database = Database::new().await.expect(GONE);
    let platforms = [FakePlatform::new(), FakePlatform::new()];
    let one = hub_on(&database, "one", |hub| hub.platform("ops", platforms[0].clone())).await;
    let other = hub_on(&database, "other", |hub| hub.platform("ops", platforms[1].clone())).await;
    let (left, right) = tokio::join!(one.send_all((0..300).map(|_| to("ops"))), other.send_all((0..300).map(|_| to("ops"))));
    for batch in [left, right] {
        let outcomes = batch.expect("accepted").outcomes(|_| ()).await.expect("known");
        assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    }
    assert_eq!(platforms[0].count() + platforms[1].count(), 600);
    let page = one.tasks(&Default::default(), None, 1000).await.expect("read");
    let made_by: std::collections::HashSet<_> =
        page.tasks.iter().filter_map(|task| task.outcome.attempts[0].node.as_deref()).collect();
    assert!(page.tasks.len() == 600 && !made_by.is_empty() && made_by.iter().all(|node| ["one", "other"].contains(node)));
    one.shutdown(Duration::from_secs(10)).await.expect("in time");
    other.shutdown(Duration::from_secs(10)).await.expect("in time");
}

#[tokio::test]
async fn what_a_caller_accepts_in_his_transaction_is_sent_if_he_commits() {
    let (database, platform) = (Database::new().await.expect(GONE), FakePlatform::new());
    let hub = hub_on(&database, "one", |hub| hub.platform("ops", platform.clone())).await;
    let mut client = database.client().await;
    client.batch_execute("CREATE TABLE orders (id int)").await.expect("made");
    let lost = client.transaction().await.expect("begins");
    lost.batch_execute("INSERT INTO orders VALUES (1)").await.expect("written");
    hub.enqueue_in(&lost, Notification::text("order 1").to("ops")).await.expect("accepted");
    lost.rollback().await.expect("rolled back");
    let kept = client.transaction().await.expect("begins");
    kept.batch_execute("INSERT INTO orders VALUES (2)").await.expect("written");
    let keyed = Notification::text("order 2").to("ops").idempotency_key("order 2");
    let id = hub.enqueue_in(&kept, keyed.clone()).await.expect("accepted");
    assert_eq!(hub.enqueue_in(&kept, keyed).await, Ok(id), "the same key");
    assert_eq!(platform.count(), 0);
    kept.commit().await.expect("committed");
    platform.wait_for(1).await;
    assert_eq!(platform.sent()[0].message.body, "order 2");
    loop {
        let outcome = hub.outcome(id).await.expect("known");
        if outcome.is_some_and(|outcome| outcome.all_delivered()) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let counts = || hub.stats().tasks;
    while counts().accepted < 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((counts().accepted, counts().delivered), (1, 1));
}

#[tokio::test]
async fn only_a_database_takes_part_in_a_transaction() {
    let database = Database::new().await.expect(GONE);
    let hub = Hub::builder().platform("ops", FakePlatform::new()).start().await.expect("starts");
    let mut client = database.client().await;
    let transaction = client.transaction().await.expect("begins");
    let refused = hub.enqueue_in(&transaction, to("ops")).await;
    assert!(
        matches!(&refused, Err(HubError::Store(StoreError::Unstorable(reason))) if reason.contains("PostgreSQL")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_url_that_one_hub_was_given_is_sent_to_by_another() {
    let (database, server, twin) = (Database::new().await.expect(GONE), FaultServer::start().await, FaultServer::start().await);
    let url = |server: &FaultServer| server.url("/hunter2").replacen("http://", "json://", 1);
    let delivering = hub_on(&database, "back", |hub| hub.url_targets(UrlTargets::Trusted)).await;
    let accepting = hub_on(&database, "front", |hub| hub.url_targets(UrlTargets::Trusted).queue_only()).await;
    accepting.send(to(&url(&server))).await.expect("accepted");
    accepting.send(to(&url(&twin))).await.expect("accepted");
    server.received(1).await;
    twin.received(1).await;
    drop(delivering);
}
