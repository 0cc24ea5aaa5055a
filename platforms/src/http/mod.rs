//! The one HTTP path every adapter takes to the network.
//!
//! An HTTP adapter is split in two pure halves, [`Protocol::request`] and [`Protocol::classify`], with one
//! [`Transport`] between them; [`exchange`] is the whole road. That is what makes adapters testable byte by byte, fuzzable
//! and simulatable.
//!
//! | file | what it does |
//! |---|---|
//! | `transport` | [`ReqwestTransport`]: pooled client, deadlines, no redirects, no proxy, capped answers |
//! | `tls` | who is trusted, and the client's certificate |
//! | `failure` | which kind of failure a client error is |
//! | `address` | checks on configured addresses, and the secrets in them |
//! | `guard` | which addresses may be connected to |
//! | `verdict` | status, headers and transport errors to [`SendError`] |
//! | `retry_after` | `Retry-After` in all its forms |
//! | `signature` | Standard Webhooks signatures |
//! | `multipart` | `multipart/form-data` bodies |

pub mod address;
mod failure;
pub mod guard;
pub mod multipart;
pub mod retry_after;
pub mod signature;
mod tls;
mod transport;
pub mod verdict;

use bytes::Bytes;

pub use transport::{ANSWER_BYTES_MAX, ReqwestTransport, TransportConfig, parsed};

use crate::contract::{Envelope, HttpRequest, HttpResponse, Receipt, Secret, SendError, Transport};

/// The two pure halves of an HTTP adapter.
pub trait Protocol {
    /// The request that sends `envelope`.
    ///
    /// # Errors
    ///
    /// A [`SendError`] when the message or the recipient cannot be put into a request.
    fn request(&self, envelope: &Envelope) -> Result<HttpRequest, SendError>;

    /// What the platform's answer means. Must be total: any status, any headers, any bytes.
    ///
    /// # Errors
    ///
    /// A [`SendError`] for everything but the platform's own positive answer.
    fn classify(&self, response: &HttpResponse) -> Result<Receipt, SendError>;

    /// The secrets that must not come back in an error or a receipt, however the platform quotes them.
    fn secrets(&self) -> Vec<&Secret>;
}

/// Sends one envelope: request, exchange, verdict; whatever the platform echoes of our secrets is redacted.
///
/// # Errors
///
/// What [`Protocol::request`] and [`Protocol::classify`] say, or the transport's failure as a [`SendError`].
pub async fn exchange(
    protocol: &(impl Protocol + Sync),
    transport: &dyn Transport,
    envelope: &Envelope,
) -> Result<Receipt, SendError> {
    let request = protocol.request(envelope)?;
    let response = answered(transport, request, protocol.secrets()).await?;
    protocol.classify(&response)
}

/// The answer to a request, without the secrets in it: [`exchange`] for adapters whose requests carry several envelopes,
/// or none. Nothing leaves before it is polled.
///
/// # Errors
///
/// The transport's failure as a [`SendError`].
pub fn answered<'a>(
    transport: &'a dyn Transport,
    request: HttpRequest,
    secrets: impl IntoIterator<Item = &'a Secret> + Send + 'a,
) -> impl Future<Output = Result<HttpResponse, SendError>> + Send + 'a {
    // Put together here, so that nothing of the request is kept beside it.
    let exchange = transport.exchange(request);
    async move {
        let mut response = exchange.await?;
        if response.body.len() >= SECRET_BYTES_MIN {
            redact(&mut response, secrets);
        }
        Ok(response)
    }
}

/// Shorter secrets are not looked for: they are part of ordinary words.
const SECRET_BYTES_MIN: usize = 4;

/// Replaces every secret of at least four bytes in the body of an answer.
pub fn redact<'a>(response: &mut HttpResponse, secrets: impl IntoIterator<Item = &'a Secret>) {
    for secret in secrets.into_iter().map(|secret| secret.expose().as_bytes()).filter(|secret| secret.len() >= SECRET_BYTES_MIN) {
        if let Some(first) = find(&response.body, secret) {
            response.body = replace_from(&response.body, secret, first);
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn replace_from(body: &[u8], secret: &[u8], first: usize) -> Bytes {
    let mut out = Vec::with_capacity(body.len());
    let (mut at, mut next) = (0, Some(first));
    while let Some(offset) = next {
        out.extend_from_slice(&body[at..at + offset]);
        out.extend_from_slice(b"[redacted]");
        at += offset + secret.len();
        next = find(&body[at..], secret);
    }
    out.extend_from_slice(&body[at..]);
    out.into()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn a_secret_that_the_platform_quotes_back_is_redacted() {
        let mut response = HttpResponse {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::from_static(b"bad token xoxb-1, yes xoxb-1!"),
            truncated: false,
        };
        redact(&mut response, &[Secret::new("xoxb-1"), Secret::new("d t")]);
        assert_eq!(response.body, "bad token [redacted], yes [redacted]!");
    }
}
