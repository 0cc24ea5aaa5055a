//! Adapters that block their thread: seen, named, and kept from harming others.

use std::{sync::Arc, time::Duration};

use notifyhub::{
    HealthState, Hub, HubBuilder, Notification,
    config::{DeliveryConfig, PoolConfig},
    event::EventKind,
};
use tokio::runtime::{Builder, Runtime};

use super::{Blocking, Slow, event, soon, until};

/// A runtime that may be dropped with blocked threads, in an async test too.
struct Delivery(Option<Runtime>);

impl Delivery {
    fn with_threads(threads: usize) -> Self {
        Self(Some(Builder::new_multi_thread().worker_threads(threads).enable_all().build().expect("a runtime")))
    }

    fn handle(&self) -> tokio::runtime::Handle {
        self.0.as_ref().expect("until it is dropped").handle().clone()
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        self.0.take().expect("dropped once").shutdown_background();
    }
}

fn hub(blocking: &Arc<Blocking>) -> HubBuilder {
    let pool = PoolConfig { health_check_interval: Duration::from_millis(300), ..PoolConfig::default() };
    Hub::builder().seed(1).pool(pool).platform_with("stone", blocking.clone(), DeliveryConfig::default())
}

#[tokio::test]
async fn delivery_threads_that_stay_blocked_are_lost_to_this_process() {
    let (blocking, delivery) = (Arc::new(Blocking::default()), Delivery::with_threads(1));
    let hub = hub(&blocking).delivery_runtime(delivery.handle()).start().await.expect("starts");
    drop(hub.send(Notification::text("block").to("stone")).await.expect("accepted"));
    until(&hub, |hub| hub.health().exhausted).await;
    let health = hub.health();
    assert!(health.reasons.iter().any(|reason| reason.contains("all delivery threads have been blocked")), "{health:?}");
    blocking.open();
    until(&hub, |hub| !hub.health().exhausted).await;
}

#[tokio::test]
async fn an_adapter_that_blocks_its_thread_is_named_and_replaced_and_the_others_go_on() {
    let (blocking, delivery) = (Arc::new(Blocking::default()), Delivery::with_threads(2));
    let hub = hub(&blocking).delivery_runtime(delivery.handle()).start().await.expect("starts");
    let mut events = hub.subscribe();
    let stuck = hub.send(Notification::text("block").to("stone")).await.expect("accepted");
    let (silent, at) = event(&mut events, |kind| match kind {
        EventKind::WorkerUnresponsive { worker, at, .. } => Some((*worker, at.clone().expect("known"))),
        _ => None,
    })
    .await;
    assert_eq!((at.platform.as_str(), Some(at.task)), ("stone", stuck.tasks().map(|task| task.id).next()));
    assert!(at.held >= Duration::from_millis(100), "{at:?}");
    let (lost, why) = event(&mut events, |kind| match kind {
        EventKind::WorkerLost { worker, why } => Some((*worker, why.clone())),
        _ => None,
    })
    .await;
    assert_eq!(lost, silent);
    assert!(why.contains("the adapter of platform `stone` has held its thread for"), "{why}");
    let replaced = event(&mut events, |kind| match kind {
        EventKind::WorkerReplaced { worker, lost } => Some((*worker, *lost)),
        _ => None,
    });
    assert_eq!(replaced.await.1, silent);
    let others = hub.send_all((0..100).map(|n| Notification::text(format!("{n}")).to("stone"))).await.expect("accepted");
    let outcomes = soon(others.outcomes(|_| ())).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()), "the other thread carries on");
    until(&hub, |hub| hub.health().abandoned == [silent]).await;
    assert!(hub.health().reasons.iter().any(|reason| reason.contains("adapters still block the threads")), "{:?}", hub.health());
    blocking.open();
    until(&hub, |hub| hub.health().abandoned.is_empty() && hub.health().state == HealthState::Healthy).await;
    let outcome = soon(stuck.outcome()).await.expect("known");
    let first = outcome.targets[0].attempts[0].result.as_ref().expect_err("lost with its worker");
    assert!(first.is_ambiguous() && outcome.all_delivered(), "{outcome:?}");
    assert_eq!(outcome.targets[0].attempts.len(), 2, "what the lost worker still reported counts for nothing");
    soon(hub.shutdown(Duration::from_secs(5))).await.expect("in time");
}

#[tokio::test]
async fn with_the_planes_apart_a_delivery_runtime_that_is_blocked_stops_neither_stats_nor_events_nor_shutdown() {
    let (blocking, delivery) = (Arc::new(Blocking::default()), Delivery::with_threads(1));
    let hub = hub(&blocking).delivery_runtime(delivery.handle()).start().await.expect("starts");
    let mut events = hub.subscribe();
    let stuck = hub.send(Notification::text("block").to("stone")).await.expect("accepted");
    let at = event(&mut events, |kind| match kind {
        EventKind::RuntimeStalled { at, .. } => Some(at.clone()),
        _ => None,
    })
    .await;
    assert_eq!(at.iter().map(|(_, at)| at.platform.as_str()).collect::<Vec<_>>(), ["stone"]);
    until(&hub, |hub| hub.health().state == HealthState::Unhealthy).await;
    assert!(!hub.health().is_ready() && hub.stats().workers.len() == 2);
    let more = hub.send(Notification::text("more").to("stone")).await.expect("accepting needs no delivery thread");
    let (ended, outcome, other) =
        soon(async { tokio::join!(hub.shutdown(Duration::from_millis(200)), stuck.outcome(), more.outcome()) }).await;
    let forced = ended.expect_err("it cannot end in its grace");
    assert!(
        forced.abandoned.iter().any(|worker| worker.contains("the adapter of platform `stone` has held its thread")),
        "{forced}"
    );
    assert!(outcome.is_ok() && other.is_ok(), "every handle resolves");
    assert!(hub.workers().list().iter().all(|worker| worker.epoch == 1), "nobody was given up for what is not his fault");
    blocking.open();
}

#[test]
fn on_a_single_thread_a_blocked_runtime_is_at_least_seen_and_named() {
    let blocking = Arc::new(Blocking::default());
    let gate = blocking.clone();
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        gate.open();
    });
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let hub = hub(&blocking).start().await.expect("starts");
        let mut events = hub.subscribe();
        let stuck = hub.send(Notification::text("block").to("stone")).await.expect("accepted");
        let outcome = soon(stuck.outcome()).await.expect("known");
        assert!(outcome.all_delivered() && outcome.targets[0].attempts.len() == 1, "{outcome:?}");
        let named = event(&mut events, |kind| match kind {
            EventKind::RuntimeStalled { at, .. } => Some(at.first().expect("one").1.to_string()),
            _ => None,
        });
        assert!(named.await.starts_with("the adapter of platform `stone` has held its thread for"));
        let recovered = event(&mut events, |kind| match kind {
            EventKind::RuntimeRecovered { stalled } => Some(*stalled),
            _ => None,
        });
        assert!(recovered.await >= Duration::from_millis(150));
        hub.shutdown(Duration::from_secs(5)).await.expect("in time");
    });
    opener.join().expect("it opened");
}

#[tokio::test]
async fn an_adapter_that_says_that_it_blocks_has_a_few_threads_of_its_own_and_holds_up_nobody() {
    let blocking = Arc::new(Blocking { says_so: true, ..Blocking::default() });
    let delivery = Delivery::with_threads(1);
    let quick = Slow::new(Duration::ZERO);
    let hub =
        hub(&blocking).platform_with("quick", quick, DeliveryConfig::default()).delivery_runtime(delivery.handle()).start().await;
    let hub = hub.expect("starts");
    let stuck = hub.send_all((0..40).map(|_| Notification::text("block").to("stone"))).await.expect("accepted");
    until(&hub, |_| blocking.blocked.lock().expect("not poisoned").0 == 16).await;
    for n in 0..20 {
        let outcome = soon(hub.deliver(Notification::text(n.to_string()).to("quick"))).await.expect("known");
        assert!(outcome.all_delivered());
    }
    assert_eq!(hub.health().state, HealthState::Healthy, "{:?}", hub.health());
    blocking.open();
    let outcomes = soon(stuck.outcomes(|_| ())).await.expect("known");
    assert!(outcomes.iter().all(|outcome| outcome.all_delivered()));
    assert_eq!(blocking.blocked.lock().expect("not poisoned").1, 16, "and never more");
}
