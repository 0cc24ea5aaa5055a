//! What a [`FaultServer`](super::FaultServer) does with a request.

use bytes::{BufMut, Bytes, BytesMut};

/// A whole HTTP answer. `content-length` is added; a body for status 204 or 304 is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// An answer without headers and body.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// An answer whose body is JSON text.
    pub fn json(status: u16, body: impl Into<Bytes>) -> Self {
        Self::new(status).header("content-type", "application/json").body(body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body. Default: empty.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The answer as it should be.
    pub(super) fn bytes_whole(&self) -> Bytes {
        self.bytes(self.body.len() as u64)
    }

    /// Status line, headers and body, announcing a body of `content_length` bytes.
    pub(super) fn bytes(&self, content_length: u64) -> Bytes {
        let mut out = BytesMut::with_capacity(256 + self.body.len());
        out.put_slice(format!("HTTP/1.1 {} Scripted\r\n", self.status).as_bytes());
        for (name, value) in &self.headers {
            out.put_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        let bodiless = matches!(self.status, 204 | 304);
        if !bodiless {
            out.put_slice(format!("content-length: {content_length}\r\n").as_bytes());
        }
        out.put_slice(b"\r\n");
        if !bodiless {
            out.put_slice(&self.body);
        }
        out.freeze()
    }
}

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is answered; the connection stays open for the next one.
    Answer(Answer),
    /// It is answered with its own head and body as the body, under this status: what a careless server gives away.
    Echo(u16),
    /// The connection is reset (RST) when its first byte has arrived, without reading it.
    ResetBeforeRead,
    /// The connection is reset after the headers were read.
    ResetAfterHeaders,
    /// The connection is reset after the whole request was read.
    ResetAfterBody,
    /// The whole request is read and never answered.
    Silence,
    /// The answer comes one byte at a time.
    Trickle(Answer),
    /// The answer's headers come, then half of the announced body, then the connection is closed.
    Cut(Answer),
    /// The answer's headers come, then one gigabyte, or as much of it as the client reads.
    Flood(Answer),
    /// A status line, then headers without end, as many as the client reads.
    EndlessHeaders,
    /// These bytes come instead of an answer, then the connection is closed.
    Raw(Bytes),
}

impl From<Answer> for Fault {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}
