//! What the shipped adapters put on the wire and make of the answers, over real sockets; one module per adapter.

#[cfg(feature = "email")]
mod email;
mod transport;
mod webhook;
