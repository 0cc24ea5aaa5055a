//! The transport every adapter uses in production: pooled HTTP/1.1 over reqwest.

use std::{fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use reqwest::{Client, Response, dns::Resolve, redirect::Policy};
use rustls::pki_types::CertificateDer;
use url::Url;

use super::{
    failure,
    guard::{PublicResolver, SystemResolver, check_literal},
    tls::Tls,
};
use crate::contract::{
    ClientIdentity, ConfigError, Endpoint, HttpRequest, HttpResponse, NetworkPolicy, Transport, TransportError,
    TransportErrorKind,
};

/// Longest body of an answer that is kept; what is longer is cut and its connection closed.
pub const ANSWER_BYTES_MAX: usize = 64 * 1024;

const USER_AGENT: &str = concat!("notifyhub/", env!("CARGO_PKG_VERSION"), " (notification dispatch)");
const IDLE_TIMEOUT: Duration = Duration::from_secs(90);

/// How [`ReqwestTransport`] connects.
#[derive(Clone)]
pub struct TransportConfig {
    /// Time for resolving, connecting and the TLS handshake together; at most half of
    /// [`timeout`](TransportConfig::timeout) is taken, so that running out of time later always means that the
    /// request had begun to leave. Default: 5 s.
    pub connect_timeout: Duration,
    /// Time for the whole exchange; `None` where whoever sends has a deadline of his own, as the engine's workers
    /// have. Default: 10 s.
    pub timeout: Option<Duration>,
    /// Certificates that are trusted besides those of the operating system. Default: none.
    pub root_certificates: Vec<CertificateDer<'static>>,
    /// Finds the addresses of names; the address policy is put on top of it. Default: the operating system's.
    pub resolver: Arc<dyn Resolve>,
}

impl Default for TransportConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Some(Duration::from_secs(10)),
            root_certificates: Vec::new(),
            resolver: Arc::new(SystemResolver),
        }
    }
}

/// Pooled HTTP/1.1 over reqwest, with rustls and ring; nothing global is installed.
///
/// - Follows no redirect, uses no proxy whatever the environment says, keeps no cookies, decompresses nothing.
/// - An answer is read up to [`ANSWER_BYTES_MAX`], or what the request says; beyond it the connection is dropped.
/// - [`NetworkPolicy::PublicOnly`] has a client of its own, whose connections were all made to addresses that passed
///   the [guard](super::guard): a pooled connection never crosses policies.
/// - As many connections are open as exchanges were in flight at once; idle ones are kept for 90 s.
///
/// # Kept connections that died
///
/// A server may close an idle connection at the very moment it is used again. The request is put on a new connection
/// only where no byte of it was written; else the exchange ends as [`TransportErrorKind::Lost`]. Nothing is ever sent
/// twice here: whether to try again is the engine's decision.
///
/// # Client certificates
///
/// [`with_identity`](Transport::with_identity) makes a transport with clients of its own: connections are made under one
/// identity and never cross to another. What it shares is the verifier with its certificates.
#[derive(Clone)]
pub struct ReqwestTransport {
    public: Client,
    any: Client,
    config: TransportConfig,
    tls: Tls,
}

impl ReqwestTransport {
    /// Reads the system's root certificates and makes the clients. Must be used on a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// [`TransportErrorKind::Tls`] when there are no root certificates or one of the additional ones cannot be read.
    pub fn new(config: TransportConfig) -> Result<Self, TransportError> {
        let tls = Tls::new(config.root_certificates.iter().cloned())?;
        Self::of(config, tls)
    }

    fn of(config: TransportConfig, tls: Tls) -> Result<Self, TransportError> {
        let guarded = Arc::new(PublicResolver::new(config.resolver.clone()));
        let (public, any) = (client(&config, &tls, guarded)?, client(&config, &tls, config.resolver.clone())?);
        Ok(Self { public, any, config, tls })
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReqwestTransport").finish_non_exhaustive()
    }
}

fn client(config: &TransportConfig, tls: &Tls, resolver: Arc<dyn Resolve>) -> Result<Client, TransportError> {
    let connect_timeout = config.timeout.map_or(config.connect_timeout, |timeout| config.connect_timeout.min(timeout / 2));
    let builder = Client::builder()
        .tls_backend_preconfigured(tls.config())
        .dns_resolver(resolver)
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .user_agent(USER_AGENT)
        .connect_timeout(connect_timeout)
        .pool_idle_timeout(IDLE_TIMEOUT);
    let builder = match config.timeout {
        Some(timeout) => builder.timeout(timeout),
        None => builder,
    };
    builder
        .build()
        .map_err(|error| TransportError::new(TransportErrorKind::Invalid, format!("no HTTP client: {}", error.without_url())))
}

impl Transport for ReqwestTransport {
    /// The request is put together at the call, and leaves when the future is polled. So nothing of it is kept beside what
    /// waits for the answer, of which there is one for each send under way: the smaller they are, the more of them fit into a
    /// processor's cache.
    fn exchange<'a, 'exchange>(&'a self, request: HttpRequest) -> BoxFuture<'exchange, Result<HttpResponse, TransportError>>
    where
        'a: 'exchange,
        Self: 'exchange,
    {
        let endpoint = request.url.clone();
        let answer_bytes_max = request.answer_bytes_max.unwrap_or(ANSWER_BYTES_MAX);
        let url = match checked(&endpoint, request.network) {
            Ok(url) => url.clone(),
            Err(error) => return ready(Err(error)).boxed(),
        };
        let client = match request.network {
            NetworkPolicy::PublicOnly => &self.public,
            NetworkPolicy::AllowPrivate => &self.any,
        };
        let mut outgoing = reqwest::Request::new(request.method, url);
        *outgoing.headers_mut() = request.headers;
        if !request.body.is_empty() {
            *outgoing.body_mut() = Some(request.body.into());
        }
        client.execute(outgoing).then(move |answered| read(answered, endpoint, answer_bytes_max)).boxed()
    }

    fn with_identity(&self, identity: &ClientIdentity) -> Result<Arc<dyn Transport>, ConfigError> {
        let tls = self.tls.with_identity(identity)?;
        let transport = Self::of(self.config.clone(), tls).map_err(|error| ConfigError::new(error.detail))?;
        Ok(Arc::new(transport))
    }
}

/// An endpoint's URL, parsed once for all its clones; `None` where it is no absolute URL.
pub fn parsed(endpoint: &Endpoint) -> Option<&Url> {
    endpoint.memo(|url| Url::parse(url).ok())?.as_ref()
}

/// The URL of a request that may be sent.
fn checked(endpoint: &Endpoint, network: NetworkPolicy) -> Result<&Url, TransportError> {
    let invalid = |detail| TransportError::new(TransportErrorKind::Invalid, detail);
    let url = parsed(endpoint).ok_or_else(|| invalid("the URL cannot be read, expected http(s)://host/path"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("the URL's scheme is not http or https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("the URL holds a user and password, which belong into an authorization header"));
    }
    if network == NetworkPolicy::PublicOnly {
        check_literal(url).map_err(|error| TransportError::new(TransportErrorKind::Blocked, error.to_string()))?;
    }
    Ok(url)
}

/// The answer, its body up to so many bytes. A body in one piece, as most are, is handed on without a copy.
async fn read(
    answered: Result<Response, reqwest::Error>,
    endpoint: Endpoint,
    max: usize,
) -> Result<HttpResponse, TransportError> {
    let mut answer = match answered {
        Ok(answer) => answer,
        Err(error) => return Err(failure::of(error, parsed(&endpoint).expect("it was parsed to be sent to"))),
    };
    let (mut first, mut rest) = (Bytes::new(), BytesMut::new());
    let truncated = loop {
        if first.len() + rest.len() > max {
            break true;
        }
        match answer.chunk().await {
            Ok(Some(piece)) if first.is_empty() => first = piece,
            Ok(Some(piece)) => rest.extend_from_slice(&piece),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    let headers = std::mem::take(answer.headers_mut());
    Ok(HttpResponse { status: answer.status(), headers, body: joined(first, &rest, max), truncated })
}

/// Both pieces, at most so many bytes of them.
fn joined(mut first: Bytes, rest: &[u8], max: usize) -> Bytes {
    first.truncate(max);
    if rest.is_empty() {
        return first;
    }
    let fits = rest.len().min(max - first.len());
    [&first[..], &rest[..fits]].concat().into()
}
