//! Scaling, draining, restarting and balancing by hand, while work flows.

use std::time::Duration;

use notifyhub::{
    Notification, PoolError, WorkerState,
    config::{Affinity, Backoff, DeliveryConfig, PoolConfig, Strategy},
    event::EventKind,
    testing::TestHub,
};

use super::{Slow, event, soon, until};

fn pool(slots: usize) -> PoolConfig {
    PoolConfig { slots, batch_size: 4, ..PoolConfig::default() }
}

fn delivery() -> DeliveryConfig {
    DeliveryConfig { max_in_flight: 4_000, ..DeliveryConfig::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_scaled_from_1_to_100_and_back_under_load_loses_nothing_and_sends_nothing_twice() {
    let slow = Slow::new(Duration::from_millis(20));
    let test =
        TestHub::start_with(|hub| hub.pool(pool(8)).platform_with("slow", slow.clone(), delivery())).await.expect("starts");
    let workers = test.hub.workers();
    soon(workers.scale_to(1)).await.expect("scales");
    let batch = test.hub.send_all((0..3_000).map(|n| Notification::text(format!("{n}")).to("slow"))).await.expect("accepted");
    soon(workers.scale_to(100)).await.expect("scales");
    until(&test.hub, |hub| {
        let working = hub.workers().list();
        working.len() == 100 && working.iter().all(|worker| worker.in_flight + worker.processed > 0)
    })
    .await;
    soon(workers.scale_to(1)).await.expect("scales");
    let outcomes = soon(batch.outcomes(|_| ())).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered() && outcome.targets[0].attempts.len() == 1));
    assert_eq!((slow.counter.different(), slow.counter.most()), (3_000, 1));
    until(&test.hub, |hub| hub.workers().list().len() == 1).await;
}

#[tokio::test]
async fn a_pin_may_go_above_the_maximum_and_every_mistake_says_what_is_allowed() {
    let config = PoolConfig { min_workers: 1, max_workers: 2, ..PoolConfig::default() };
    let test = TestHub::start_with(|hub| hub.pool(config)).await.expect("starts");
    let workers = test.hub.workers();
    workers.scale_to(5).await.expect("a person decides");
    until(&test.hub, |hub| hub.workers().list().len() == 5).await;
    let said = |result: Result<(), PoolError>| result.expect_err("refused").to_string();
    assert_eq!(said(workers.scale_to(0).await), "the number of workers is 0, expected 1 to 1024");
    assert_eq!(said(workers.scale_to(1025).await), "the number of workers is 1025, expected 1 to 1024");
    assert_eq!(said(workers.set_bounds(0, 3).await), "min_workers is 0, expected 1 to 1024");
    assert_eq!(said(workers.set_bounds(3, 2).await), "max_workers is 2, expected 3 to 1024");
    assert_eq!(said(workers.drain(9).await), "there is no worker 9, expected one of: 0, 1, 2, 3, 4");
    assert_eq!(said(workers.weight(0, 0).await), "the weight is 0, expected 1 to 1000");
    assert_eq!(said(workers.affinity(5000, Affinity::default()).await), "the worker's slot is 5000, expected 0 to 1023");
    workers.scale_to(1).await.expect("scales");
    until(&test.hub, |hub| hub.workers().list().len() == 1).await;
    assert_eq!(said(workers.drain(0).await), "worker 0 is the last one: scale up first, or restart it");
    test.hub.shutdown(Duration::from_secs(5)).await.expect("in time");
    assert_eq!(workers.scale_to(3).await, Err(PoolError::ShuttingDown));
}

#[tokio::test]
async fn a_drained_worker_finishes_what_it_has_and_leaves_and_a_restarted_one_has_a_successor_at_once() {
    let slow = Slow::new(Duration::from_millis(100));
    let test =
        TestHub::start_with(|hub| hub.pool(pool(4)).platform_with("slow", slow.clone(), delivery())).await.expect("starts");
    test.hub.workers().scale_to(2).await.expect("scales");
    let mut events = test.hub.subscribe();
    let batch = test.hub.send_all((0..40).map(|n| Notification::text(format!("{n}")).to("slow"))).await.expect("accepted");
    until(&test.hub, |hub| hub.workers().list().iter().all(|worker| worker.in_flight > 0)).await;
    test.hub.workers().restart(1).await.expect("restarts");
    let listed: Vec<_> = test.hub.workers().list().iter().map(|worker| (worker.worker, worker.epoch)).collect();
    assert_eq!(listed, [(0, 1), (1, 2), (1, 1)], "the old one stands behind its successor while it finishes");
    let stopped = |kind: &EventKind| {
        matches!(kind, EventKind::WorkerStopped { worker } if (worker.slot, worker.epoch) == (1, 1)).then_some(())
    };
    event(&mut events, stopped).await;
    test.hub.workers().drain(0).await.expect("drains");
    event(&mut events, |kind| matches!(kind, EventKind::WorkerStopped { worker } if worker.slot == 0).then_some(())).await;
    let outcomes = soon(batch.outcomes(|_| ())).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered() && outcome.targets[0].attempts.len() == 1));
    assert_eq!(slow.counter.most(), 1);
    let list = test.hub.workers().list();
    assert_eq!(list.iter().map(|worker| (worker.worker, worker.epoch)).collect::<Vec<_>>(), [(1, 2)]);
}

#[tokio::test]
async fn a_killed_worker_is_replaced_and_what_it_had_goes_on_elsewhere() {
    let slow = Slow::new(Duration::from_millis(30));
    let backoff = Backoff { initial: Duration::from_millis(10), ..Backoff::default() };
    let delivery = DeliveryConfig { backoff, ..delivery() };
    let test = TestHub::start_with(|hub| hub.pool(pool(4)).platform_with("slow", slow.clone(), delivery)).await.expect("starts");
    let mut events = test.hub.subscribe();
    let batch = test.hub.send_all((0..40).map(|n| Notification::text(format!("{n}")).to("slow"))).await.expect("accepted");
    until(&test.hub, |hub| hub.workers().list().iter().all(|worker| worker.in_flight > 0)).await;
    test.hub.workers().kill(0).await.expect("kills");
    let why = event(&mut events, |kind| match kind {
        EventKind::WorkerLost { worker, why } if worker.slot == 0 => Some(why.clone()),
        _ => None,
    });
    assert_eq!(&*why.await, "was stopped");
    let replaced = |kind: &EventKind| match kind {
        EventKind::WorkerReplaced { worker, lost } => Some((worker.to_string(), lost.to_string())),
        _ => None,
    };
    assert_eq!(event(&mut events, replaced).await, ("0.2".to_owned(), "0.1".to_owned()));
    let outcomes = soon(batch.outcomes(|_| ())).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    for target in outcomes.iter().flat_map(|outcome| &outcome.targets) {
        let failed = target.attempts.iter().filter_map(|attempt| attempt.result.as_ref().err());
        assert!(failed.clone().all(|error| error.is_ambiguous() && error.reason().contains("worker 0.1 was lost")));
        assert!(target.attempts.len() <= 2, "what was not begun cost no attempt");
    }
}

#[tokio::test]
async fn strategy_weights_and_affinities_change_while_work_flows() {
    let slow = Slow::new(Duration::from_millis(2));
    let test =
        TestHub::start_with(|hub| hub.pool(pool(8)).platform_with("slow", slow.clone(), delivery())).await.expect("starts");
    let workers = test.hub.workers();
    workers.scale_to(3).await.expect("scales");
    let batch = test.hub.send_all((0..3_000).map(|n| Notification::text(format!("{n}")).to("slow"))).await.expect("accepted");
    for round in 0..3 {
        for strategy in Strategy::ALL {
            workers.strategy(strategy).await.expect("switches");
            workers.weight(round, 5 + round).await.expect("weighs");
            let kinds = [format!("kind-{round}").into()].into();
            workers.affinity(round, Affinity { kinds, ..Affinity::default() }).await.expect("specialises");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let outcomes = soon(batch.outcomes(|_| ())).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered() && outcome.targets[0].attempts.len() == 1));
    assert_eq!(slow.counter.most(), 1);
    workers.restart(2).await.expect("restarts");
    until(&test.hub, |hub| hub.workers().list().iter().any(|worker| (worker.worker, worker.epoch) == (2, 2))).await;
    until(&test.hub, |hub| hub.workers().list().iter().all(|worker| worker.weight == 5 + worker.worker)).await;
    let list = test.hub.workers().list();
    let kind = |slot: usize| list[slot].affinity.as_ref().and_then(|affinity| affinity.kinds.first().cloned());
    assert_eq!(kind(2).as_deref(), Some("kind-2"), "what was set for a slot stays when its worker is replaced");
}

#[tokio::test]
async fn messages_of_a_kind_go_to_the_workers_that_are_specialised_in_it_and_to_others_only_when_these_are_full() {
    let slow = Slow::new(Duration::from_millis(20));
    let config = PoolConfig { strategy: Strategy::Affinity, ..pool(64) };
    let test = TestHub::start_with(|hub| hub.pool(config).platform_with("slow", slow.clone(), delivery())).await.expect("starts");
    let workers = test.hub.workers();
    let receipts = Affinity { kinds: ["receipt".into()].into(), ..Affinity::default() };
    workers.affinity(1, receipts).await.expect("specialises");
    until(&test.hub, |hub| hub.workers().list().get(1).is_some_and(|worker| worker.affinity.is_some())).await;
    // Until the platform is trusted with more than one worker has slots for.
    let first = (0..600).map(|n| Notification::text(format!("{n}")).to("slow"));
    soon(test.hub.send_all(first).await.expect("accepted").outcomes(|_| ())).await.expect("known");
    let mixed = (0..60).map(|n| Notification::text(format!("{n}")).kind(if n % 2 == 0 { "receipt" } else { "alert" }).to("slow"));
    let outcomes = soon(test.hub.send_all(mixed).await.expect("accepted").outcomes(|_| ())).await.expect("known");
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.targets[0].attempts[0].worker, u32::from(n % 2 == 0), "message {n}");
    }
    let many = (0..200).map(|n| Notification::text(format!("{n}")).kind("receipt").to("slow"));
    let outcomes = soon(test.hub.send_all(many).await.expect("accepted").outcomes(|_| ())).await.expect("known");
    let by_others = outcomes.iter().filter(|outcome| outcome.targets[0].attempts[0].worker == 0).count();
    assert!((1..150).contains(&by_others), "{by_others} of 200 went to the other worker");
}

#[tokio::test]
async fn a_worker_shows_what_it_has_done_without_being_asked() {
    let slow = Slow::new(Duration::from_millis(20));
    let config = PoolConfig { min_workers: 1, health_check_interval: Duration::from_millis(200), ..pool(4) };
    let test = TestHub::start_with(|hub| hub.pool(config).platform_with("slow", slow.clone(), delivery())).await.expect("starts");
    let batch = test.hub.send_all((0..40).map(|n| Notification::text(format!("{n:0>100}")).to("slow"))).await.expect("accepted");
    until(&test.hub, |hub| {
        let Some(worker) = hub.workers().list().pop() else { return false };
        let held = worker.in_flight * 100;
        worker.state == WorkerState::Processing && worker.current_task.is_some() && worker.bytes == held && worker.processed > 8
    })
    .await;
    soon(batch.outcomes(|_| ())).await.expect("known");
    until(&test.hub, |hub| hub.workers().list()[0].state == WorkerState::Idle).await;
    until(&test.hub, |hub| hub.workers().list()[0].millis_per_second > 0).await;
    let worker = test.hub.workers().list().remove(0);
    assert_eq!((worker.processed, worker.errors, worker.in_flight, worker.bytes), (40, 0, 0, 0), "{worker:?}");
    assert!((18_000..80_000).contains(&worker.average_us), "{worker:?}");
    assert!(worker.busy_us > 0 && worker.busy_us / 1000 < worker.uptime_ms, "{worker:?}");
    assert!(worker.current_task.is_none() && worker.weight == 1 && worker.error_permille == 0, "{worker:?}");
}
