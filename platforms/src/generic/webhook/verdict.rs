//! What an answer means: the sheet's table of statuses, refined by what the operator says about this receiver.

use std::time::Duration;

use super::{
    config::{WaitField, WaitUnit, WebhookConfig},
    proof::{Proof, parsed, text_at},
};
use crate::{
    contract::{Clock, ConfigError, ErrorKind, HttpResponse, Receipt, SendError},
    http::{
        retry_after::{self, WAIT_MAX},
        verdict,
    },
};

/// The operator's refinements; all empty for most receivers.
#[derive(Debug)]
pub(super) struct Verdict {
    success_status: Vec<u16>,
    success_body: Option<Proof>,
    retry_status: Vec<u16>,
    permanent_status: Vec<u16>,
    wait: Option<WaitField>,
    receipt: Option<String>,
}

impl Verdict {
    pub(super) fn new(config: &WebhookConfig) -> Result<Self, ConfigError> {
        for (key, statuses) in [
            ("success_status", &config.success_status),
            ("retry_status", &config.retry_status),
            ("permanent_status", &config.permanent_status),
        ] {
            if let Some(status) = statuses.iter().find(|status| !(200..=999).contains(*status)) {
                return Err(ConfigError::at(key, format!("{status} is not the status of an answer, expected 200 to 999")));
            }
        }
        for (key, pointer) in [
            ("receipt_field", config.receipt_field.as_ref()),
            ("batch_results", config.batch_results.as_ref()),
            ("retry_after_field.pointer", config.retry_after_field.as_ref().map(|field| &field.pointer)),
            ("success_body.pointer", config.success_body.as_ref().and_then(|body| body.pointer.as_ref())),
        ] {
            if pointer.is_some_and(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
                return Err(ConfigError::at(key, "not a JSON pointer, expected something like /data/id"));
            }
        }
        Ok(Self {
            success_status: config.success_status.clone(),
            success_body: config.success_body.clone().map(Proof::new).transpose()?,
            retry_status: config.retry_status.clone(),
            permanent_status: config.permanent_status.clone(),
            wait: config.retry_after_field.clone(),
            receipt: config.receipt_field.clone(),
        })
    }

    /// The verdict; `clock` is asked only where a wait may be a date.
    pub(super) fn on(&self, response: &HttpResponse, clock: &dyn Clock) -> Result<Receipt, SendError> {
        self.accepts_status(response, clock)?;
        self.accepted(response, clock)
    }

    /// The verdict of the status alone.
    pub(super) fn accepts_status(&self, response: &HttpResponse, clock: &dyn Clock) -> Result<(), SendError> {
        let status = response.status.as_u16();
        if self.accepts(status) {
            return Ok(());
        }
        let kind = if self.permanent_status.contains(&status) {
            ErrorKind::InvalidMessage
        } else if self.retry_status.contains(&status) && status != 429 {
            ErrorKind::Unavailable
        } else if status == 410 {
            ErrorKind::Gone
        } else {
            // A 2xx the operator did not name says nothing that anybody knows.
            verdict::kind_of(response.status).unwrap_or(ErrorKind::Unexpected)
        };
        Err(self.refusal(kind, response, clock))
    }

    fn accepts(&self, status: u16) -> bool {
        if self.success_status.is_empty() {
            let named = || self.retry_status.contains(&status) || self.permanent_status.contains(&status);
            return (200..=299).contains(&status) && !named();
        }
        self.success_status.contains(&status)
    }

    fn accepted(&self, response: &HttpResponse, clock: &dyn Clock) -> Result<Receipt, SendError> {
        if let Some(proof) = &self.success_body {
            match proof.holds(&response.body) {
                Some(true) => {}
                Some(false) => return Err(self.refusal(ErrorKind::Unexpected, response, clock)),
                None => return Err(verdict::error(ErrorKind::Ambiguous, response, clock.wall())),
            }
        }
        let Some(pointer) = &self.receipt else { return Ok(Receipt::accepted()) };
        Ok(match parsed(&response.body).and_then(|body| text_at(&body, pointer)) {
            Some(id) => Receipt::with_id(id),
            None => Receipt::accepted(),
        })
    }

    /// A refusal, with the longest wait that header and body ask for.
    fn refusal(&self, kind: ErrorKind, response: &HttpResponse, clock: &dyn Clock) -> SendError {
        let error = verdict::error(kind, response, clock.wall());
        let wait = error.retry_after().max(self.wait_in(&response.body));
        error.with_retry_after(wait)
    }

    fn wait_in(&self, body: &[u8]) -> Option<Duration> {
        let field = self.wait.as_ref()?;
        let wait = retry_after::from_json(parsed(body)?.pointer(&field.pointer)?)?;
        Some(match field.unit {
            WaitUnit::Seconds => wait,
            WaitUnit::Milliseconds => (wait / 1000).min(WAIT_MAX),
        })
    }
}
