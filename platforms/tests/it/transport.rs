//! The transport over real sockets: what it sends, what it refuses, and what it makes of every way to fail.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use notifyhub_platforms::{
    contract::{Endpoint, HttpRequest, HttpResponse, NetworkPolicy, Transport, TransportError, TransportErrorKind},
    http::{ANSWER_BYTES_MAX, ReqwestTransport, TransportConfig},
    testkit::{Answer, Fault, FaultServer},
};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::io::AsyncWriteExt;

/// Far longer than anything here takes; where running out of time is the point, [`impatient`] is used.
fn transport() -> ReqwestTransport {
    ReqwestTransport::new(TransportConfig::default()).expect("root certificates")
}

fn impatient() -> ReqwestTransport {
    let config = TransportConfig { timeout: Some(Duration::from_millis(300)), ..TransportConfig::default() };
    ReqwestTransport::new(config).expect("root certificates")
}

fn post(url: impl Into<Arc<str>>) -> HttpRequest {
    let mut request = HttpRequest::new(Method::POST, Endpoint::new(url));
    request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    request.body = Bytes::from_static(b"hello");
    request.network = NetworkPolicy::AllowPrivate;
    request
}

async fn send(fault: impl Into<Fault>) -> Result<HttpResponse, TransportError> {
    let server = FaultServer::start().await;
    server.push(fault);
    transport().exchange(post(server.url("/"))).await
}

async fn kind_of(fault: impl Into<Fault>) -> TransportErrorKind {
    send(fault).await.expect_err("no answer").kind
}

#[tokio::test]
async fn a_request_arrives_byte_by_byte_and_its_answer_comes_back() {
    let server = FaultServer::start().await;
    server.push(Answer::new(201).header("x-id", "7").body("done"));
    let answer = transport().exchange(post(server.url("/a/b?c=d"))).await.expect("an answer");
    assert_eq!((answer.status, &answer.body[..], answer.truncated), (StatusCode::CREATED, &b"done"[..], false));
    assert_eq!(answer.headers["x-id"], "7");
    let head = format!(
        "POST /a/b?c=d HTTP/1.1\r\ncontent-type: text/plain\r\naccept: */*\r\nuser-agent: notifyhub/{} (notification dispatch)\r\nhost: {}\r\ncontent-length: 5\r\n\r\n",
        env!("CARGO_PKG_VERSION"),
        server.address(),
    );
    let [request] = &server.requests()[..] else { panic!("one request") };
    assert_eq!((std::str::from_utf8(&request.head), &request.body[..]), (Ok(&*head), &b"hello"[..]));
}

#[tokio::test]
async fn one_connection_serves_exchanges_that_follow_each_other() {
    let (server, transport) = (FaultServer::start().await, transport());
    for _ in 0..5 {
        transport.exchange(post(server.url("/"))).await.expect("an answer");
    }
    assert_eq!((server.requests().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let (server, elsewhere) = (FaultServer::start().await, FaultServer::start().await);
    for status in [300, 301, 302, 303, 307, 308] {
        server.push(Answer::new(status).header("location", elsewhere.url("/")));
        let answer = transport().exchange(post(server.url("/"))).await.expect("an answer");
        assert_eq!(answer.status.as_u16(), status);
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_answer_is_cut_at_the_cap() {
    let whole = send(Answer::new(200).body(vec![b'y'; ANSWER_BYTES_MAX])).await.expect("an answer");
    assert_eq!((whole.body.len(), whole.truncated), (ANSWER_BYTES_MAX, false));
    let cut = send(Answer::new(200).body(vec![b'y'; ANSWER_BYTES_MAX + 1])).await.expect("an answer");
    assert_eq!((cut.body.len(), cut.truncated), (ANSWER_BYTES_MAX, true));
    let flood = send(Fault::Flood(Answer::new(500))).await.expect("an answer");
    assert_eq!((flood.status.as_u16(), flood.body.len(), flood.truncated), (500, ANSWER_BYTES_MAX, true));
}

#[tokio::test]
async fn a_slow_answer_is_read_to_its_end_and_a_broken_one_says_so() {
    let slow = send(Fault::Trickle(Answer::new(200).body("slow but whole"))).await.expect("an answer");
    assert_eq!((&slow.body[..], slow.truncated), (&b"slow but whole"[..], false));
    let broken = send(Fault::Cut(Answer::new(503).body("half"))).await.expect("an answer");
    assert_eq!((broken.status.as_u16(), &broken.body[..], broken.truncated), (503, &b"half"[..], true));
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_began_is_lost() {
    for fault in [
        Fault::ResetBeforeRead,
        Fault::ResetAfterHeaders,
        Fault::ResetAfterBody,
        Fault::EndlessHeaders,
        Fault::Raw(Bytes::from_static(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")),
        Fault::Raw(Bytes::new()),
    ] {
        assert_eq!(kind_of(fault.clone()).await, TransportErrorKind::Lost, "{fault:?}");
    }
}

#[tokio::test]
async fn a_request_is_sent_once_also_on_a_kept_connection_that_dies() {
    let (server, transport) = (FaultServer::start().await, transport());
    transport.exchange(post(server.url("/"))).await.expect("an answer");
    server.push(Fault::ResetAfterBody);
    let error = transport.exchange(post(server.url("/"))).await.expect_err("reset");
    assert_eq!((error.kind, server.requests().len()), (TransportErrorKind::Lost, 2));
}

#[tokio::test]
async fn silence_ends_at_the_deadline_and_may_have_been_sent() {
    let server = FaultServer::start().await;
    server.push(Fault::Silence);
    let error = impatient().exchange(post(server.url("/"))).await.expect_err("silence");
    assert_eq!((error.kind, error.is_definitely_not_sent()), (TransportErrorKind::Timeout, false));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_refused_connection_sent_nothing() {
    let error = transport().exchange(post(FaultServer::nowhere() + "/s3cret")).await.expect_err("nobody listens");
    assert_eq!(error.kind, TransportErrorKind::Connect);
    assert!(error.detail.contains("refused"), "{error}");
    assert!(!error.detail.contains("s3cret"));
}

/// A listener whose queue is full does not answer a SYN: the connection is never made.
#[tokio::test]
async fn a_connection_not_made_in_time_sent_nothing() {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port");
    let listener = socket.listen(1).expect("listening");
    let address = listener.local_addr().expect("an address");
    let mut filling = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(200), tokio::net::TcpStream::connect(address)).await {
        filling.push(stream);
    }
    let error = impatient().exchange(post(format!("http://{address}/"))).await.expect_err("no connection");
    assert_eq!(error.kind, TransportErrorKind::Connect, "{error}");
}

#[tokio::test]
async fn a_failed_handshake_sent_nothing() {
    let server = FaultServer::start().await;
    server.push(Fault::ResetBeforeRead);
    let error = transport().exchange(post(format!("https://{}/s3cret", server.address()))).await.expect_err("no TLS");
    assert_eq!(error.kind, TransportErrorKind::Tls, "{error}");
    assert!(!error.detail.contains("s3cret"));
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_got_nothing() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let url = format!("https://{}/", listener.local_addr().expect("an address"));
    let answering = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.expect("written");
        stream
    };
    let transport = transport();
    let (answer, _open) = tokio::join!(transport.exchange(post(url)), answering);
    let error = answer.expect_err("no TLS");
    assert_eq!(error.kind, TransportErrorKind::Tls, "{error}");
}

#[tokio::test]
async fn closed_addresses_are_blocked_however_they_are_written() {
    let server = FaultServer::start().await;
    let port = server.address().port();
    for host in ["127.0.0.1", "127.1", "0177.0.0.1", "2130706433", "0x7f000001", "localhost", "[::ffff:127.0.0.1]"] {
        let mut request = post(format!("http://{host}:{port}/"));
        request.network = NetworkPolicy::PublicOnly;
        let error = transport().exchange(request).await.expect_err("blocked");
        assert_eq!(error.kind, TransportErrorKind::Blocked, "{host}: {error}");
        assert!(error.detail.contains("allow_private_networks"), "{error}");
    }
    assert_eq!(server.connections(), 0);
}

struct Stub(Vec<SocketAddr>);

impl Resolve for Stub {
    fn resolve(&self, _: Name) -> Resolving {
        let found = self.0.clone();
        Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
    }
}

fn resolving_to(found: Vec<SocketAddr>) -> ReqwestTransport {
    let config = TransportConfig { resolver: Arc::new(Stub(found)), ..TransportConfig::default() };
    ReqwestTransport::new(config).expect("root certificates")
}

#[tokio::test]
async fn a_name_is_blocked_by_what_it_resolves_to_and_never_shares_connections_with_trusted_platforms() {
    let server = FaultServer::start().await;
    let transport = resolving_to(vec![server.address()]);
    let trusted = post(format!("http://hooks.example.com:{}/", server.address().port()));
    let public = HttpRequest { network: NetworkPolicy::PublicOnly, ..trusted.clone() };
    transport.exchange(trusted).await.expect("an operator may");
    let error = transport.exchange(public).await.expect_err("a customer may not");
    assert_eq!(error.kind, TransportErrorKind::Blocked, "{error}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_name_without_addresses_does_not_resolve() {
    let mut request = post("http://hooks.example.com/s3cret");
    request.network = NetworkPolicy::PublicOnly;
    let error = resolving_to(Vec::new()).exchange(request).await.expect_err("no address");
    assert_eq!(error.kind, TransportErrorKind::Dns, "{error}");
    let error = transport().exchange(post("http://no-such-host.invalid/s3cret")).await.expect_err("no address");
    assert_eq!(error.kind, TransportErrorKind::Dns, "{error}");
    assert!(!error.detail.contains("s3cret"));
}

#[tokio::test]
async fn what_is_no_request_is_invalid() {
    for url in ["/relative", "ftp://example.com/", "http://user:s3cret@example.com/", "http://{{host}}/", ""] {
        let error = transport().exchange(post(url)).await.expect_err("invalid");
        assert_eq!(error.kind, TransportErrorKind::Invalid, "{url}: {error}");
        assert!(!error.detail.contains("s3cret"));
    }
}
