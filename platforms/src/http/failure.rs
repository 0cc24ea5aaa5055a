//! What kind of failure a reqwest error is: above all, whether any byte of the request can have left.

use std::{error::Error, io};

use url::Url;

use super::guard::AddressError;
use crate::contract::{TransportError, TransportErrorKind};

/// Judges an error that came before the headers of an answer. The URL is read for its scheme and host only.
pub(super) fn of(error: reqwest::Error, url: &Url) -> TransportError {
    let error = error.without_url();
    let host = url.host_str().unwrap_or_default();
    if let Some(refused) = find::<AddressError>(&error, |_| true) {
        return address(refused);
    }
    let cause = innermost(&error);
    let (kind, what) = if error.is_builder() {
        (TransportErrorKind::Invalid, "no valid HTTP request")
    } else if error.is_dns() {
        (TransportErrorKind::Dns, "the name does not resolve")
    } else if error.is_connect() && error.is_timeout() {
        (TransportErrorKind::Connect, "no connection in time")
    } else if error.is_connect() && is_tls(&error, url) || find(&error, refuses_certificate).is_some() {
        (TransportErrorKind::Tls, "the TLS handshake failed")
    } else if error.is_connect() {
        (TransportErrorKind::Connect, "no connection")
    } else if error.is_timeout() {
        (TransportErrorKind::Timeout, "no answer in time")
    } else {
        (TransportErrorKind::Lost, "no answer, the connection was lost or made no sense")
    };
    TransportError::new(kind, format!("{host}: {what} ({cause})"))
}

fn address(error: &AddressError) -> TransportError {
    let kind = match error {
        AddressError::Blocked { .. } => TransportErrorKind::Blocked,
        AddressError::Unresolved { .. } => TransportErrorKind::Dns,
    };
    TransportError::new(kind, error.to_string())
}

/// Whether a failure to connect happened after TCP had connected: rustls says so, or the far end hung up in the
/// middle, which never happens to a TCP connection that is not made yet.
fn is_tls(error: &reqwest::Error, url: &Url) -> bool {
    let hung_up = |error: &io::Error| matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset);
    url.scheme() == "https" && (find::<rustls::Error>(error, |_| true).is_some() || find(error, hung_up).is_some())
}

/// Whether the server refused our certificate. In TLS 1.3 this arrives when the handshake looks finished from here and
/// the request may be on its way, but a server that says so has read nothing of it.
fn refuses_certificate(error: &rustls::Error) -> bool {
    use rustls::AlertDescription::{
        AccessDenied, BadCertificate, CertificateExpired, CertificateRequired, CertificateRevoked, CertificateUnknown, UnknownCA,
        UnsupportedCertificate,
    };
    let rustls::Error::AlertReceived(alert) = error else { return false };
    matches!(
        alert,
        AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRequired
            | CertificateRevoked
            | CertificateUnknown
            | UnknownCA
            | UnsupportedCertificate
    )
}

/// The first acceptable error of type `E` in the chain. What an [`io::Error`] wraps is not among its sources, so it is
/// looked at apart.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static), accept: fn(&E) -> bool) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let found = error.downcast_ref().filter(|found| accept(found));
        if let Some(found) = found.or_else(|| find(wrapped?, accept)) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last
}
