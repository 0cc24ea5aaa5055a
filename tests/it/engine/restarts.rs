//! Limits hold over restarts: what was sent before counts as long as they look back.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use notifyhub::{
    Hub, HubBuilder, Notification,
    config::{DeliveryConfig, RateWindow},
    platforms::testkit::FakePlatform,
    store::{SqliteOptions, SqliteStore},
    task::TaskId,
    testing::MovedClock,
};
use tempfile::TempDir;

use super::soon;

fn to(target: &str, body: impl ToString) -> Notification {
    Notification::text(body.to_string()).to(target)
}

/// A file that hubs use one after the other, as if their process had been started again, and what they send to.
struct Restarts {
    folder: TempDir,
    clock: MovedClock,
    platform: FakePlatform,
}

impl Restarts {
    fn new() -> Self {
        Self { folder: TempDir::new().expect("a folder"), clock: MovedClock::new(), platform: FakePlatform::new() }
    }

    /// The next hub on the file, with the platforms `ops`, `other` and `third`.
    async fn start(&self, delivery: &DeliveryConfig, account: &[RateWindow]) -> Hub {
        self.start_with(["ops", "other", "third"].map(|name| (name, delivery.clone())), account).await
    }

    /// The same with platforms that differ.
    async fn start_with(&self, platforms: [(&str, DeliveryConfig); 3], account: &[RateWindow]) -> Hub {
        let options = SqliteOptions::new(self.folder.path().join("hub.db"));
        let store = soon(async {
            loop {
                // The one before may still be closing it.
                match SqliteStore::open(options.clone(), Arc::new(self.clock.clone())) {
                    Ok(store) => return store,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        });
        let store = store.await;
        let hub = Hub::builder().clock(Arc::new(self.clock.clone())).store(Arc::new(store));
        let hub = if account.is_empty() { hub } else { hub.account("acme", account.to_vec()) };
        let with = |hub: HubBuilder, (name, delivery): (&str, DeliveryConfig)| {
            hub.platform_with(name, Arc::new(self.platform.clone()), delivery)
        };
        let hub = platforms.into_iter().fold(hub, with);
        hub.start().await.expect("starts")
    }

    /// Has all of these delivered by one hub, which ends.
    async fn deliver(&self, hub: Hub, notifications: impl IntoIterator<Item = Notification>) {
        let batch = hub.send_all(notifications).await.expect("accepted");
        soon(batch.outcomes(|_| ())).await.expect("known");
        hub.shutdown(Duration::from_secs(5)).await.expect("in time");
    }

    /// What a hub tells of a task once it says that its lane is parked.
    async fn parked(&self, hub: &Hub, task: TaskId) -> String {
        let told = soon(async {
            loop {
                let told = hub.explain(task).await.expect("readable").expect("known");
                if told.contains("parked") {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        });
        told.await
    }
}

/// Up to `count` at once, and no more in so many seconds.
fn at_once(count: u32, seconds: u64) -> Vec<RateWindow> {
    let count = NonZeroU32::new(count).expect("not zero");
    vec![RateWindow { count, per: Duration::from_secs(seconds), burst: count }]
}

#[tokio::test]
async fn what_was_sent_before_a_restart_counts_against_a_limit_as_long_as_that_looks_back() {
    let restarts = Restarts::new();
    let delivery = DeliveryConfig { rate_limit: at_once(3, 30), ..DeliveryConfig::default() };
    let hub = restarts.start(&delivery, &[]).await;
    restarts.deliver(hub, (0..3).map(|n| to("ops", n))).await;
    restarts.clock.advance(Duration::from_secs(10));

    let hub = restarts.start(&delivery, &[]).await;
    let fourth = hub.send(to("ops", 3)).await.expect("accepted");
    let told = restarts.parked(&hub, fourth.tasks().next().expect("one task").id).await;
    let waits =
        |seconds| told == format!("not tried yet; parked: the rate limit of ops is used up, for {seconds} s more; 0 before it");
    // The clock goes on while the hub starts.
    assert!((15..=20).any(waits), "{told}");
    restarts.clock.advance(Duration::from_secs(14));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(restarts.platform.count(), 3, "four within half a minute are too many");
    restarts.clock.advance(Duration::from_secs(6));
    soon(fourth.outcome()).await.expect("known");
    assert_eq!(restarts.platform.count(), 4);
}

#[tokio::test]
async fn a_limit_by_the_hour_holds_over_restarts_and_what_is_left_of_it_goes_at_once() {
    let minute = Duration::from_secs(60);
    let by_the_hour = |count| DeliveryConfig { rate_limit: at_once(count, 3600), ..DeliveryConfig::default() };
    let restarts = Restarts::new();
    let hub = restarts.start(&by_the_hour(4), &[]).await;
    restarts.deliver(hub, (0..2).map(|n| to("ops", n))).await;
    restarts.clock.advance(20 * minute);
    let hub = restarts.start(&by_the_hour(4), &[]).await;
    // Two are left, and nothing waits for them; what goes elsewhere is not concerned.
    restarts.deliver(hub, [to("ops", 2), to("ops", 3), to("other", 0), to("other", 1), to("other", 2)]).await;
    assert_eq!(restarts.platform.count(), 7);
    restarts.clock.advance(20 * minute);

    let hub = restarts.start(&by_the_hour(4), &[]).await;
    let last = hub.send(to("ops", 4)).await.expect("accepted");
    let told = restarts.parked(&hub, last.tasks().next().expect("one task").id).await;
    assert!(told.contains("the rate limit of ops is used up, for 2"), "{told}");
    restarts.clock.advance(19 * minute);
    soon(hub.deliver(to("other", 3))).await.expect("known");
    assert_eq!(restarts.platform.count(), 8, "the first two were sent less than an hour ago");
    restarts.clock.advance(3 * minute);
    soon(last.outcome()).await.expect("known");
    assert_eq!(restarts.platform.count(), 9);
    hub.shutdown(Duration::from_secs(5)).await.expect("in time");
    drop((hub, last));
    // A limit that is lower than the one before counts all the same.
    let hub = restarts.start(&by_the_hour(1), &[]).await;
    let more = hub.send(to("ops", 5)).await.expect("accepted");
    restarts.clock.advance(50 * minute);
    soon(hub.deliver(to("third", 0))).await.expect("known");
    assert_eq!(restarts.platform.count(), 10);
    restarts.clock.advance(13 * minute);
    soon(more.outcome()).await.expect("known");
}

#[tokio::test]
async fn limits_of_recipients_and_accounts_by_the_hour_hold_over_restarts() {
    let minute = Duration::from_secs(60);
    let restarts = Restarts::new();
    let delivery = DeliveryConfig { recipient_rate_limit: at_once(2, 3600), account: "acme".into(), ..DeliveryConfig::default() };
    let account = at_once(5, 3600);
    let hub = restarts.start(&delivery, &account).await;
    restarts.deliver(hub, [to("ops:ada", 0), to("ops:ada", 1), to("other:ada", 2)]).await;
    restarts.clock.advance(10 * minute);

    let hub = restarts.start(&delivery, &account).await;
    let third = hub.send(to("ops:ada", 3)).await.expect("accepted");
    soon(hub.deliver(to("ops:bob", 4))).await.expect("known");
    soon(hub.deliver(to("other:ada", 5))).await.expect("known");
    assert_eq!(restarts.platform.count(), 5, "two to ada through each platform, and bob");
    let sixth = hub.send(to("other:bob", 6)).await.expect("accepted");
    let told = restarts.parked(&hub, sixth.tasks().next().expect("one task").id).await;
    assert!(told.contains("the rate limit of other is used up"), "five to the account: {told}");
    assert_eq!(restarts.platform.count(), 5);
    restarts.clock.advance(52 * minute);
    soon(third.outcome()).await.expect("known");
    soon(sixth.outcome()).await.expect("known");
    assert_eq!(restarts.platform.count(), 7);
}

#[tokio::test]
async fn what_one_platform_of_an_account_looks_back_to_counts_whichever_of_them_is_sent_to_first() {
    let restarts = Restarts::new();
    let of = |rate_limit| DeliveryConfig { rate_limit, account: "acme".into(), ..DeliveryConfig::default() };
    let platforms = || [("ops", of(at_once(2, 3600))), ("other", of(Vec::new())), ("third", DeliveryConfig::default())];
    let account = at_once(100, 5);
    let hub = restarts.start_with(platforms(), &account).await;
    restarts.deliver(hub, [to("ops", 0), to("ops", 1), to("other", 2)]).await;
    for first in ["ops", "other"] {
        restarts.clock.advance(Duration::from_secs(60));
        let hub = restarts.start_with(platforms(), &account).await;
        let sent = restarts.platform.count();
        let targets = if first == "ops" { ["ops", "other"] } else { ["other", "ops"] };
        let batch = hub.send_all(targets.map(|target| to(target, 3))).await.expect("accepted");
        let limited = batch.accepted.iter().zip(targets).find(|(_, target)| *target == "ops").expect("one of two").0;
        let told = restarts.parked(&hub, limited.tasks().next().expect("one task").id).await;
        assert!(told.contains("the rate limit of ops is used up, for 5"), "{first} first: {told}");
        restarts.platform.wait_for(sent + 1).await;
        hub.cancel(limited.id).await.expect("cancelled");
        hub.shutdown(Duration::from_secs(5)).await.expect("in time");
        assert_eq!(restarts.platform.count(), sent + 1, "{first} first");
    }
}
