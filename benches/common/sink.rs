//! The far end, a process of its own: answers every complete request with `200`, body `ok`, and does nothing else.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{AnyError, machine};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Prints its URL and answers until its stdin ends.
pub fn run(core: usize) -> Result<(), AnyError> {
    machine::pin_to(core)?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(serve())
}

async fn serve() -> Result<(), AnyError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "http://{}/hook", listener.local_addr()?)?;
    stdout.flush()?;
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        connections.spawn(answer(stream));
    }
}

async fn answer(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(8192);
    loop {
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while let Some(length) = complete_request(&buffer) {
            buffer.drain(..length);
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }
}

/// The length of the first request, once it is all there.
fn complete_request(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head + length.unwrap_or(0);
    (buffer.len() >= whole).then_some(whole)
}

/// The sink's process.
pub struct Sink {
    process: Child,
    /// Where it listens.
    pub url: String,
}

impl Sink {
    /// Starts this very program with `--sink`.
    pub fn start() -> Result<Self, AnyError> {
        let mut process =
            Command::new(std::env::current_exe()?).arg("--sink").stdout(Stdio::piped()).stdin(Stdio::piped()).spawn()?;
        let stdout = process.stdout.take().ok_or("the sink has a stdout")?;
        let mut url = String::new();
        BufReader::new(stdout).read_line(&mut url)?;
        std::thread::sleep(Duration::from_millis(50));
        Ok(Self { process, url: url.trim().to_owned() })
    }

    /// The sink ends when its stdin does.
    pub fn stop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop();
    }
}
