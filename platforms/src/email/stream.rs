//! A socket that keeps plaintext from leaking into TLS.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use lettre::transport::smtp::client::AsyncTokioStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A socket that hands over at most one line at a time.
///
/// # Why
///
/// Whoever sits on the wire can send his own replies right behind the server's answer to `STARTTLS`. A reader that has
/// buffered them before the handshake would take them for encrypted ones (reply injection, as in CVE-2021-38371). Here nothing
/// behind the line that is being read can be in anybody's buffer: it is read by the TLS handshake, which fails on it.
#[derive(Debug)]
pub(super) struct LineStream {
    socket: TcpStream,
    held: BytesMut,
}

const READ_BYTES: usize = 4096;

impl LineStream {
    pub(super) fn new(socket: TcpStream) -> Self {
        Self { socket, held: BytesMut::new() }
    }

    fn hand_over(&mut self, buf: &mut ReadBuf<'_>) {
        let line = self.held.iter().position(|byte| *byte == b'\n').map_or(self.held.len(), |at| at + 1);
        let count = line.min(buf.remaining());
        buf.put_slice(&self.held[..count]);
        self.held.advance(count);
    }
}

impl AsyncRead for LineStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            let mut space = [0; READ_BYTES];
            let mut fresh = ReadBuf::new(&mut space);
            ready!(Pin::new(&mut self.socket).poll_read(cx, &mut fresh))?;
            self.held.extend_from_slice(fresh.filled());
        }
        self.hand_over(buf);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for LineStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

impl AsyncTokioStream for LineStream {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.peer_addr()
    }
}
