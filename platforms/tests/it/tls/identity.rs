//! Client certificates: who is asked for one, who sees it, and that it never travels with another's request.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use notifyhub_platforms::{
    contract::{
        ClientIdentity, Endpoint, HttpRequest, HttpResponse, NetworkPolicy, Secret, Transport, TransportError, TransportErrorKind,
    },
    http::{ReqwestTransport, TransportConfig},
};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{CERTIFICATE, Here, KEY};

pub const CLIENT_CERTIFICATE: &str = include_str!("client.crt.pem");
pub const CLIENT_KEY: &str = include_str!("client.key.pem");

fn identity(certificates: &str, key: &str) -> ClientIdentity {
    ClientIdentity { certificates: Secret::new(certificates), key: Secret::new(key) }
}

/// A server that knows the client, and takes others if `open`.
fn acceptor(open: bool) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CLIENT_CERTIFICATE.as_bytes()).expect("a certificate")).expect("an authority");
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone());
    let verifier = if open { verifier.allow_unauthenticated() } else { verifier }.build().expect("a verifier");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports them")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], PrivateKeyDer::try_from(KEY).expect("a key").clone_key())
        .expect("key and certificate fit");
    TlsAcceptor::from(Arc::new(config))
}

/// Answers every request of one connection that ends in `hello` with whether the client showed a certificate.
async fn serve(stream: TcpStream, acceptor: TlsAcceptor) {
    let mut stream = match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => stream,
        Err((_, mut refused)) => {
            // To close with something unread would reset the connection, and the alert could be lost with it.
            while refused.read_buf(&mut Vec::new()).await.is_ok_and(|count| count > 0) {}
            return;
        }
    };
    let shown = if stream.get_ref().1.peer_certificates().is_some() { "known" } else { "stranger" };
    let mut read = Vec::new();
    while stream.read_buf(&mut read).await.is_ok_and(|count| count > 0) {
        if read.ends_with(b"hello") {
            read.clear();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{shown}", shown.len());
            stream.write_all(answer.as_bytes()).await.ok();
            stream.flush().await.ok();
        }
    }
}

/// The server's port, a transport to it, and the tasks that serve.
pub async fn server(open: bool) -> (u16, ReqwestTransport, JoinSet<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let mut serving = JoinSet::new();
    serving.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(serve(stream, acceptor(open)));
        }
    });
    let transport = ReqwestTransport::new(TransportConfig {
        root_certificates: vec![CertificateDer::from(CERTIFICATE)],
        resolver: Arc::new(Here(address)),
        ..TransportConfig::default()
    });
    (address.port(), transport.expect("root certificates"), serving)
}

async fn post(transport: &dyn Transport, port: u16) -> Result<HttpResponse, TransportError> {
    let mut request = HttpRequest::new(Method::POST, Endpoint::new(format!("https://hooks.example.com:{port}/s3cret")));
    request.network = NetworkPolicy::AllowPrivate;
    request.body = Bytes::from_static(b"hello");
    transport.exchange(request).await
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_sees_it() {
    let (port, transport, _serving) = server(false).await;
    let known = transport.with_identity(&identity(CLIENT_CERTIFICATE, CLIENT_KEY)).expect("an identity");
    assert_eq!(post(&*known, port).await.expect("an answer").body, "known");
}

#[tokio::test]
async fn a_client_that_shows_no_certificate_where_one_is_needed_sent_nothing() {
    let (port, transport, _serving) = server(false).await;
    let error = post(&transport, port).await.expect_err("refused");
    assert_eq!((error.kind, error.is_definitely_not_sent()), (TransportErrorKind::Tls, true), "{error}");
    assert!(!error.detail.contains("s3cret"));
}

#[tokio::test]
async fn a_connection_made_under_an_identity_carries_nobody_elses_request() {
    let (port, transport, _serving) = server(true).await;
    let known = transport.with_identity(&identity(CLIENT_CERTIFICATE, CLIENT_KEY)).expect("an identity");
    for (transport, expected) in [(&*known, "known"), (&transport, "stranger"), (&*known, "known"), (&transport, "stranger")] {
        assert_eq!(post(transport, port).await.expect("an answer").body, expected);
    }
}

#[tokio::test]
async fn an_identity_that_cannot_be_used_is_refused_at_its_half_and_without_showing_it() {
    let (_, transport, _serving) = server(true).await;
    let other_key = {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(KEY))
    };
    for (certificates, key, at) in [
        ("", CLIENT_KEY, "certificates"),
        ("s3cret", CLIENT_KEY, "certificates"),
        (CLIENT_KEY, CLIENT_KEY, "certificates"),
        ("-----BEGIN CERTIFICATE-----\ns3cret", CLIENT_KEY, "certificates"),
        (CLIENT_CERTIFICATE, "s3cret", "key"),
        (CLIENT_CERTIFICATE, CLIENT_CERTIFICATE, "key"),
        (CLIENT_CERTIFICATE, &other_key, "key"),
    ] {
        let error = transport.with_identity(&identity(certificates, key)).map(|_| ()).expect_err(at);
        assert_eq!(error.key.as_deref(), Some(at), "{error}");
        assert!(!error.reason.contains("s3cret") && !error.reason.contains('\n'), "{error}");
    }
}
