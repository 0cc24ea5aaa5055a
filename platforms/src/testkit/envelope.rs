//! Envelopes for tests.

use std::{sync::Arc, time::SystemTime};

use crate::contract::{Envelope, EnvelopeId, Message};

/// A first attempt, with the id 7, accepted when the clock of Unix began. What a test cares about it changes:
/// `Envelope { attempt: 2, ..envelope(None, message) }`.
pub fn envelope(recipient: Option<&str>, message: Message) -> Envelope {
    Envelope {
        id: EnvelopeId::new(7),
        recipient: recipient.map(Into::into),
        message: Arc::new(message),
        attempt: 1,
        correlation_id: None,
        accepted_at: SystemTime::UNIX_EPOCH,
    }
}
