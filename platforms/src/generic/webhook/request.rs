//! How messages become requests: headers and body, sealed and complete.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

use super::{
    batch::{self, Batches},
    body::Body,
    cloudevents::CloudEvents,
    destination::Destination,
    template::Template,
};
use crate::{
    contract::{Envelope, EnvelopeId, HttpRequest, SendError},
    http::signature::{HUB_SIGNATURE, HubKey, SigningKey, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, sign},
};

/// Everything a request is made of besides the message and where it goes.
pub(super) struct Requests {
    pub(super) method: Method,
    pub(super) answer_bytes_max: Option<usize>,
    /// The headers of every request; what differs is a placeholder.
    pub(super) headers: HeaderMap,
    /// The same with credentials, for trusted destinations.
    pub(super) credentials: HeaderMap,
    /// Headers whose values are made of the message.
    pub(super) templated: Vec<(HeaderName, Template)>,
    pub(super) body: Body,
    pub(super) batches: Option<Batches>,
    pub(super) signing_keys: Vec<SigningKey>,
    pub(super) hub_key: Option<HubKey>,
    pub(super) idempotency: Option<HeaderName>,
}

impl Requests {
    /// The request that sends messages, one where there are no batches; `unix_seconds` is the time of this attempt.
    pub(super) fn sending(
        &self,
        batch: &[&Envelope],
        destination: &Destination,
        unix_seconds: u64,
    ) -> Result<HttpRequest, SendError> {
        let first = batch.first().expect("a request carries a message");
        let body = match &self.batches {
            Some(batches) => batches.bytes(&self.body, batch),
            None => self.body.bytes(first),
        };
        let mut request = self.to(destination, self.method.clone());
        self.describe(&mut request.headers, first)?;
        self.seal(&mut request.headers, batch::id_of(batch), &body, unix_seconds);
        request.body = body.into();
        Ok(request)
    }

    /// A request that is about no message, for checks.
    pub(super) fn asking(&self, destination: &Destination, method: Method) -> HttpRequest {
        let mut request = self.to(destination, method);
        let fixed = [&WEBHOOK_ID, &WEBHOOK_TIMESTAMP, &WEBHOOK_SIGNATURE, &HUB_SIGNATURE, &header::CONTENT_TYPE];
        for name in fixed.into_iter().chain(&self.idempotency).chain(self.templated.iter().map(|(name, _)| name)) {
            request.headers.remove(name);
        }
        for name in self.body.binary().into_iter().flat_map(CloudEvents::header_names) {
            request.headers.remove(name);
        }
        request
    }

    fn to(&self, destination: &Destination, method: Method) -> HttpRequest {
        let mut request = HttpRequest::new(method, destination.endpoint.clone());
        request.network = destination.network;
        request.answer_bytes_max = self.answer_bytes_max;
        request.headers = if destination.trusted { self.credentials.clone() } else { self.headers.clone() };
        if let Some(authorization) = &destination.authorization {
            request.headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        request
    }

    /// Writes the headers that are made of the message; there are none where it is one of many.
    fn describe(&self, headers: &mut HeaderMap, envelope: &Envelope) -> Result<(), SendError> {
        if let Some(events) = self.body.binary() {
            events.write_headers(envelope, headers);
        }
        for (name, template) in &self.templated {
            let value = template.render(envelope);
            if value.is_empty() {
                headers.remove(name);
                continue;
            }
            let value = HeaderValue::from_str(&value).map_err(|_| {
                let reason = "a line break or another control character of this message would stand in it";
                SendError::invalid_message(format!("header `{name}`: {reason}"))
            })?;
            headers.insert(name, value);
        }
        Ok(())
    }

    /// Writes the id, the time and the signatures.
    fn seal(&self, headers: &mut HeaderMap, id: EnvelopeId, body: &[u8], unix_seconds: u64) {
        let mut text = [0; 36];
        let id = id.encode(&mut text);
        if !self.signing_keys.is_empty() {
            headers.insert(WEBHOOK_SIGNATURE, sign(&self.signing_keys, id, unix_seconds, body));
        }
        if let Some(key) = &self.hub_key {
            headers.insert(HUB_SIGNATURE, key.sign(body));
        }
        let id = HeaderValue::from_str(id).expect("a UUID is fit for a header");
        if let Some(name) = &self.idempotency {
            headers.insert(name, id.clone());
        }
        headers.insert(WEBHOOK_ID, id);
        headers.insert(WEBHOOK_TIMESTAMP, HeaderValue::from(unix_seconds));
    }
}
