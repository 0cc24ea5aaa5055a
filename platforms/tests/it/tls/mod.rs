//! TLS over real sockets: who is trusted, and that nothing is sent to who is not.
//!
//! The keys and the certificates beside this file are for `hooks.example.com` and a client of it, valid for a hundred
//! years, and worth nothing.

pub mod identity;

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::Method;
use notifyhub_platforms::{
    contract::{Endpoint, HttpRequest, HttpResponse, NetworkPolicy, Transport, TransportError, TransportErrorKind},
    http::{ReqwestTransport, TransportConfig},
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

const CERTIFICATE: &[u8] = include_bytes!("hooks.crt.der");
const KEY: &[u8] = include_bytes!("hooks.key.der");

/// Every name is here.
struct Here(SocketAddr);

impl Resolve for Here {
    fn resolve(&self, _: Name) -> Resolving {
        let found = [self.0];
        Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
    }
}

fn acceptor() -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(KEY).expect("a key").clone_key();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports them")
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
        .expect("key and certificate fit");
    TlsAcceptor::from(Arc::new(config))
}

/// One exchange with `https://{host}/` on a server that shows the certificate, and what the server read of it.
async fn exchange(host: &str, trusted: bool) -> (Result<HttpResponse, TransportError>, Vec<u8>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let transport = ReqwestTransport::new(TransportConfig {
        root_certificates: if trusted { vec![CertificateDer::from(CERTIFICATE)] } else { Vec::new() },
        resolver: Arc::new(Here(address)),
        ..TransportConfig::default()
    })
    .expect("root certificates");
    let mut request = HttpRequest::new(Method::POST, Endpoint::new(format!("https://{host}:{}/s3cret", address.port())));
    request.network = NetworkPolicy::AllowPrivate;
    request.body = Bytes::from_static(b"hello");
    let answering = async {
        let mut read = Vec::new();
        let (stream, _) = listener.accept().await.expect("a connection");
        if let Ok(mut stream) = acceptor().accept(stream).await {
            while !read.ends_with(b"hello") && stream.read_buf(&mut read).await.is_ok_and(|count| count > 0) {}
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.ok();
            stream.flush().await.ok();
        }
        read
    };
    tokio::join!(transport.exchange(request), answering)
}

#[tokio::test]
async fn a_trusted_certificate_of_the_right_name_is_believed() {
    let (answer, read) = exchange("hooks.example.com", true).await;
    assert_eq!(answer.expect("an answer").status.as_u16(), 204);
    assert!(read.starts_with(b"POST /s3cret HTTP/1.1\r\n"));
}

#[tokio::test]
async fn an_unknown_issuer_or_another_name_gets_nothing() {
    for (host, trusted) in [("hooks.example.com", false), ("other.example.com", true)] {
        let (answer, read) = exchange(host, trusted).await;
        let error = answer.expect_err(host);
        assert_eq!((error.kind, error.is_definitely_not_sent()), (TransportErrorKind::Tls, true), "{error}");
        assert!(error.detail.contains(host) && !error.detail.contains("s3cret"), "{error}");
        assert_eq!(read, b"");
    }
}
