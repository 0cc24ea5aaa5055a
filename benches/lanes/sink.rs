//! The far end: a server whose paths behave each in its own way.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Bytes, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use super::AnyError;

/// How a path behaves.
#[derive(Debug)]
pub enum Manner {
    /// Answers at once.
    Quick,
    /// Never answers.
    Dead,
    /// Takes so long.
    Slow(Duration),
    /// Lets so many through in each second of its own, and asks the others to come back in one.
    Limited(u32),
    /// Takes `base` for `knee` requests at once; each further one makes all slower, a little more than by its share.
    Crowded { base: Duration, knee: AtomicUsize },
    /// Works on so many at once, `takes` for each; the others queue.
    Busy { takes: Duration, permits: tokio::sync::Semaphore },
}

/// One path, and what it has seen.
#[derive(Debug)]
pub struct Path {
    manner: Manner,
    under_way: AtomicUsize,
    /// Requests answered with 200.
    pub accepted: AtomicU64,
    /// Requests answered with 429.
    pub refused: AtomicU64,
    second: Mutex<(u64, u32)>,
}

impl Path {
    fn new(manner: Manner) -> Self {
        Self {
            manner,
            under_way: AtomicUsize::default(),
            accepted: AtomicU64::default(),
            refused: AtomicU64::default(),
            second: Mutex::default(),
        }
    }

    /// What it has accepted and refused so far.
    pub fn seen(&self) -> (u64, u64) {
        (self.accepted.load(Relaxed), self.refused.load(Relaxed))
    }

    /// Puts the knee elsewhere.
    pub fn shift(&self, to: usize) {
        if let Manner::Crowded { knee, .. } = &self.manner {
            knee.store(to, Relaxed);
        }
    }

    async fn answer(&self, start: Instant) -> u16 {
        match &self.manner {
            Manner::Quick => {}
            Manner::Dead => std::future::pending().await,
            Manner::Slow(takes) => tokio::time::sleep(*takes).await,
            Manner::Limited(allows) => {
                let now = start.elapsed().as_secs();
                let mut second = self.second.lock().expect("no thread panics with it");
                if second.0 != now {
                    *second = (now, 0);
                }
                second.1 += 1;
                if second.1 > *allows {
                    return 429;
                }
            }
            Manner::Crowded { base, knee } => {
                let crowd = self.under_way.load(Relaxed) as f64 / knee.load(Relaxed) as f64;
                tokio::time::sleep(base.mul_f64(crowd.max(1.0).powf(1.2))).await;
            }
            Manner::Busy { takes, permits } => {
                let _permit = permits.acquire().await;
                tokio::time::sleep(*takes).await;
            }
        }
        200
    }

    async fn handle(&self, request: Request<Incoming>, start: Instant) -> Response<Full<Bytes>> {
        let _ = request.into_body().collect().await;
        self.under_way.fetch_add(1, Relaxed);
        let status = self.answer(start).await;
        self.under_way.fetch_sub(1, Relaxed);
        let count = if status == 200 { &self.accepted } else { &self.refused };
        count.fetch_add(1, Relaxed);
        let mut answer = Response::new(Full::new(Bytes::from_static(b"ok")));
        *answer.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
        if status == 429 {
            answer.headers_mut().insert("retry-after", hyper::header::HeaderValue::from_static("1"));
        }
        answer
    }
}

/// A server on a thread of its own, until the process ends.
pub struct Sink {
    /// `http://address`.
    pub url: String,
    /// By path.
    pub paths: Arc<HashMap<String, Path>>,
}

impl Sink {
    /// Answers at these paths.
    pub fn start(paths: impl IntoIterator<Item = (String, Manner)>) -> Result<Self, AnyError> {
        let paths: Arc<HashMap<_, _>> = Arc::new(paths.into_iter().map(|(name, manner)| (name, Path::new(manner))).collect());
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}", listener.local_addr()?);
        let (served, runtime) = (paths.clone(), tokio::runtime::Builder::new_current_thread().enable_all().build()?);
        std::thread::spawn(move || runtime.block_on(serve(listener, served)));
        Ok(Self { url, paths })
    }
}

async fn serve(listener: std::net::TcpListener, paths: Arc<HashMap<String, Path>>) {
    let (listener, start) = (TcpListener::from_std(listener).expect("it is nonblocking"), Instant::now());
    while let Ok((stream, _)) = listener.accept().await {
        let _ = stream.set_nodelay(true);
        let paths = paths.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let paths = paths.clone();
            async move {
                let path = paths.get(request.uri().path().trim_start_matches('/')).expect("a path that is there");
                Ok::<_, Infallible>(path.handle(request, start).await)
            }
        });
        tokio::spawn(async move {
            // A client that went away is none of ours.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
