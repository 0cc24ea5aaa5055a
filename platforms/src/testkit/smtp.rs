//! A mail server that records what is said and answers by script.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

/// What a [`SmtpScript`] does at one point of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmtpReaction {
    /// Sends this, with CRLF behind it, and goes on.
    Say(String),
    /// Sends this as it is, byte by byte, and goes on.
    Raw(Vec<u8>),
    /// Closes the connection.
    Close,
    /// Never answers.
    Silence,
}

impl From<&str> for SmtpReaction {
    fn from(reply: &str) -> Self {
        Self::Say(reply.to_owned())
    }
}

/// Listens on a loopback port and speaks SMTP without TLS: politely, but for what the script says.
///
/// A point of the conversation is named by the verb the client just used (`EHLO`, `MAIL`, `RCPT`, …), or `CONNECT`
/// before it has said anything, `CONTENT` at the first line of a mail and `.` at its end. Dropping the server closes its port.
///
/// ```
/// # use notifyhub_platforms::testkit::{SmtpReaction, SmtpScript};
/// # async fn example() {
/// let server = SmtpScript::start().await;
/// server.next("RCPT", "451 4.7.1 Greylisted");
/// server.next(".", SmtpReaction::Close);
/// # }
/// ```
#[derive(Debug)]
pub struct SmtpScript {
    address: SocketAddr,
    state: Arc<State>,
    _accepting: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    next: Mutex<HashMap<String, VecDeque<SmtpReaction>>>,
    always: Mutex<HashMap<String, SmtpReaction>>,
    lines: Mutex<Vec<String>>,
    connections: watch::Sender<usize>,
}

impl SmtpScript {
    /// Starts on a free port of 127.0.0.1. Must be called on a tokio runtime with I/O.
    ///
    /// # Panics
    ///
    /// When loopback has no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            next: Mutex::default(),
            always: Mutex::default(),
            lines: Mutex::default(),
            connections: watch::Sender::new(0),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, state.clone()));
        Self { address, state, _accepting: accepting }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds what happens the next time the conversation comes to `point`.
    pub fn next(&self, point: &str, reaction: impl Into<SmtpReaction>) {
        lock(&self.state.next).entry(point.to_owned()).or_default().push_back(reaction.into());
    }

    /// Sets what happens at `point` whenever nothing else was [planned](SmtpScript::next). Default: what a server that
    /// accepts everything says, without any extension offered.
    pub fn always(&self, point: &str, reaction: impl Into<SmtpReaction>) {
        lock(&self.state.always).insert(point.to_owned(), reaction.into());
    }

    /// Every line clients have sent, without CRLF, in order.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.state.lines).clone()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        *self.state.connections.borrow()
    }
}

impl State {
    fn reaction(&self, point: &str) -> SmtpReaction {
        let planned = lock(&self.next).get_mut(point).and_then(VecDeque::pop_front);
        planned.or_else(|| lock(&self.always).get(point).cloned()).unwrap_or_else(|| polite(point).into())
    }
}

fn polite(point: &str) -> &'static str {
    match point {
        "CONNECT" => "220 script.example.test ESMTP",
        "EHLO" => "250 script.example.test",
        "DATA" => "354 go on",
        "QUIT" => "221 bye",
        "AUTH" => "235 welcome",
        "." => "250 2.0.0 Ok: queued as SCRIPT",
        _ => "250 ok",
    }
}

/// Held for a push or a pop, never across an await.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.send_modify(|count| *count += 1);
        let state = state.clone();
        // A client that goes away in the middle is part of many scripts.
        connections.spawn(async move { drop(converse(stream, &state).await) });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, state: &State) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut in_mail = false;
    let mut goes_on = react(&mut stream, state.reaction("CONNECT")).await?;
    let mut is_first_line = false;
    while goes_on {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        lock(&state.lines).push(line.clone());
        if in_mail && line != "." {
            if std::mem::take(&mut is_first_line) {
                goes_on = on_first_line(&mut stream, state).await?;
            }
            continue;
        }
        let point = if in_mail { ".".to_owned() } else { line.split(' ').next().unwrap_or_default().to_ascii_uppercase() };
        let reaction = state.reaction(&point);
        in_mail = point == "DATA" && matches!(&reaction, SmtpReaction::Say(reply) if reply.starts_with("354"));
        is_first_line = in_mail;
        goes_on = react(&mut stream, reaction).await?;
    }
    Ok(())
}

/// Nothing is said at the first line of a mail, unless the script wants it.
async fn on_first_line(stream: &mut BufReader<TcpStream>, state: &State) -> io::Result<bool> {
    let planned = lock(&state.next).get_mut("CONTENT").and_then(VecDeque::pop_front);
    match planned {
        Some(reaction) => react(stream, reaction).await,
        None => Ok(true),
    }
}

/// Whether the conversation goes on.
async fn react(stream: &mut BufReader<TcpStream>, reaction: SmtpReaction) -> io::Result<bool> {
    match reaction {
        SmtpReaction::Say(reply) => stream.write_all(format!("{reply}\r\n").as_bytes()).await?,
        SmtpReaction::Raw(bytes) => stream.write_all(&bytes).await?,
        SmtpReaction::Close => return Ok(false),
        SmtpReaction::Silence => std::future::pending().await,
    }
    Ok(true)
}
