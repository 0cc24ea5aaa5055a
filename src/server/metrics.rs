//! `GET /metrics`: a recorder for the whole process, and a listener that Prometheus scrapes.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, http::header, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::net::TcpListener;

use crate::{
    clock::Clock,
    telemetry::{Kind, NAMES},
};

/// How often the recorder sorts new samples into their buckets: it keeps every one of them until then, or until somebody
/// scrapes.
const UPKEEP_EVERY: Duration = Duration::from_secs(1);

/// The text format's own media type (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A listener for Prometheus, and the process's recorder behind it.
pub struct MetricsServer {
    listener: TcpListener,
    handle: PrometheusHandle,
    clock: Arc<dyn Clock>,
}

impl MetricsServer {
    /// Listens, and installs the recorder of this process: to be called by programs, before their first hub starts.
    ///
    /// # Errors
    ///
    /// When it cannot listen there, or the process has a recorder already.
    pub async fn bind(address: SocketAddr, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let recorder = recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).map_err(|_| io::Error::other("this process has a metrics recorder already"))?;
        Ok(Self { listener, handle, clock })
    }

    /// Answers until it is dropped.
    ///
    /// # Errors
    ///
    /// Never while the listener works.
    pub async fn run(self) -> io::Result<()> {
        let (handle, upkeep) = (self.handle.clone(), self.handle);
        let answer = move || {
            let text = handle.render();
            async move { ([(header::CONTENT_TYPE, MEDIA_TYPE)], text) }
        };
        let keep_up = async {
            loop {
                self.clock.sleep_until(self.clock.now() + UPKEEP_EVERY).await;
                upkeep.run_upkeep();
            }
        };
        tokio::select! {
            ended = axum::serve(self.listener, Router::new().route("/metrics", get(answer))).into_future() => ended,
            () = keep_up => Ok(()),
        }
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
