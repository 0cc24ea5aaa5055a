//! What the shipped adapters put on the wire and make of the answers, over real sockets; one module per adapter.

mod discord;
#[cfg(feature = "email")]
mod email;
#[cfg(unix)]
mod local;
mod shown;
mod slack;
mod testkit;
mod tls;
mod transport;
mod webhook;
