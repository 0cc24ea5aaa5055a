//! The far end: an HTTP server that writes down every request before it answers, and misbehaves on purpose.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use notifyhub::{NotificationId, TaskId};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What arrived of one notification.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// What it said.
    pub body: String,
    /// When it was taken, each time: the count of all requests at that moment.
    pub taken: Vec<u64>,
    /// How many of these were not answered.
    pub unanswered: u64,
}

#[derive(Debug)]
struct State {
    seen: Mutex<HashMap<NotificationId, Seen>>,
    nameless: AtomicU64,
    requests: AtomicU64,
    connections: AtomicU64,
    behaves: AtomicBool,
    rng: Mutex<SmallRng>,
}

/// The server.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    state: Arc<State>,
    _accepting: tokio::task::JoinSet<()>,
}

impl Sink {
    pub async fn start(seed: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State {
            seen: Mutex::default(),
            nameless: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            behaves: AtomicBool::new(false),
            rng: Mutex::new(SmallRng::seed_from_u64(seed)),
        });
        let mut accepting = tokio::task::JoinSet::new();
        let shared = state.clone();
        accepting.spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let state = shared.clone();
                state.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(async move {
                    _ = serve(stream, &state).await;
                    state.connections.fetch_sub(1, Ordering::Relaxed);
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, state, _accepting: accepting }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on everything is taken and answered.
    pub fn behave(&self) {
        self.state.behaves.store(true, Ordering::Relaxed);
    }

    /// The count of all requests so far, once everything a dead process had sent is read.
    pub async fn mark(&self) -> u64 {
        while self.state.connections.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.state.requests.load(Ordering::Relaxed)
    }

    /// Everything that arrived.
    pub fn seen(&self) -> HashMap<NotificationId, Seen> {
        self.state.seen.lock().expect("whole").clone()
    }

    /// Requests without a readable id.
    pub fn nameless(&self) -> u64 {
        self.state.nameless.load(Ordering::Relaxed)
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some((id, body)) = request(&mut stream, &mut buffer).await? {
        let dice =
            if state.behaves.load(Ordering::Relaxed) { 100 } else { state.rng.lock().expect("whole").random_range(0..100) };
        if dice < 4 {
            stream.write_all(b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n").await?;
            continue;
        }
        if dice < 6 {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        let moment = state.requests.fetch_add(1, Ordering::Relaxed);
        match id.as_deref().map(str::parse::<TaskId>) {
            Some(Ok(task)) => {
                let mut seen = state.seen.lock().expect("whole");
                let seen = seen.entry(task.notification()).or_default();
                seen.body = body;
                seen.taken.push(moment);
                seen.unanswered += u64::from(dice == 99);
            }
            _ => _ = state.nameless.fetch_add(1, Ordering::Relaxed),
        }
        if dice == 99 {
            return Ok(()); // taken, and the connection closed without an answer
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await?;
    }
    Ok(())
}

/// The next request: its id, and its body.
async fn request(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<(Option<String>, String)>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let header = |name: &str| {
                let named = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
                head.lines().find(named).and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
            };
            let length: usize = header("content-length").and_then(|text| text.parse().ok()).unwrap_or_default();
            while buffer.len() < end + 4 + length {
                if stream.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            }
            let body = String::from_utf8_lossy(&buffer[end + 4..end + 4 + length]).into_owned();
            buffer.drain(..end + 4 + length);
            return Ok(Some((header("webhook-id"), body)));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}
