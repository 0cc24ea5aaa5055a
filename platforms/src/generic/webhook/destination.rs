//! Which URL a request goes to, and how far it is trusted.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::{Origin, Url};

use crate::{
    contract::{Endpoint, NetworkPolicy, SendError},
    http::guard,
};

/// Where the requests of one adapter may go.
#[derive(Debug)]
pub(super) struct Destinations {
    /// The operator's own URL; without one every target names its URL.
    pub(super) fixed: Option<Fixed>,
    /// Added to every URL.
    pub(super) query: Vec<(String, String)>,
    /// Added to URLs of the operator's origin.
    pub(super) credential: Option<(String, String)>,
    pub(super) trust: Trust,
}

/// The operator's own URL, complete.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) origin: Origin,
    pub(super) destination: Destination,
}

/// What the operator allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trust {
    /// `http://` where the operator's word counts.
    pub(super) http: bool,
    /// Private networks where the operator's word counts.
    pub(super) private: bool,
    /// Both everywhere: whoever runs this typed every URL himself.
    pub(super) everywhere: bool,
}

/// Where one request goes.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    pub(super) endpoint: Endpoint,
    pub(super) network: NetworkPolicy,
    /// Whether the configured credentials go along.
    pub(super) trusted: bool,
    /// The user and password that were in the URL.
    pub(super) authorization: Option<HeaderValue>,
}

impl Destinations {
    /// Where a request for `recipient` goes.
    pub(super) fn find(&self, recipient: Option<&str>) -> Result<Destination, SendError> {
        match (recipient, &self.fixed) {
            (None, Some(fixed)) => Ok(fixed.destination.clone()),
            (None, None) => Err(SendError::invalid_recipient(
                "the platform has no `url`, so the target must name one: name:https://host/path",
            )),
            (Some(url), _) => self.admit(url).map_err(SendError::invalid_recipient).map(|(_, destination)| destination),
        }
    }

    /// Reads a URL, judges it, and completes it. The reason of a refusal never repeats the URL.
    pub(super) fn admit(&self, url: &str) -> Result<(Origin, Destination), String> {
        let mut url = Url::parse(url).map_err(|error| format!("not a URL ({error}), expected https://host/path"))?;
        let origin = url.origin();
        let operators = self.fixed.as_ref().is_none_or(|fixed| fixed.origin == origin);
        match url.scheme() {
            "https" => {}
            "http" if self.trust.everywhere || (operators && self.trust.http) => {}
            "http" => return Err("http:// would send it in the clear: use https://, or set allow_http = true".into()),
            _ => return Err("neither http:// nor https://".into()),
        }
        let private = self.trust.everywhere || (operators && self.trust.private);
        let network = if private { NetworkPolicy::AllowPrivate } else { NetworkPolicy::PublicOnly };
        if !private {
            guard::check_literal(&url).map_err(|error| error.to_string())?;
        }
        let authorization = take_authorization(&mut url);
        let credential = self.credential.iter().filter(|_| operators);
        let added: Vec<_> = self.query.iter().chain(credential).collect();
        if !added.is_empty() {
            url.query_pairs_mut().extend_pairs(added);
        }
        let destination = Destination { endpoint: Endpoint::new(url.as_str()), network, trusted: operators, authorization };
        Ok((origin, destination))
    }

    /// The lane of a recipient: its host and port.
    pub(super) fn lane(&self, recipient: Option<&str>) -> Option<String> {
        let url = Url::parse(recipient?).ok()?;
        let host = url.host_str()?;
        Some(match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        })
    }
}

/// Moves user and password from a URL into the header they mean.
fn take_authorization(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
    let credentials = [decoded(url.username()), decoded(url.password().unwrap_or_default())].join(&b':');
    url.set_username("").and_then(|()| url.set_password(None)).expect("a URL with a user has a host");
    Some(basic(&credentials))
}

/// `Basic …` over `user:password` (RFC 7617).
pub(super) fn basic(credentials: &[u8]) -> HeaderValue {
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(credentials))).expect("base64 is fit for a header");
    value.set_sensitive(true);
    value
}
