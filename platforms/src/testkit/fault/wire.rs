//! Requests read from a socket, and misdeeds done to it.

use std::io;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What [`Fault::Flood`](super::Fault::Flood) announces and sends.
pub(super) const FLOOD_BYTES: u64 = 1 << 30;

static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// A request, as it came.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The method.
    pub method: String,
    /// Path and query, as written in the request line.
    pub path: String,
    /// The headers, in order.
    pub headers: HeaderMap,
    /// Request line and headers with the empty line after them, byte by byte.
    pub head: Bytes,
    /// The body.
    pub body: Bytes,
}

impl RecordedRequest {
    /// A header as text; empty where there is none or it is not ASCII.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Head and body together.
    pub(super) fn bytes(&self) -> Bytes {
        [&self.head[..], &self.body[..]].concat().into()
    }

    fn parse(head: Bytes) -> io::Result<Self> {
        let text = std::str::from_utf8(&head).map_err(|_| malformed("the head is not UTF-8"))?;
        let mut lines = text.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(path)) = (words.next(), words.next()) else { return Err(malformed("no request line")) };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let name = name.parse::<HeaderName>().map_err(|_| malformed("a header's name"))?;
            headers.append(name, HeaderValue::from_str(value.trim()).map_err(|_| malformed("a header's value"))?);
        }
        Ok(Self { method: method.to_owned(), path: path.to_owned(), headers, body: Bytes::new(), head: head.clone() })
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("malformed request: {what}"))
}

/// A client's connection and what was read of it but not used yet.
pub(super) struct Connection {
    stream: TcpStream,
    unread: BytesMut,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, unread: BytesMut::new() }
    }

    /// Waits for the first byte of a request without reading it; false when the client hangs up instead.
    pub(super) async fn has_request(&self) -> io::Result<bool> {
        Ok(!self.unread.is_empty() || self.stream.peek(&mut [0]).await? > 0)
    }

    pub(super) async fn read_head(&mut self) -> io::Result<RecordedRequest> {
        loop {
            if let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") {
                return RecordedRequest::parse(self.unread.split_to(end + 4).freeze());
            }
            self.read_more().await?;
        }
    }

    pub(super) async fn read_body(&mut self, mut request: RecordedRequest) -> io::Result<RecordedRequest> {
        let length = request.header("content-length").parse().unwrap_or(0);
        while self.unread.len() < length {
            self.read_more().await?;
        }
        request.body = self.unread.split_to(length).freeze();
        Ok(request)
    }

    async fn read_more(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.stream.write_all(bytes).await?;
        Ok(true)
    }

    pub(super) async fn write_and_close(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.stream.write_all(bytes).await?;
        self.stream.shutdown().await?;
        Ok(false)
    }

    /// Closes with RST instead of FIN.
    pub(super) fn reset(&self) -> io::Result<bool> {
        self.stream.set_zero_linger()?;
        Ok(false)
    }

    /// Reads and says nothing until the client hangs up.
    pub(super) async fn stay_silent(&mut self) -> io::Result<bool> {
        while self.stream.read(&mut [0; 1024]).await? > 0 {}
        Ok(false)
    }

    pub(super) async fn trickle(&mut self, bytes: &[u8]) -> io::Result<bool> {
        self.stream.set_nodelay(true)?;
        for byte in bytes {
            self.stream.write_all(&[*byte]).await?;
            tokio::task::yield_now().await;
        }
        Ok(true)
    }

    pub(super) async fn flood(&mut self) -> io::Result<bool> {
        for _ in 0..FLOOD_BYTES / PIECE.len() as u64 {
            self.stream.write_all(&PIECE).await?;
        }
        Ok(true)
    }

    pub(super) async fn endless_headers(&mut self) -> io::Result<bool> {
        self.stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
        loop {
            self.stream.write_all(b"x-more: and more and more and more and more and more and more\r\n").await?;
        }
    }
}
