//! `GET /metrics`: a recorder for the whole process, for Prometheus to scrape.

use std::{io, time::Duration};

use axum::{Router, http::header, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use crate::{
    clock::Clock,
    telemetry::{Kind, NAMES},
};

/// How often the recorder sorts new samples into their buckets: it keeps every one of them until then, or until somebody
/// scrapes.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// The text format's own media type (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The recorder of this process, for whoever answers Prometheus.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Installs the recorder of this process: to be called by programs, before their first hub starts.
    ///
    /// # Errors
    ///
    /// When the process has a recorder already.
    pub fn install() -> io::Result<Self> {
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| io::Error::other("this process has a metrics recorder already"))?;
        Ok(Self { handle })
    }

    /// Sorts samples into their buckets, until it is dropped.
    pub async fn keep_up(&self, clock: &dyn Clock) {
        loop {
            clock.sleep_until(clock.now() + UPKEEP_EVERY).await;
            self.handle.run_upkeep();
        }
    }

    /// `GET /metrics`.
    pub fn routes(&self) -> Router {
        let handle = self.handle.clone();
        let answer = move || {
            let text = handle.render();
            async move { ([(header::CONTENT_TYPE, MEDIA_TYPE)], text) }
        };
        Router::new().route("/metrics", get(answer))
    }
}

/// A recorder that has the buckets of all our histograms.
pub fn recorder() -> PrometheusRecorder {
    let builder = NAMES.iter().fold(PrometheusBuilder::new(), |builder, metric| match metric.kind {
        Kind::Histogram(scale) => builder
            .set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &scale.bounds())
            .expect("every histogram has buckets"),
        Kind::Counter | Kind::Gauge => builder,
    });
    builder.build_recorder()
}
