//! One HTTP exchange, as data, and the trait that carries it.

use std::{
    any::Any,
    fmt,
    hash::{Hash, Hasher},
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};

use super::{ConfigError, Secret};

/// A URL that may hold a secret: printed, it shows scheme and host only.
///
/// Clones are cheap and share the parsed form, so an adapter with a fixed URL keeps one `Endpoint` and clones it for
/// every request.
#[derive(Clone)]
pub struct Endpoint(Arc<Address>);

struct Address {
    text: Arc<str>,
    memo: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Endpoint {
    /// Wraps a complete URL. The transport refuses what it cannot parse.
    pub fn new(url: impl Into<Arc<str>>) -> Self {
        Self(Arc::new(Address { text: url.into(), memo: OnceLock::new() }))
    }

    /// The whole URL. Not for logs, errors or metrics.
    pub fn expose(&self) -> &str {
        &self.0.text
    }

    /// What `make` makes of the URL, made at the first call and shared by all clones: a transport's place for the parsed
    /// form. `None` where an earlier call made something of another type.
    pub fn memo<T: Any + Send + Sync>(&self, make: impl FnOnce(&str) -> T) -> Option<&T> {
        self.0.memo.get_or_init(|| Box::new(make(self.expose()))).downcast_ref()
    }
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        self.0.text == other.0.text
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.text.hash(state);
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((scheme, rest)) = self.expose().split_once("://") else { return f.write_str("…") };
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        write!(f, "{scheme}://{host}/…")
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Which addresses a request may connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NetworkPolicy {
    /// Public addresses only; loopback, private, link-local and metadata addresses are refused, as literals and
    /// after name resolution.
    PublicOnly,
    /// Any address: for platforms whose operator said so.
    AllowPrivate,
}

/// A request, complete: the pure half of an adapter makes it, the transport carries it.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// Where to; redacted when printed.
    pub url: Endpoint,
    /// All headers but `host`, `content-length` and `user-agent`, which the transport adds.
    pub headers: HeaderMap,
    /// The exact bytes of the body.
    pub body: Bytes,
    /// Which addresses it may connect to.
    pub network: NetworkPolicy,
    /// Bytes of the answer's body that are read at most. Default: `None`, the transport's own limit, 64 KiB.
    pub answer_bytes_max: Option<usize>,
}

impl HttpRequest {
    /// A request without headers and body, to public addresses only.
    pub fn new(method: Method, url: Endpoint) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            network: NetworkPolicy::PublicOnly,
            answer_bytes_max: None,
        }
    }
}

/// Shows method, host, header names and body size; header values and bodies may hold secrets.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url)
            .field("headers", &self.headers.keys().collect::<Vec<_>>())
            .field("body_bytes", &self.body.len())
            .field("network", &self.network)
            .finish()
    }
}

/// An answer, read up to the transport's cap.
#[derive(Debug, Clone)]
pub struct HttpResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most 64 KiB of it or as much as the request said.
    pub body: Bytes,
    /// Whether the body is incomplete: longer than the cap, or broken off after the headers had come.
    pub truncated: bool,
}

/// What kept an exchange from getting its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// The request is no valid HTTP request. Nothing was sent.
    Invalid,
    /// The address policy forbids where it would connect to. Nothing was sent.
    Blocked,
    /// The name does not resolve. Nothing was sent.
    Dns,
    /// No connection: refused, unreachable, or not made in time. Nothing was sent.
    Connect,
    /// The TLS handshake failed. Nothing was sent.
    Tls,
    /// The connection was lost after the request began to leave.
    Lost,
    /// No complete answer before the deadline, after the request began to leave.
    Timeout,
}

/// A failed exchange. Its detail names no URL and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct TransportError {
    /// What happened.
    pub kind: TransportErrorKind,
    /// The same for people.
    pub detail: String,
}

impl TransportError {
    /// A failure of `kind`.
    pub fn new(kind: TransportErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Whether no byte of the request can have reached the far end.
    pub fn is_definitely_not_sent(&self) -> bool {
        !matches!(self.kind, TransportErrorKind::Lost | TransportErrorKind::Timeout)
    }
}

/// Who the client is, for servers that ask for a certificate (mutual TLS).
#[derive(Debug, Clone)]
pub struct ClientIdentity {
    /// The certificate in PEM, first its own, then those that lead to an authority the server knows.
    pub certificates: Secret,
    /// The private key in PEM: PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: Secret,
}

/// Carries HTTP exchanges: the one road from any adapter to the network.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Carries one request and reads its answer. Follows no redirect.
    ///
    /// # Errors
    ///
    /// [`TransportError`] when no answer could be had; its kind tells whether anything can have been sent. An answer
    /// of any status is `Ok`, also when only its headers came whole: the status is definite, see
    /// [`truncated`](HttpResponse::truncated).
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError>;

    /// The same transport for exchanges in which the client shows a certificate. It has connections of its own, so that
    /// nobody else's request ever travels under this identity. Does no I/O.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] at `certificates` or `key` when they cannot be used; by default, that this transport knows no
    /// certificates.
    fn with_identity(&self, _identity: &ClientIdentity) -> Result<Arc<dyn Transport>, ConfigError> {
        Err(ConfigError::new("this transport cannot show a client certificate"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_its_text_and_keeps_what_was_made_of_it() {
        let endpoint = Endpoint::new("https://example.com/a?b");
        let length = endpoint.memo(str::len).expect("the first call decides the type");
        assert!(std::ptr::eq(length, endpoint.clone().memo(|_| 0_usize).expect("the same")));
        assert!(endpoint.memo(str::to_owned).is_none());
        assert_eq!(endpoint, Endpoint::new("https://example.com/a?b"));
    }

    #[test]
    fn a_printed_endpoint_shows_scheme_and_host_only() {
        for (url, shown) in [
            ("https://hooks.slack.com/services/T0/B0/s3cret", "https://hooks.slack.com/…"),
            ("https://user:s3cret@example.com:8443?token=s3cret", "https://example.com:8443/…"),
            ("http://example.com\\s3cret", "http://example.com/…"),
            ("s3cret", "…"),
        ] {
            assert_eq!(Endpoint::new(url).to_string(), shown);
            assert_eq!(format!("{:?}", Endpoint::new(url)), shown);
        }
    }
}
