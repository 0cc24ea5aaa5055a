//! What a program without the engine would do: a loop per connection.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, task::JoinSet};

use super::{AnyError, machine, note};

/// How many requests are still to be sent.
struct Remaining(AtomicUsize);

impl Remaining {
    fn take(&self) -> Option<usize> {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok()
    }
}

/// Runs `in_flight` loops and measures from the first request to the last answer.
async fn timed<F>(count: usize, in_flight: usize, start: impl Fn(Arc<Remaining>) -> F) -> Result<(Duration, Duration), AnyError>
where
    F: Future<Output = Result<(), AnyError>> + Send + 'static,
{
    let warm_up = Arc::new(Remaining(AtomicUsize::new(in_flight * 20)));
    let remaining = Arc::new(Remaining(AtomicUsize::new(count)));
    for (measured, remaining) in [(false, warm_up), (true, remaining)] {
        let (began, cpu) = (Instant::now(), machine::cpu_time()?);
        let mut loops = JoinSet::new();
        for _ in 0..in_flight {
            loops.spawn(start(remaining.clone()));
        }
        while let Some(ended) = loops.join_next().await {
            ended??;
        }
        if measured {
            return Ok((began.elapsed(), machine::cpu_time()?.saturating_sub(cpu)));
        }
    }
    unreachable!("the second round is measured")
}

/// Hyper's connections, one per loop, prebuilt body.
pub async fn hyper(url: &str, in_flight: usize, count: usize) -> Result<(Duration, Duration), AnyError> {
    let address = url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
    let body = Bytes::from(serde_json::to_vec(&note::Note::new(0))?);
    assert_eq!(body.len(), note::BODY_BYTES);
    timed(count, in_flight, move |remaining| {
        let (address, body) = (address.clone(), body.clone());
        async move {
            let stream = TcpStream::connect(&address).await?;
            stream.set_nodelay(true)?;
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            let mut connections = JoinSet::new();
            connections.spawn(connection);
            while remaining.take().is_some() {
                let mut request = Request::post("/hook").header("host", &address).body(Full::new(body.clone()))?;
                request.headers_mut().extend(note::headers());
                sender.ready().await?;
                let answer = sender.send_request(request).await?;
                assert!(answer.status().is_success());
                answer.into_body().collect().await?;
            }
            Ok(())
        }
    })
    .await
}

/// Reqwest with the client settings the engine's transport has: each loop clones a note and posts it as JSON.
pub async fn reqwest(url: &str, in_flight: usize, count: usize) -> Result<(Duration, Duration), AnyError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(rustls::RootCertStore::empty()) // the sink speaks plain HTTP
        .with_no_client_auth();
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("notifyhub/", env!("CARGO_PKG_VERSION"), " (notification dispatch)"))
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(11))
        .pool_idle_timeout(Duration::from_secs(90))
        .build()?;
    let url: url::Url = url.parse()?;
    timed(count, in_flight, move |remaining| {
        let (client, url) = (client.clone(), url.clone());
        async move {
            while let Some(number) = remaining.take() {
                let body = serde_json::to_vec(&note::Note::new(number).clone())?;
                let answer = client.post(url.clone()).headers(note::headers()).body(body).send().await?;
                assert!(answer.status().is_success());
                answer.bytes().await?;
            }
            Ok(())
        }
    })
    .await
}
