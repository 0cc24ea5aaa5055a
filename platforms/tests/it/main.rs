//! What the shipped adapters put on the wire and make of the answers, over real sockets; one module per adapter.

#[cfg(feature = "email")]
mod email;
#[cfg(unix)]
mod local;
mod transport;
mod webhook;
