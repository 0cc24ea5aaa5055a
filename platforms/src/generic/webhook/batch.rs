//! Several messages in one request: how they are written, and what one answer says about each.

use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::{
    body::Body,
    config::{BatchFormat, BodyKind, CloudEventsMode, WebhookConfig},
    proof::parsed,
    template::Language,
    verdict::Verdict,
};
use crate::contract::{Clock, ConfigError, Envelope, EnvelopeId, HttpResponse, Receipt, SendError};

/// What `max_batch` may be at most.
const BATCH_MAX: usize = 1000;

/// That requests carry a list of messages, also where it is a list of one.
#[derive(Debug)]
pub(super) struct Batches {
    pub(super) max: usize,
    pub(super) format: BatchFormat,
    /// JSON pointer to the list of results in an accepting answer.
    results: Option<String>,
}

impl Batches {
    /// `None` where every message travels alone.
    pub(super) fn new(config: &WebhookConfig) -> Result<Option<Self>, ConfigError> {
        let mode = config.cloudevents.as_ref().map(|events| events.mode).filter(|_| config.body == BodyKind::CloudEvents);
        let is_batched = mode == Some(CloudEventsMode::Batched);
        let Some(max) = config.max_batch.or(is_batched.then_some(1)) else {
            let meaningless =
                [("batch_format", config.batch_format.is_some()), ("batch_results", config.batch_results.is_some())];
            return match meaningless.iter().find(|(_, is_there)| *is_there) {
                Some((key, _)) => Err(ConfigError::at(*key, "means nothing without `max_batch`")),
                None => Ok(None),
            };
        };
        if !(1..=BATCH_MAX).contains(&max) {
            return Err(ConfigError::at("max_batch", format!("{max} messages in one request, expected 1 to {BATCH_MAX}")));
        }
        let is_json = config.content_type.as_deref().is_none_or(|written| Language::of(written) == Language::Json);
        match config.body {
            BodyKind::Event => {}
            BodyKind::CloudEvents if is_batched => {}
            BodyKind::Template if is_json => {}
            BodyKind::CloudEvents => return Err(ConfigError::at("max_batch", "needs cloudevents.mode = \"batched\"")),
            BodyKind::Template => return Err(ConfigError::at("max_batch", "needs a template that is JSON")),
            BodyKind::Raw | BodyKind::Form => {
                return Err(ConfigError::at("max_batch", "needs a body that can be in a list: event, cloudevents or template"));
            }
        }
        if is_batched && config.batch_format == Some(BatchFormat::Ndjson) {
            return Err(ConfigError::at("batch_format", "a batch of CloudEvents is an array"));
        }
        Ok(Some(Self { max, format: config.batch_format.unwrap_or_default(), results: config.batch_results.clone() }))
    }

    /// The media type that fits.
    pub(super) fn content_type(&self, body: &Body) -> &'static str {
        match self.format {
            BatchFormat::Array => body.content_type(),
            BatchFormat::Ndjson => "application/x-ndjson",
        }
    }

    /// The exact bytes to send and to sign.
    pub(super) fn bytes(&self, body: &Body, batch: &[&Envelope]) -> Vec<u8> {
        let mut out = Vec::new();
        let (open, between, close): (&[u8], &[u8], &[u8]) = match self.format {
            BatchFormat::Array => (b"[", b",", b"]"),
            BatchFormat::Ndjson => (b"", b"\n", b"\n"),
        };
        out.extend_from_slice(open);
        for (index, envelope) in batch.iter().enumerate() {
            if index > 0 {
                out.extend_from_slice(between);
            }
            let start = out.len();
            body.write_item(envelope, &mut out);
            if self.format == BatchFormat::Ndjson {
                // Only white space of a template: inside its strings JSON has no line ends.
                out[start..].iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
            }
        }
        out.extend_from_slice(close);
        out
    }

    /// What an accepting answer says about each of `count` messages.
    pub(super) fn results(
        &self,
        verdict: &Verdict,
        response: &HttpResponse,
        count: usize,
        clock: &dyn Clock,
    ) -> Result<Vec<Result<Receipt, SendError>>, SendError> {
        let Some(pointer) = &self.results else {
            let receipt = verdict.on(response, clock)?;
            return Ok(vec![Ok(receipt); count]);
        };
        verdict.accepts_status(response, clock)?;
        let answer = parsed(&response.body);
        let Some(results) = answer.as_ref().and_then(|answer| answer.pointer(pointer)).and_then(Value::as_array) else {
            return Err(SendError::ambiguous("the answer holds no list of results where `batch_results` says"));
        };
        if results.len() != count {
            let reason = format!("the answer holds {} results for {count} messages", results.len());
            return Err(SendError::ambiguous(reason));
        }
        Ok(results.iter().map(|result| judged(verdict, result, clock)).collect())
    }
}

/// One result, as if it were the answer to its message alone: a status, or an object with a `status`.
fn judged(verdict: &Verdict, result: &Value, clock: &dyn Clock) -> Result<Receipt, SendError> {
    let status = result.get("status").unwrap_or(result).as_u64().and_then(|status| u16::try_from(status).ok());
    let Some(status) = status.and_then(|status| http::StatusCode::from_u16(status).ok()) else {
        return Err(SendError::ambiguous("the result of this message holds no status"));
    };
    let body = if result.is_object() { result.to_string() } else { String::new() };
    let response = HttpResponse { status, headers: http::HeaderMap::new(), body: body.into(), truncated: false };
    verdict.on(&response, clock)
}

/// The id of a request: that of its only message, else a UUID (version 8) made of the ids of all, in any order.
pub(super) fn id_of(batch: &[&Envelope]) -> EnvelopeId {
    if let [envelope] = batch {
        return envelope.id;
    }
    let mut ids: Vec<_> = batch.iter().map(|envelope| envelope.id.bits()).collect();
    ids.sort_unstable();
    let bytes: Vec<u8> = ids.into_iter().flat_map(u128::to_be_bytes).collect();
    let digest = digest(&SHA256, &bytes);
    let bits = digest.as_ref().iter().take(16).fold(0, |bits, byte| (bits << 8) | u128::from(*byte));
    let (version, variant) = (0xf_u128 << 76, 0x3_u128 << 62);
    EnvelopeId::new((bits & !(version | variant)) | (0x8 << 76) | (0x2 << 62))
}
