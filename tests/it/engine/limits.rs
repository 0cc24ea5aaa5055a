//! Limits beside the lane's own: each recipient's, and those that several platforms share.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use notifyhub::{
    Notification, StartError,
    clock::Clock,
    config::{DeliveryConfig, RateWindow},
    platforms::{
        contract::{Capabilities, Counted, LimitScope, SendError},
        testkit::FakePlatform,
    },
    testing::{Reaction, TestHub},
};

use super::soon;

fn one_per(seconds: u64) -> Vec<RateWindow> {
    vec![RateWindow { count: NonZeroU32::MIN, per: Duration::from_secs(seconds), burst: NonZeroU32::MIN }]
}

fn to(target: &str, body: impl ToString) -> Notification {
    Notification::text(body.to_string()).to(target)
}

/// A hub whose platform lets each recipient have one per so many seconds.
async fn per_recipient(seconds: u64) -> TestHub {
    let delivery = DeliveryConfig { recipient_rate_limit: one_per(seconds), ..DeliveryConfig::default() };
    TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts")
}

fn sent_to(test: &TestHub, recipient: &str) -> usize {
    test.sent().iter().filter(|(to, _)| to == recipient).count()
}

#[tokio::test]
async fn a_recipient_is_sent_to_as_his_limit_allows_and_nobody_else_waits_for_him() {
    // In memory, and in the store.
    for seconds in [2, 60] {
        let test = per_recipient(seconds).await;
        let many = test.hub.send_all((0..300).map(|n| to("test:ada", n))).await.expect("accepted");
        let others = test.hub.send_all((0..100).map(|n| to(&format!("test:{n}"), n))).await.expect("accepted");
        soon(others.outcomes(|_| ())).await.expect("known");
        assert_eq!(sent_to(&test, "ada"), 1);
        for turns in 2..=4 {
            test.clock.advance(Duration::from_secs(seconds) + Duration::from_millis(seconds * 40));
            test.platform.wait_for(100 + turns).await;
            soon(test.hub.deliver(to("test", "free"))).await.expect("known");
            assert_eq!(sent_to(&test, "ada"), turns, "one at a time");
            assert_eq!(sent_to(&test, ""), turns - 1, "whoever has no recipient has no such limit");
            test.platform.wait_for(100 + turns + turns - 1).await;
        }
        drop(many);
    }
}

#[tokio::test]
async fn what_waits_for_its_recipient_says_so_and_can_be_cancelled() {
    let test = per_recipient(3).await;
    soon(test.hub.deliver(to("test:ada", 0))).await.expect("known");
    let second = test.hub.send(to("test:ada", 1)).await.expect("accepted");
    let task = second.tasks().next().expect("one task").id;
    let told = soon(async {
        loop {
            let told = test.hub.explain(task).await.expect("readable").expect("known");
            if told.contains("parked") {
                return told;
            }
            tokio::task::yield_now().await;
        }
    });
    let told = told.await;
    assert!(told.starts_with("not tried yet; parked: its recipient on test may not be sent to yet, for "), "{told}");
    test.hub.cancel(second.id).await.expect("cancelled");
    soon(second.outcome()).await.expect("known");
    let third = test.hub.send(to("test:ada", 2)).await.expect("accepted");
    test.clock.advance(Duration::from_secs(7));
    assert!(soon(third.outcome()).await.expect("known").all_delivered());
    assert_eq!(test.platform.count(), 2);
}

#[tokio::test]
async fn a_recipient_that_asks_to_be_left_alone_is_and_the_others_flow() {
    let test = TestHub::start().await.expect("starts");
    let wait = Some(Duration::from_secs(30));
    let error = SendError::rate_limited("slow down").with_scope(LimitScope::Target).with_retry_after(wait);
    test.platform.push(Reaction::from(error));
    let first = test.hub.send(to("test:ada", "first")).await.expect("accepted");
    test.platform.wait_for(1).await;
    soon(test.hub.deliver(to("test:bob", "other"))).await.expect("known");
    let second = test.hub.send(to("test:ada", "second")).await.expect("accepted");
    soon(test.hub.deliver(to("test:bob", "other"))).await.expect("known");
    assert_eq!(sent_to(&test, "ada"), 1, "nothing more before its time");
    test.clock.advance(Duration::from_secs(31));
    for accepted in [first, second] {
        assert!(soon(accepted.outcome()).await.expect("known").all_delivered());
    }
    assert_eq!(sent_to(&test, "ada"), 3);
}

/// A hub with two platforms of one account, and what they were given.
async fn shared(limit: Vec<RateWindow>) -> (TestHub, [FakePlatform; 2]) {
    let platforms = [FakePlatform::new(), FakePlatform::new()];
    let [one, two] = platforms.clone().map(Arc::new);
    let delivery = DeliveryConfig { account: "acme".into(), ..DeliveryConfig::default() };
    let tell = |hub: notifyhub::HubBuilder| {
        hub.account("acme", limit).platform_with("one", one, delivery.clone()).platform_with("two", two, delivery)
    };
    (TestHub::start_with(tell).await.expect("starts"), platforms)
}

#[tokio::test]
async fn platforms_of_one_account_keep_its_limit_together_and_no_other_waits() {
    let (test, [one, two]) = shared(one_per(10)).await;
    let batch = (0..3).flat_map(|n| [to("one", n), to("two", n)]);
    let batch = test.hub.send_all(batch).await.expect("accepted");
    for sent in 1..=6 {
        soon(async {
            while one.count() + two.count() < sent {
                tokio::task::yield_now().await;
            }
        })
        .await;
        soon(test.hub.deliver(to("test", "free"))).await.expect("known");
        assert_eq!(one.count() + two.count(), sent, "one at a time, of both together");
        test.clock.advance(Duration::from_millis(10_400));
    }
    soon(batch.outcomes(|_| ())).await.expect("known");
    assert_eq!((one.count(), two.count()), (3, 3), "they take turns");
}

#[tokio::test]
async fn platforms_of_one_account_rest_together() {
    let (test, [one, two]) = shared(Vec::new()).await;
    let wait = Some(Duration::from_secs(30));
    one.push(SendError::rate_limited("slow down").with_scope(LimitScope::Platform).with_retry_after(wait));
    let first = test.hub.send(to("one", "first")).await.expect("accepted");
    soon(one.wait_for(1)).await;
    soon(test.hub.deliver(to("test", "free"))).await.expect("known");
    let second = test.hub.send(to("two", "second")).await.expect("accepted");
    soon(test.hub.deliver(to("test", "free"))).await.expect("known");
    assert_eq!((one.count(), two.count()), (1, 0));
    test.clock.advance(Duration::from_secs(31));
    for accepted in [first, second] {
        assert!(soon(accepted.outcome()).await.expect("known").all_delivered());
    }
}

#[tokio::test]
async fn an_account_that_is_not_there_is_told_at_the_start() {
    let delivery = DeliveryConfig { account: "acme".into(), ..DeliveryConfig::default() };
    let started = TestHub::start_with(|hub| hub.delivery(delivery)).await;
    let Err(StartError::Invalid(reason)) = started else { panic!("{started:?}") };
    assert_eq!(reason, "unknown account `acme`, add it with `HubBuilder::account`");
}

/// Up to `count` at once, and as many per second.
fn per_second(count: u32) -> Vec<RateWindow> {
    let count = NonZeroU32::new(count).expect("not zero");
    vec![RateWindow { count, per: Duration::from_secs(1), burst: count }]
}

/// A hub with a platform `limited`, of which ten a second are allowed.
async fn ten_a_second(limited: &FakePlatform) -> TestHub {
    let delivery = DeliveryConfig { rate_limit: per_second(10), ..DeliveryConfig::default() };
    let tell = |hub: notifyhub::HubBuilder| hub.platform_with("limited", Arc::new(limited.clone()), delivery);
    TestHub::start_with(tell).await.expect("starts")
}

#[tokio::test]
async fn what_counts_as_several_uses_up_as_much_of_the_limit() {
    let capabilities = Capabilities { counted: Counted::Envelopes, ..Capabilities::default() };
    let limited = FakePlatform::new().with_capabilities(capabilities).with_weight(|envelope| envelope.message.body.len() as u32);
    let test = ten_a_second(&limited).await;
    let long = test.hub.send_all((0..6).map(|_| to("limited", "12345"))).await.expect("accepted");
    for turn in 1..=3 {
        limited.wait_for(2 * turn).await;
        soon(test.hub.deliver(to("test", "free"))).await.expect("known");
        assert_eq!(limited.count(), 2 * turn, "ten segments are two messages");
        test.clock.advance(Duration::from_millis(1100));
    }
    soon(long.outcomes(|_| ())).await.expect("known");
}

#[tokio::test]
async fn a_native_batch_counts_as_one_request_or_as_all_it_carries() {
    for (counted, expected) in [(Counted::Requests, 50), (Counted::Envelopes, 10)] {
        let capabilities = Capabilities { batch_max: 5, counted, ..Capabilities::default() };
        let limited = FakePlatform::new().with_capabilities(capabilities);
        let test = ten_a_second(&limited).await;
        let later = test.clock.wall() + Duration::from_secs(10);
        let all = (0..64).map(|n| to("limited", n).not_before(later));
        test.hub.send_all(all).await.expect("accepted");
        test.clock.advance(Duration::from_secs(10));
        limited.wait_for(expected).await;
        soon(test.hub.deliver(to("test", "free"))).await.expect("known");
        assert_eq!(limited.count(), expected, "{counted:?}");
    }
}

#[tokio::test]
async fn a_native_batch_names_many_recipients_in_as_many_requests() {
    let capabilities = Capabilities { batch_max: 5, ..Capabilities::default() };
    let limited = FakePlatform::new().with_capabilities(capabilities);
    let test = ten_a_second(&limited).await;
    test.hub.send_all((0..20).map(|n| to(&format!("limited:{n}"), n))).await.expect("accepted");
    limited.wait_for(10).await;
    soon(test.hub.deliver(to("test", "free"))).await.expect("known");
    assert_eq!(limited.count(), 10);
}

#[tokio::test]
async fn a_native_batch_carries_no_more_bytes_than_its_platform_takes() {
    let capabilities = Capabilities { batch_max: 100, batch_bytes_max: 100, ..Capabilities::default() };
    let batches = FakePlatform::new().with_capabilities(capabilities);
    let test = TestHub::start_with(|hub| hub.platform("batches", batches.clone())).await.expect("starts");
    let later = test.clock.wall() + Duration::from_secs(10);
    let sizes = [40, 40, 40, 100, 200, 10, 10];
    let all = sizes.map(|size| to("batches", "x".repeat(size)).not_before(later));
    test.hub.send_all(all).await.expect("accepted");
    test.clock.advance(Duration::from_secs(10));
    soon(batches.wait_for_finished(sizes.len())).await;
    let mut sent = batches.sent().into_iter().map(|envelope| envelope.message.body.len());
    let calls: Vec<Vec<_>> = batches.batches().into_iter().map(|size| sent.by_ref().take(size).collect()).collect();
    assert!(calls.iter().all(|call| call.len() == 1 || call.iter().sum::<usize>() <= 100), "{calls:?}");
    assert!(calls.len() < sizes.len() && calls.contains(&vec![200]), "one that is larger goes alone: {calls:?}");
}
