//! What lanes leave each other: slots, turns, and room in memory; and which of a lane's tasks goes first.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    Notification, Priority,
    clock::Clock,
    config::{DeliveryConfig, Order, PoolConfig},
    platforms::contract::{Attachment, AttachmentContent},
    testing::{FakePlatform, Reaction, TestHub},
};

#[tokio::test]
async fn no_lane_takes_more_than_half_the_slots_while_another_waits() {
    let (one, two) = (FakePlatform::new(), FakePlatform::new());
    one.otherwise(Reaction::Hang);
    two.otherwise(Reaction::Hang);
    let pool = PoolConfig { min_workers: 1, max_workers: 1, slots: 8, ..PoolConfig::default() };
    let tell = |hub: notifyhub::HubBuilder| hub.pool(pool).platform("one", one.clone()).platform("two", two.clone());
    let test = TestHub::start_with(tell).await.expect("starts");
    let both = (0..40).map(|n| Notification::text(n.to_string()).to(if n % 2 == 0 { "one" } else { "two" }));
    test.hub.send_all(both).await.expect("accepted");
    for platform in [&one, &two] {
        platform.wait_for(4).await;
        assert_eq!(platform.count(), 4);
    }
}

#[tokio::test]
async fn no_lane_takes_more_than_a_quarter_of_the_slots_while_three_others_wait() {
    let account = FakePlatform::new();
    account.otherwise(Reaction::Hang);
    let pool = PoolConfig { min_workers: 1, max_workers: 1, slots: 8, ..PoolConfig::default() };
    let names = ["one", "two", "three", "four"];
    let tell =
        |hub: notifyhub::HubBuilder| names.into_iter().fold(hub.pool(pool), |hub, name| hub.platform(name, account.clone()));
    let test = TestHub::start_with(tell).await.expect("starts");
    let later = test.clock.wall() + Duration::from_secs(10);
    let all = (0..40).map(|n| Notification::text(n.to_string()).to(names[n % 4]).not_before(later));
    test.hub.send_all(all).await.expect("accepted");
    test.clock.advance(Duration::from_secs(10));
    super::soon(account.wait_for(8)).await;
    let lanes = test.hub.lanes().list().await.expect("known");
    let shares: Vec<_> = lanes.iter().map(|lane| (lane.in_flight, lane.waiting)).collect();
    assert!(shares.contains(&(2, 8)), "the first that had its turn: {shares:?}");
}

#[tokio::test]
async fn lanes_that_all_want_more_are_given_as_much_as_they_weigh() {
    let pool = PoolConfig { min_workers: 1, max_workers: 1, slots: 16, batch_size: 2, ..PoolConfig::default() };
    let account = FakePlatform::new();
    let names: Vec<_> = (0..13).map(|n| format!("lane{n}")).collect();
    let tell = |mut hub: notifyhub::HubBuilder| {
        for (n, name) in names.iter().enumerate() {
            let delivery = DeliveryConfig { weight: if n == 0 { 3 } else { 1 }, ..DeliveryConfig::default() };
            hub = hub.platform_with(name, Arc::new(account.clone()), delivery);
        }
        hub.pool(pool)
    };
    let test = TestHub::start_with(tell).await.expect("starts");
    let later = test.clock.wall() + Duration::from_secs(10);
    let all = names.iter().cycle().take(13 * 35).map(|name| Notification::text(name).to(&**name).not_before(later));
    test.hub.send_all(all).await.expect("accepted");
    test.clock.advance(Duration::from_secs(10));
    let sent = super::soon(account.wait_for(150)).await;
    let of = |name: &String| sent.iter().take(150).filter(|envelope| envelope.message.body == *name).count();
    let shares: Vec<_> = names.iter().map(of).collect();
    assert!((26..=34).contains(&shares[0]) && shares[1..].iter().all(|share| (7..=13).contains(share)), "{shares:?}");
}

#[tokio::test]
async fn however_many_lanes_are_slow_there_is_room_for_another() {
    const SLOW: usize = 40;
    let hangs = FakePlatform::new();
    hangs.otherwise(Reaction::Hang);
    let pool = PoolConfig { min_workers: 1, max_workers: 1, slots: 1024, ..PoolConfig::default() };
    let delivery = DeliveryConfig { timeout: Duration::from_secs(3600), ..DeliveryConfig::default() };
    let tell = |mut hub: notifyhub::HubBuilder| {
        for n in 0..SLOW {
            hub = hub.platform_with(format!("slow{n}"), Arc::new(hangs.clone()), delivery.clone());
        }
        hub.pool(pool)
    };
    let test = TestHub::start_with(tell).await.expect("starts");
    let slow = (0..SLOW * 200).map(|n| Notification::text("slow").to(format!("slow{}", n % SLOW)));
    test.hub.send_all(slow).await.expect("accepted");
    super::soon(hangs.wait_for(SLOW * 2)).await;
    let quick = test.hub.send(Notification::text("quick").to("test")).await.expect("accepted");
    let delivered = async {
        while test.platform.count() == 0 {
            test.clock.advance(Duration::from_millis(5));
            tokio::task::yield_now().await;
        }
        quick.outcome().await.expect("known").all_delivered()
    };
    assert!(super::soon(delivered).await);
}

#[tokio::test]
async fn large_messages_take_as_much_room_as_they_are_large() {
    const MIB: usize = 1024 * 1024;
    let hangs = FakePlatform::new();
    hangs.otherwise(Reaction::Hang);
    let test = TestHub::start_with(|hub| hub.platform("large", hangs.clone())).await.expect("starts");
    let content = AttachmentContent::Bytes(vec![0; MIB].into());
    let large = Attachment { name: "a".into(), mime: "application/octet-stream".into(), content };
    let all = (0..100).map(|n| Notification::text(n.to_string()).to("large").attach(large.clone()));
    test.hub.send_all(all).await.expect("accepted");
    super::soon(hangs.wait_for(14)).await;
    test.hub.deliver(Notification::text("the dispatcher has seen them all").to("test")).await.expect("delivered");
    let lanes = test.hub.lanes().list().await.expect("known");
    let lane = lanes.iter().find(|lane| lane.platform.as_str() == "large").expect("there is one");
    assert_eq!(lane.in_flight + lane.waiting, 15, "128 units of 128 KiB are a lane's room, and such a task takes 9");
}

#[tokio::test]
async fn where_the_newest_go_first_the_backlog_of_a_pause_comes_last() {
    let delivery = DeliveryConfig { order: Order::Newest, max_in_flight: 1, ..DeliveryConfig::default() };
    let test = TestHub::start_with(|hub| hub.delivery(delivery)).await.expect("starts");
    let (platform, half_an_hour) = ("test".parse().expect("a name"), Duration::from_secs(30 * 60));
    test.hub.lanes().pause(&platform).await.expect("known");
    let mut batches = Vec::new();
    for (age, priority) in [("old", Priority::Normal), ("urgent", Priority::Urgent), ("fresh", Priority::Normal)] {
        for n in 0..3 {
            let notification = Notification::text(format!("{age} {n}")).priority(priority).to("test");
            batches.push(test.hub.send(notification).await.expect("accepted"));
            test.clock.advance(Duration::from_secs(1));
        }
        test.clock.advance(half_an_hour);
    }
    test.hub.lanes().resume(&platform).await.expect("known");
    for accepted in batches {
        assert!(super::soon(accepted.outcome()).await.expect("known").all_delivered());
    }
    let bodies: Vec<_> = test.sent().into_iter().map(|(_, body)| body).collect();
    let expected =
        ["urgent 2", "urgent 1", "urgent 0", "fresh 2", "fresh 1", "fresh 0", "old 2", "old 1", "old 0"].map(str::to_owned);
    assert_eq!(bodies, expected);
}
