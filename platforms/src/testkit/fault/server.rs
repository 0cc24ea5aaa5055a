//! The server itself.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::{
    Answer, Fault, RecordedRequest,
    wire::{self, Connection},
};

/// Listens on a loopback port, records every request it reads completely, and does with each what the script says:
/// the [pushed](FaultServer::push) faults in order, then the [default](FaultServer::otherwise), a bare 200, for ever.
///
/// Requests must announce their body with `content-length`, as every adapter's do. Dropping the server ends all its
/// tasks; where nobody may listen from the start, take [`FaultServer::nowhere`].
///
/// ```
/// # use notifyhub_platforms::testkit::{Answer, Fault, FaultServer};
/// # async fn example() {
/// let server = FaultServer::start().await;
/// server.push(Answer::new(503).header("retry-after", "7"));
/// server.push(Fault::ResetAfterBody);
/// // …send two requests to server.url("/hook")…
/// assert_eq!(server.requests()[1].path, "/hook");
/// # }
/// ```
#[derive(Debug)]
pub struct FaultServer {
    address: SocketAddr,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    script: Mutex<Script>,
    requests: Mutex<Vec<RecordedRequest>>,
    counts: watch::Sender<Counts>,
}

#[derive(Debug)]
struct Script {
    next: VecDeque<Fault>,
    otherwise: Fault,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    connections: usize,
    requests: usize,
}

impl FaultServer {
    /// Starts on a free port of 127.0.0.1. Must be called on a tokio runtime with I/O.
    ///
    /// # Panics
    ///
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let script = Script { next: VecDeque::new(), otherwise: Answer::new(200).into() };
        let state = Arc::new(State {
            script: Mutex::new(script),
            requests: Mutex::default(),
            counts: watch::Sender::new(Counts::default()),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, state.clone()));
        Self { address, state, _accepting: accepting }
    }

    /// The URL of a loopback port that refuses every connection.
    ///
    /// # Panics
    ///
    /// When loopback has no free port.
    pub fn nowhere() -> String {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        format!("http://{}", listener.local_addr().expect("a bound socket has an address"))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT` and `path`, which is empty or starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Adds what is to happen to the next request that has no fault yet.
    pub fn push(&self, fault: impl Into<Fault>) {
        lock(&self.state.script).next.push_back(fault.into());
    }

    /// Sets what happens to all requests the script has nothing for. Default: a bare 200.
    pub fn otherwise(&self, fault: impl Into<Fault>) {
        lock(&self.state.script).otherwise = fault.into();
    }

    /// Every request that was read completely, in the order of its end.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.state.requests).clone()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.state.counts.borrow().connections
    }

    /// Waits until at least `count` requests were read completely.
    pub async fn received(&self, count: usize) {
        self.state.counts.subscribe().wait_for(|counts| counts.requests >= count).await.expect("the server lives");
    }
}

impl State {
    fn next(&self) -> Fault {
        let mut script = lock(&self.script);
        script.next.pop_front().unwrap_or_else(|| script.otherwise.clone())
    }

    fn record(&self, request: RecordedRequest) {
        lock(&self.requests).push(request);
        self.counts.send_modify(|counts| counts.requests += 1);
    }
}

/// Held for a push or a pop, never across an await.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        state.counts.send_modify(|counts| counts.connections += 1);
        connections.spawn(serve(stream, state.clone()));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let mut connection = Connection::new(stream);
    while let Ok(true) = exchange(&mut connection, &state).await {}
}

/// One request and what becomes of it; whether the connection lives on.
async fn exchange(connection: &mut Connection, state: &State) -> io::Result<bool> {
    if !connection.has_request().await? {
        return Ok(false);
    }
    let fault = state.next();
    if fault == Fault::ResetBeforeRead {
        return connection.reset();
    }
    let head = connection.read_head().await?;
    if fault == Fault::ResetAfterHeaders {
        return connection.reset();
    }
    let request = connection.read_body(head).await?;
    let echo = request.bytes();
    state.record(request);
    match fault {
        Fault::Answer(answer) => connection.write(&answer.bytes_whole()).await,
        Fault::Echo(status) => connection.write(&Answer::new(status).body(echo).bytes_whole()).await,
        Fault::ResetBeforeRead | Fault::ResetAfterHeaders | Fault::ResetAfterBody => connection.reset(),
        Fault::Silence => connection.stay_silent().await,
        Fault::Trickle(answer) => connection.trickle(&answer.bytes_whole()).await,
        Fault::Cut(answer) => connection.write_and_close(&answer.bytes(answer.body.len() as u64 * 2 + 1)).await,
        Fault::Flood(answer) => {
            connection.write(&answer.body(Bytes::new()).bytes(wire::FLOOD_BYTES)).await?;
            connection.flood().await
        }
        Fault::EndlessHeaders => connection.endless_headers().await,
        Fault::Raw(bytes) => connection.write_and_close(&bytes).await,
    }
}
