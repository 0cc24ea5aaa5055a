//! The HTTP API: its routes, who may ask, and the listener.

use std::{io, net::SocketAddr};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{Method, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::net::TcpListener;

use super::{
    Metrics,
    notifications::{self, Intake},
    problem::Problem,
    tasks,
};
use crate::Hub;

/// A listener.
pub struct Server {
    listener: TcpListener,
}

impl Server {
    /// Listens.
    ///
    /// # Errors
    ///
    /// When it cannot listen there.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(address).await? })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// When the operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until it is dropped.
    ///
    /// # Errors
    ///
    /// Never while the listener works.
    pub async fn run(self, routes: Router) -> io::Result<()> {
        axum::serve(self.listener, routes).await
    }
}

/// What `serve` answers: it accepts notifications for `hub`, and tells what that knows, and the process's metrics.
pub fn api(hub: Hub, metrics: &Metrics) -> Router {
    let intake = Router::new()
        .route("/v1/notifications", post(notifications::post))
        .layer(DefaultBodyLimit::max(notifications::BODY_MAX))
        .with_state(Intake::new(hub.clone()));
    let known = Router::new()
        .route("/v1/tasks/{id}", get(tasks::task))
        .route("/v1/notifications/{id}", get(tasks::notification))
        .with_state(hub)
        .merge(intake)
        .merge(metrics.routes());
    let nothing = async |uri: Uri| Problem::not_found(format!("nothing is at {}", uri.path()));
    let not_so = async |method: Method, uri: Uri| Problem::not_allowed(format!("{} does not answer {method}", uri.path()));
    known.fallback(nothing).method_not_allowed_fallback(not_so).layer(middleware::from_fn(this_machine_only))
}

/// Answers requests for this machine's own names only: a web page whose name somebody made point here (DNS rebinding) asks
/// under that name.
async fn this_machine_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).map(|host| host.to_str().unwrap_or("?"));
    match host.or(request.uri().host()).is_none_or(is_this_machine) {
        true => next.run(request).await,
        false => Problem::forbidden("this is answered under the names of this machine only, such as localhost").into_response(),
    }
}

/// Whether a `Host` header, with or without a port, means the machine it is read on.
fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let literal = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || literal.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered_to() {
        for ours in ["127.0.0.1:8420", "127.0.0.1", "localhost:8420", "LOCALHOST", "[::1]:8420", "[::1]", "127.1.2.3:1"] {
            assert!(is_this_machine(ours), "{ours}");
        }
        for foreign in
            ["", "example.com", "example.com:8420", "localhost.example.com", "10.0.0.1:8420", "?", "127.0.0.1.example.com"]
        {
            assert!(!is_this_machine(foreign), "{foreign}");
        }
    }
}
