//! A transport in memory that records requests and returns scripted answers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use crate::contract::{HttpRequest, HttpResponse, Transport, TransportError, TransportErrorKind};

/// Records every request and answers from a script: for adapters whose sends are several exchanges. A copy shares
/// script and record.
#[derive(Debug, Clone, Default)]
pub struct ScriptedTransport {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<Result<HttpResponse, TransportError>>,
    requests: Vec<HttpRequest>,
}

impl ScriptedTransport {
    /// A transport without answers: every exchange fails to connect.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an answer with a status and a body to the end of the script.
    #[must_use]
    pub fn answering(self, status: u16, body: impl Into<Bytes>) -> Self {
        self.then(Ok(answer(status, &[], body)))
    }

    /// Adds an answer, or a failure, to the end of the script.
    #[must_use]
    pub fn then(self, answer: Result<HttpResponse, TransportError>) -> Self {
        self.with(|state| state.answers.push_back(answer));
        self
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<HttpRequest> {
        self.with(|state| state.requests.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Transport for ScriptedTransport {
    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, TransportError> {
        self.with(|state| {
            state.requests.push(request);
            let end = || Err(TransportError::new(TransportErrorKind::Connect, "the script has no further answer"));
            state.answers.pop_front().unwrap_or_else(end)
        })
    }
}

/// An answer with these headers, for [`ScriptedTransport::then`] and for `classify`.
///
/// # Panics
///
/// Where the status or a header is not valid HTTP.
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> HttpResponse {
    let header = |(name, value): &(&str, &str)| {
        let name = HeaderName::try_from(*name).expect("tests give valid header names");
        (name, HeaderValue::try_from(*value).expect("tests give valid header values"))
    };
    HttpResponse {
        status: StatusCode::from_u16(status).expect("tests give valid statuses"),
        headers: headers.iter().map(header).collect::<HeaderMap>(),
        body: body.into(),
        truncated: false,
    }
}
