//! Metrics: all that are promised, and true.

mod prometheus;

use std::{sync::Arc, time::Duration};

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use notifyhub::{
    Hub, Notification,
    config::{DeliveryConfig, PoolConfig},
    platforms::{
        contract::SendError,
        testkit::{FakePlatform, Reaction},
    },
};

/// What dashboards and alerts are built on; the state of breakers comes with breakers.
const PROMISED: [&str; 18] = [
    "accepted_total",
    "deliveries_total",
    "attempts_total",
    "delivery_duration_seconds",
    "accept_to_delivered_seconds",
    "lane_waiting",
    "oldest_waiting_seconds",
    "in_flight",
    "concurrency_limit",
    "batch_tasks",
    "workers",
    "pool_load",
    "scalings_total",
    "worker_restarts_total",
    "store_commit_seconds",
    "store_group_tasks",
    "dead_total",
    "events_dropped_total",
];

async fn hub(platform: &Arc<FakePlatform>) -> Hub {
    let pool = PoolConfig { min_workers: 2, max_workers: 4, ..PoolConfig::default() };
    let delivery = DeliveryConfig { max_attempts: 1, ..DeliveryConfig::default() };
    Hub::builder().seed(1).pool(pool).platform_with("ops", platform.clone(), delivery).start().await.expect("starts")
}

/// The value of one series; not a number where it is not there.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.map_or(f64::NAN, |value| value.parse().expect("a number"))
}

#[tokio::test]
async fn every_promised_metric_is_there_and_counts_what_happened() {
    let platform = Arc::new(FakePlatform::new());
    let hub = hub(&platform).await;
    hub.workers().scale_to(3).await.expect("scales");
    for _ in 0..3 {
        assert!(hub.deliver(Notification::text("b").to("ops")).await.expect("an outcome").all_delivered());
    }
    platform.push(SendError::invalid_message("no"));
    platform.push(SendError::unavailable("down"));
    for _ in 0..2 {
        assert!(!hub.deliver(Notification::text("b").to("ops")).await.expect("an outcome").all_delivered());
    }
    let text = hub.prometheus();
    for name in PROMISED {
        assert!(text.contains(&format!("# TYPE notifyhub_{name} ")), "{name} is not in\n{text}");
        assert!(text.contains(&format!("# HELP notifyhub_{name} ")), "{name} is not explained in\n{text}");
    }
    for (series, expected) in [
        ("notifyhub_accepted_total", 5.0),
        ("notifyhub_deliveries_total{platform=\"ops\",outcome=\"delivered\"}", 3.0),
        ("notifyhub_deliveries_total{platform=\"ops\",outcome=\"dead\"}", 2.0),
        ("notifyhub_attempts_total{platform=\"ops\",class=\"ok\"}", 3.0),
        ("notifyhub_attempts_total{platform=\"ops\",class=\"unavailable\"}", 1.0),
        ("notifyhub_dead_total{platform=\"ops\",reason=\"invalid_message\"}", 1.0),
        ("notifyhub_dead_total{platform=\"ops\",reason=\"out_of_attempts\"}", 1.0),
        ("notifyhub_delivery_duration_seconds_count{platform=\"ops\"}", 5.0),
        ("notifyhub_delivery_duration_seconds_bucket{platform=\"ops\",le=\"+Inf\"}", 5.0),
        ("notifyhub_accept_to_delivered_seconds_count{platform=\"ops\"}", 3.0),
        ("notifyhub_batch_tasks_sum{platform=\"ops\"}", 5.0),
        ("notifyhub_store_group_tasks_sum", 5.0),
        ("notifyhub_scalings_total{direction=\"up\",reason=\"pinned\"}", 1.0),
        ("notifyhub_workers{state=\"idle\"}", 3.0),
        ("notifyhub_in_flight{platform=\"ops\"}", 0.0),
    ] {
        assert!((value(&text, series) - expected).abs() < 1e-9, "{series} is not {expected} in\n{text}");
    }
    hub.shutdown(Duration::from_secs(5)).await.expect("in time");
}

#[tokio::test]
async fn what_waits_on_a_lane_is_shown_within_a_second_or_so() {
    let platform = Arc::new(FakePlatform::new());
    platform.otherwise(Reaction::Hang);
    let delivery = DeliveryConfig { max_in_flight: 2, ..DeliveryConfig::default() };
    let hub = Hub::builder().seed(1).platform_with("ops", platform, delivery).start().await.expect("starts");
    hub.send_all((0..4).map(|_| Notification::text("b").to("ops"))).await.expect("accepted");
    let shown = async {
        loop {
            let text = hub.prometheus();
            if value(&text, "notifyhub_lane_waiting{platform=\"ops\"}") > 0.0 {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let text = tokio::time::timeout(Duration::from_secs(30), shown).await.expect("it is shown");
    for (series, expected) in [("lane_waiting", 2.0), ("in_flight", 2.0), ("concurrency_limit", 2.0)] {
        let series = format!("notifyhub_{series}{{platform=\"ops\"}}");
        assert!((value(&text, &series) - expected).abs() < 1e-9, "{series} is not {expected} in\n{text}");
    }
    assert!(value(&text, "notifyhub_oldest_waiting_seconds{platform=\"ops\"}") > 0.0);
}

#[tokio::test]
async fn hubs_of_one_process_add_up_in_its_recorder_and_leave_no_gauge_behind() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _installed = metrics::set_default_local_recorder(&recorder);
    let (one, two) = (Arc::new(FakePlatform::new()), Arc::new(FakePlatform::new()));
    for hub in [hub(&one).await, hub(&two).await] {
        hub.deliver(Notification::text("b").to("ops")).await.expect("an outcome");
        hub.shutdown(Duration::from_secs(5)).await.expect("in time");
    }
    let (mut accepted, mut took, mut gauges) = (0, 0, 0);
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        match (key.key().name(), value) {
            ("notifyhub_accepted_total", DebugValue::Counter(count)) => accepted = count,
            ("notifyhub_delivery_duration_seconds", DebugValue::Histogram(samples)) => took = samples.len(),
            (name, DebugValue::Gauge(level)) => {
                gauges += 1;
                assert!(level.abs() < 1e-9, "{name} stays at {level}");
            }
            _ => {}
        }
    }
    assert_eq!((accepted, took), (2, 2));
    assert!(gauges > 5, "gauges were published");
}
