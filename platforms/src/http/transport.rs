//! The transport every adapter uses in production: one pooled reqwest client.
use std::time::Duration;

use async_trait::async_trait;

use crate::contract::{HttpRequest, HttpResponse, Transport, TransportError, TransportErrorKind};

/// Pooled HTTP over reqwest.
#[derive(Debug, Clone, Default)]
pub struct ReqwestTransport {
    timeout: Duration,
}

#[async_trait]
impl Transport for ReqwestTransport {
    async fn exchange(&self, _request: HttpRequest) -> Result<HttpResponse, TransportError> {
        Err(TransportError::new(TransportErrorKind::Invalid, "not built"))
    }
}
