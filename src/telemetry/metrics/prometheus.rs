//! A hub's metrics in Prometheus' text format, without any recorder being installed
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>).

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use super::{
    Publisher,
    names::{Kind, NAMES},
};
use crate::telemetry::{Board, EventBus};

/// A builder of recorders that knows the buckets of all our histograms; for those who install one themselves.
///
/// The recorder keeps every sample of a histogram until somebody scrapes it or
/// [`run_upkeep`](metrics_exporter_prometheus::PrometheusHandle::run_upkeep) is called: call that every few seconds.
pub fn prometheus_builder() -> PrometheusBuilder {
    NAMES.iter().fold(PrometheusBuilder::new(), |builder, metric| match metric.kind {
        Kind::Histogram(scale) => builder
            .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &scale.bounds())
            .expect("every histogram has buckets"),
        Kind::Counter | Kind::Gauge => builder,
    })
}

/// All metrics since the hub began.
pub fn prometheus(board: Board, events: EventBus) -> String {
    let recorder = prometheus_builder().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let mut publisher = Publisher::new(board, events);
        publisher.publish();
        let text = handle.render();
        // Its end takes the gauges back, which is after the text was made.
        drop(publisher);
        text
    })
}
