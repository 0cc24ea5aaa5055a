//! The far end of the demo: an HTTP/1.1 server on loopback that misbehaves as it is told and writes down what arrived.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use super::faults::{Character, Faults, Reply};
use crate::task::TaskId;

/// Longest request head, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// What arrived of one id.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Requests answered with 200.
    pub accepted: u32,
    /// Requests read to their end whose connection was then reset: taken, but the sender cannot know.
    pub unanswered: u32,
    /// Requests refused with 503 or 429.
    pub refused: u32,
}

impl Seen {
    /// How often the receiver took it.
    pub fn copies(self) -> u32 {
        self.accepted + self.unanswered
    }
}

/// Everything that arrived, by the `webhook-id` it came with.
#[derive(Debug, Default)]
pub struct Arrivals {
    /// By id.
    pub seen: HashMap<TaskId, Seen>,
    /// Requests without a readable id.
    pub nameless: u64,
}

/// The server: one port per platform. Dropped, it closes its ports and all connections.
#[derive(Debug)]
pub struct Sink {
    urls: Vec<String>,
    arrivals: Arc<Mutex<Arrivals>>,
    _accepting: JoinSet<()>,
}

/// One platform's end of the sink.
#[derive(Debug)]
struct Port {
    faults: Mutex<Faults>,
    arrivals: Arc<Mutex<Arrivals>>,
}

impl Sink {
    /// Listens on a free loopback port for each of `characters`.
    ///
    /// # Errors
    ///
    /// When loopback has no free port.
    pub async fn start(characters: &[Character], seed: u64) -> io::Result<Self> {
        let arrivals = Arc::<Mutex<Arrivals>>::default();
        let (mut urls, mut accepting) = (Vec::new(), JoinSet::new());
        for (number, character) in characters.iter().enumerate() {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
            urls.push(format!("http://{}/hook", listener.local_addr()?));
            let faults = Mutex::new(Faults::new(*character, seed, number));
            accepting.spawn(accept(listener, Arc::new(Port { faults, arrivals: arrivals.clone() })));
        }
        Ok(Self { urls, arrivals, _accepting: accepting })
    }

    /// How many ids have arrived so far.
    pub fn arrived(&self) -> u64 {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.seen.values().filter(|seen| seen.accepted > 0).count() as u64
    }

    /// Where each platform listens, in order.
    pub fn urls(&self) -> &[String] {
        &self.urls
    }

    /// What arrived. The sink forgets it.
    pub fn take_arrivals(&self) -> Arrivals {
        std::mem::take(&mut *lock(&self.arrivals))
    }
}

/// Held for a few lines, never across an `.await`.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, port: Arc<Port>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(serve(stream, port.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// One request after the other, until either end hangs up.
async fn serve(mut stream: TcpStream, port: Arc<Port>) {
    let mut unread = Vec::new();
    while let Ok(true) = exchange(&mut stream, &mut unread, &port).await {}
}

/// One request and its fate; whether the connection lives on.
async fn exchange(stream: &mut TcpStream, unread: &mut Vec<u8>, port: &Port) -> io::Result<bool> {
    if unread.is_empty() && stream.peek(&mut [0]).await? == 0 {
        return Ok(false);
    }
    let fate = lock(&port.faults).next();
    if fate.reply == Reply::ResetUnread {
        return reset(stream);
    }
    let id = read_request(stream, unread).await?;
    port.record(id, fate.reply);
    if !fate.delay.is_zero() {
        sleep(fate.delay).await;
    }
    match fate.reply {
        Reply::Accept => answer(stream, "200 OK", "").await,
        Reply::Unavailable => answer(stream, "503 Service Unavailable", "").await,
        Reply::SlowDown(wait) => answer(stream, "429 Too Many Requests", &format!("retry-after: {wait}\r\n")).await,
        Reply::ResetUnread | Reply::ResetRead => reset(stream),
    }
}

impl Port {
    fn record(&self, id: Option<TaskId>, reply: Reply) {
        let mut arrivals = lock(&self.arrivals);
        let Some(id) = id else {
            arrivals.nameless += 1;
            return;
        };
        let seen = arrivals.seen.entry(id).or_default();
        match reply {
            Reply::Accept => seen.accepted += 1,
            Reply::ResetRead => seen.unanswered += 1,
            Reply::Unavailable | Reply::SlowDown(_) => seen.refused += 1,
            Reply::ResetUnread => {}
        }
    }
}

/// Reads a whole request; its `webhook-id`, if it has a readable one.
async fn read_request(stream: &mut TcpStream, unread: &mut Vec<u8>) -> io::Result<Option<TaskId>> {
    let head_end = loop {
        if let Some(end) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        if unread.len() > HEAD_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        read_more(stream, unread).await?;
    };
    let (id, length) = read_head(&unread[..head_end]);
    while unread.len() < head_end + length {
        read_more(stream, unread).await?;
    }
    unread.drain(..head_end + length);
    Ok(id)
}

/// The `webhook-id` and the length of the body.
fn read_head(head: &[u8]) -> (Option<TaskId>, usize) {
    let text = String::from_utf8_lossy(head);
    let header = |wanted: &str| {
        let mut headers = text.lines().filter_map(|line| line.split_once(':'));
        headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    };
    let length = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    (header("webhook-id").and_then(|id| id.parse().ok()), length)
}

async fn read_more(stream: &mut TcpStream, unread: &mut Vec<u8>) -> io::Result<()> {
    match stream.read_buf(unread).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

async fn answer(stream: &mut TcpStream, status: &str, headers: &str) -> io::Result<bool> {
    let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: 0\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    Ok(true)
}

/// Closes with RST instead of FIN.
fn reset(stream: &TcpStream) -> io::Result<bool> {
    stream.set_zero_linger()?;
    Ok(false)
}
