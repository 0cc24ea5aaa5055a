//! Which addresses a request may connect to: the guard against requests that reach into private networks (SSRF).
//!
//! Two roads lead to an address, and both are guarded. A name is resolved by [`PublicResolver`], which drops every
//! address that is not [public](is_public) and hands the rest straight to the connector, so that no second look-up can
//! answer differently (DNS rebinding). A host that *is* an address never meets a resolver; [`check_literal`] judges it
//! after `url::Url` has read it, so `127.1`, `0177.0.0.1` and `2130706433` are the same loopback address.
//!
//! The SMTP and other non-HTTP adapters ask [`is_public`] themselves.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// IPv4 networks nobody may be sent to: the IANA special-purpose registry (RFC 6890), multicast and class E.
const CLOSED_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),       // "this network"
    (Ipv4Addr::new(10, 0, 0, 0), 8),      // private
    (Ipv4Addr::new(100, 64, 0, 0), 10),   // carrier-grade NAT
    (Ipv4Addr::new(127, 0, 0, 0), 8),     // loopback
    (Ipv4Addr::new(169, 254, 0, 0), 16),  // link-local, the clouds' metadata services
    (Ipv4Addr::new(172, 16, 0, 0), 12),   // private
    (Ipv4Addr::new(192, 0, 0, 0), 24),    // IETF protocol assignments
    (Ipv4Addr::new(192, 0, 2, 0), 24),    // documentation
    (Ipv4Addr::new(192, 88, 99, 0), 24),  // 6to4 relays
    (Ipv4Addr::new(192, 168, 0, 0), 16),  // private
    (Ipv4Addr::new(198, 18, 0, 0), 15),   // benchmarks
    (Ipv4Addr::new(198, 51, 100, 0), 24), // documentation
    (Ipv4Addr::new(203, 0, 113, 0), 24),  // documentation
    (Ipv4Addr::new(224, 0, 0, 0), 4),     // multicast
    (Ipv4Addr::new(240, 0, 0, 0), 4),     // class E, broadcast
];

/// The only IPv6 space in public use (RFC 4291). Outside it lie loopback, unspecified, v4-mapped and v4-compatible
/// addresses, NAT64 (`64:ff9b::/96`, `64:ff9b:1::/48`), discard, segment routing, unique local, link-local and multicast.
const OPEN_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What is closed inside [`OPEN_V6`].
const CLOSED_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23), // IETF protocol assignments: Teredo, benchmarks, ORCHID
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32), // documentation
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16), // 6to4, which carries any IPv4 address
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20), // documentation
];

/// Whether `ip` is an address on the public internet. What is special in any way is not, also where it merely carries
/// an IPv4 address that is.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !CLOSED_V4.iter().any(|net| in_v4(ip, *net)),
        IpAddr::V6(ip) => in_v6(ip, OPEN_V6) && !CLOSED_V6.iter().any(|net| in_v6(ip, *net)),
    }
}

fn in_v4(ip: Ipv4Addr, (net, prefix): (Ipv4Addr, u32)) -> bool {
    (ip.to_bits() ^ net.to_bits()) >> (32 - prefix) == 0
}

fn in_v6(ip: Ipv6Addr, (net, prefix): (Ipv6Addr, u32)) -> bool {
    (ip.to_bits() ^ net.to_bits()) >> (128 - prefix) == 0
}

/// Why an address could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Every address of the host is closed.
    #[error("`{host}` is in a private or reserved network; if that is meant, set allow_private_networks = true")]
    Blocked {
        /// The host as the URL has it.
        host: String,
    },
    /// The name does not resolve.
    #[error("`{host}` does not resolve: {reason}")]
    Unresolved {
        /// The host as the URL has it.
        host: String,
        /// What the resolver said.
        reason: String,
    },
}

/// Judges a URL whose host is an address itself; a URL with a name passes, its addresses meet [`PublicResolver`].
///
/// # Errors
///
/// [`AddressError::Blocked`] for an address that is not public.
pub fn check_literal(url: &Url) -> Result<(), AddressError> {
    let ip: IpAddr = match url.host() {
        Some(Host::Ipv4(ip)) => ip.into(),
        Some(Host::Ipv6(ip)) => ip.into(),
        Some(Host::Domain(_)) | None => return Ok(()),
    };
    if is_public(ip) { Ok(()) } else { Err(AddressError::Blocked { host: ip.to_string() }) }
}

/// Asks the system's resolver (`getaddrinfo`), on a blocking thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let addresses: Vec<_> = found.map_err(|error| unresolved(&name, &error))?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn unresolved(name: &Name, error: &io::Error) -> AddressError {
    AddressError::Unresolved { host: name.as_str().to_owned(), reason: error.to_string() }
}

/// Passes on the public addresses another resolver finds, and fails where it finds none but closed ones.
#[derive(Clone)]
pub struct PublicResolver {
    source: Arc<dyn Resolve>,
}

impl PublicResolver {
    /// Guards the answers of `source`.
    pub fn new(source: Arc<dyn Resolve>) -> Self {
        Self { source }
    }
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let resolving = self.source.resolve(name);
        Box::pin(async move {
            let found: Vec<SocketAddr> = resolving.await?.collect();
            let open = public_only(&host, found)?;
            Ok(Box::new(open.into_iter()) as Addrs)
        })
    }
}

/// The public ones of the addresses of `host`.
///
/// # Errors
///
/// [`AddressError::Blocked`] where there are only others, [`AddressError::Unresolved`] where there are none.
pub fn public_only(host: &str, mut found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, AddressError> {
    if found.is_empty() {
        return Err(AddressError::Unresolved { host: host.to_owned(), reason: "the name has no address".into() });
    }
    found.retain(|address| is_public(address.ip()));
    if found.is_empty() { Err(AddressError::Blocked { host: host.to_owned() }) } else { Ok(found) }
}

#[cfg(test)]
mod tests;
