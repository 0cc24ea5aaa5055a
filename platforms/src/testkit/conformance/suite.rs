//! One adapter under test, and the run through all promises.

use std::{collections::BTreeSet, fmt, pin::Pin, sync::Arc, time::Duration};

use super::{answers, failures, fuzz, requests};
use crate::{
    contract::{Envelope, ErrorKind, Parts, Platform, Receipt, SendError, Transport},
    http::{ReqwestTransport, TransportConfig},
    testkit::{Answer, Fault, FaultServer, FixedClock},
};

/// A promise that takes longer than this is broken.
const PATIENCE: Duration = Duration::from_secs(60);

type Make = Box<dyn Fn(&str, &Parts) -> Arc<dyn Platform> + Send + Sync>;
type Check = for<'a> fn(&'a Http) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// An adapter under test. See the [module](super) for an example.
pub struct Http {
    make: Make,
    envelope: Envelope,
    pub(super) accepted: Answer,
    prelude: Vec<Answer>,
    secrets: Vec<String>,
    pub(super) json: bool,
    exceptions: BTreeSet<&'static str>,
    patient: Arc<dyn Transport>,
    impatient: Arc<dyn Transport>,
}

/// Every promise by name, in the order it is checked.
const PROMISES: &[(&str, Check)] = &[
    ("accepted_is_delivered", |http| Box::pin(answers::accepted_is_delivered(http))),
    ("too_many_requests_waits", |http| Box::pin(answers::too_many_requests_waits(http))),
    ("server_errors_are_unavailable", |http| Box::pin(answers::server_errors_are_unavailable(http))),
    ("redirects_are_not_followed", |http| Box::pin(answers::redirects_are_not_followed(http))),
    ("refused_credentials_are_not_delivered", |http| Box::pin(answers::refused_credentials_are_not_delivered(http))),
    ("junk_for_json_is_ambiguous", |http| Box::pin(answers::junk_for_json_is_ambiguous(http))),
    ("secrets_stay_secret", |http| Box::pin(answers::secrets_stay_secret(http))),
    ("a_refused_connection_is_unavailable", |http| Box::pin(failures::a_refused_connection_is_unavailable(http))),
    ("a_lost_connection_is_ambiguous", |http| Box::pin(failures::a_lost_connection_is_ambiguous(http))),
    ("silence_is_ambiguous", |http| Box::pin(failures::silence_is_ambiguous(http))),
    ("a_flood_is_cut", |http| Box::pin(failures::a_flood_is_cut(http))),
    ("a_slow_answer_counts", |http| Box::pin(failures::a_slow_answer_counts(http))),
    ("a_second_attempt_is_the_same_request", |http| Box::pin(requests::a_second_attempt_is_the_same_request(http))),
    ("a_check_notifies_nobody", |http| Box::pin(requests::a_check_notifies_nobody(http))),
    ("a_check_without_server_fails", |http| Box::pin(requests::a_check_without_server_fails(http))),
    ("any_answer_has_a_verdict", |http| Box::pin(fuzz::any_answer_has_a_verdict(http))),
];

impl Http {
    /// An adapter that `make` builds for a base URL (`http://127.0.0.1:PORT`, no slash at the end), an envelope it can
    /// send, and the platform's answer that accepts it.
    ///
    /// `make` must hand the adapter the parts it is given; they allow private networks.
    ///
    /// # Panics
    ///
    /// When the system has no root certificates.
    pub fn new(
        make: impl Fn(&str, &Parts) -> Arc<dyn Platform> + Send + Sync + 'static,
        envelope: Envelope,
        accepted: Answer,
    ) -> Self {
        let hasty = TransportConfig { timeout: Some(Duration::from_millis(500)), ..TransportConfig::default() };
        let transport = |config| ReqwestTransport::new(config).expect("the system has root certificates");
        Self {
            make: Box::new(make),
            envelope,
            accepted,
            prelude: Vec::new(),
            secrets: Vec::new(),
            json: false,
            exceptions: BTreeSet::new(),
            patient: Arc::new(transport(TransportConfig::default())),
            impatient: Arc::new(transport(hasty)),
        }
    }

    /// The platform accepts with JSON, so a 2xx with anything else proves nothing. Default: the status is enough.
    #[must_use]
    pub fn json(mut self) -> Self {
        self.json = true;
        self
    }

    /// What must never be seen in an error or a receipt: the configured secrets, and what requests make of them (the
    /// base64 of a basic authorization). Default: none.
    #[must_use]
    pub fn secrets(mut self, secrets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.secrets = secrets.into_iter().map(Into::into).collect();
        self
    }

    /// Answers to requests a new platform makes before the one that sends (fetching a token). Default: none.
    #[must_use]
    pub fn prelude(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.prelude = answers.into_iter().collect();
        self
    }

    /// Leaves out one promise, where the platform's own documentation demands something else; say why beside it.
    ///
    /// # Panics
    ///
    /// When there is no promise of that name.
    #[must_use]
    pub fn except(mut self, promise: &'static str) -> Self {
        assert!(PROMISES.iter().any(|(name, _)| *name == promise), "there is no promise `{promise}`");
        self.exceptions.insert(promise);
        self
    }

    /// Checks every promise.
    ///
    /// # Panics
    ///
    /// At the first broken promise, with its name.
    pub async fn run(&self) {
        for (name, check) in PROMISES.iter().filter(|(name, _)| !self.exceptions.contains(name)) {
            let kept = tokio::time::timeout(PATIENCE, check(self)).await;
            assert!(kept.is_ok(), "{name}: takes longer than {PATIENCE:?}");
        }
    }

    /// A new platform that talks to `url`.
    pub(super) fn platform(&self, url: &str) -> Arc<dyn Platform> {
        self.platform_over(url, self.patient.clone())
    }

    /// The same with a transport that gives up soon.
    pub(super) fn hasty_platform(&self, url: &str) -> Arc<dyn Platform> {
        self.platform_over(url, self.impatient.clone())
    }

    pub(super) fn platform_over(&self, url: &str, transport: Arc<dyn Transport>) -> Arc<dyn Platform> {
        let clock = Arc::new(FixedClock::at_unix(1_700_000_000));
        (self.make)(url, &Parts { transport, clock, allow_private_networks: true })
    }

    pub(super) fn envelope(&self) -> Envelope {
        self.envelope.clone()
    }

    pub(super) fn prelude_answers(&self) -> &[Answer] {
        &self.prelude
    }

    /// A server on which the sending request, and all after it, meet `fault`.
    pub(super) async fn server(&self, fault: impl Into<Fault>) -> FaultServer {
        let server = FaultServer::start().await;
        self.prelude.iter().for_each(|answer| server.push(answer.clone()));
        server.otherwise(fault);
        server
    }

    /// Sends the envelope to a server that does `fault`, from a new platform.
    pub(super) async fn send(&self, fault: impl Into<Fault>) -> Result<Receipt, SendError> {
        let server = self.server(fault).await;
        self.watched(self.platform(&server.url("")).send(&self.envelope).await)
    }

    /// Expects a failure of one of `kinds`.
    pub(super) async fn fails(&self, fault: impl Into<Fault>, kinds: &[ErrorKind], promise: &str) -> SendError {
        let fault = fault.into();
        let shown = format!("{fault:?}");
        let error = expect_error(self.send(fault).await, promise, &shown);
        assert!(kinds.contains(&error.kind()), "{promise}: {shown:.200} came out as `{error}`, expected one of {kinds:?}");
        error
    }

    /// Passes an outcome on, after a look for secrets in it.
    pub(super) fn watched(&self, outcome: Result<Receipt, SendError>) -> Result<Receipt, SendError> {
        let mut shown = format!("{outcome:?}");
        if let Err(error) = &outcome {
            shown.push_str(&error.to_string());
        }
        for secret in &self.secrets {
            assert!(!shown.contains(secret), "secrets_stay_secret: the outcome shows a secret: {shown}");
        }
        outcome
    }
}

/// The error in an outcome that must be one.
pub(super) fn expect_error(outcome: Result<Receipt, SendError>, promise: &str, what: &str) -> SendError {
    assert!(outcome.is_err(), "{promise}: {what:.200} counts as delivered");
    outcome.expect_err("asserted above")
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("json", &self.json).field("exceptions", &self.exceptions).finish_non_exhaustive()
    }
}
