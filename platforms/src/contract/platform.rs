//! The trait every configured platform account implements.

use async_trait::async_trait;

use super::{Capabilities, Envelope, Receipt, SendError};

/// One configured destination account: a Slack workspace, a mail relay, a webhook endpoint.
///
/// Implementations are stateless towards the engine: they may pool connections and cache tokens, but a call must not
/// depend on the calls before it. All methods may be called from many tasks at once.
///
/// # Cancellation
///
/// The engine drops the future of [`send`](Platform::send) when its deadline passes or the hub is stopped by force.
/// Such an attempt counts as ambiguous, so an implementation needs no clean-up beyond `Drop`.
///
/// # Panics
///
/// A panic in any method costs the task under way one attempt and nothing else; it is still a bug of the adapter.
#[async_trait]
pub trait Platform: Send + Sync + 'static {
    /// What this account can carry. Called often: must be cheap and always answer the same.
    fn capabilities(&self) -> Capabilities;

    /// Whether `recipient` can be addressed at all; asked before a task is accepted, so that a caller's mistake
    /// comes back at once instead of as a dead letter. Must not do I/O.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidRecipient`](super::ErrorKind::InvalidRecipient) with a reason that says what a valid recipient looks like.
    fn verify(&self, _recipient: Option<&str>) -> Result<(), SendError> {
        Ok(())
    }

    /// The lane `recipient` travels on, for platforms whose recipients fail independently (webhooks of many
    /// customers: one lane per host). Default: `None`, one lane for the whole platform.
    fn lane(&self, _recipient: Option<&str>) -> Option<String> {
        None
    }

    /// How much of a rate limit one envelope uses up, where [envelopes are counted](super::Counted::Envelopes): the segments of a
    /// short message, for example. At least 1. Must not do I/O. Default: 1.
    fn weight(&self, _envelope: &Envelope) -> u32 {
        1
    }

    /// Sends one envelope and waits for the platform's own answer.
    ///
    /// `Ok` means the platform accepted it: a positive answer by the platform's own rules, not merely a 2xx.
    ///
    /// # Errors
    ///
    /// A [`SendError`] whose kind decides what the engine does next. When in doubt whether the platform may have
    /// accepted the message, the kind is [`Ambiguous`](super::ErrorKind::Ambiguous), never `Unavailable`.
    async fn send(&self, envelope: &Envelope) -> Result<Receipt, SendError>;

    /// Sends several envelopes in one native call. Only called where
    /// [`batch_max`](Capabilities::batch_max) is above 1, with at most that many envelopes.
    ///
    /// Returns exactly one result per envelope, in order; an envelope the platform's answer does not mention is
    /// `Ambiguous`. Default: one [`send`](Platform::send) after the other.
    async fn send_batch(&self, batch: &[Envelope]) -> Vec<Result<Receipt, SendError>> {
        let mut results = Vec::with_capacity(batch.len());
        for envelope in batch {
            results.push(self.send(envelope).await);
        }
        results
    }

    /// Proves that the credentials work, without notifying anybody.
    ///
    /// # Errors
    ///
    /// What a send would have failed with. A platform that offers no such call answers `Ok` after checking what can
    /// be checked without being heard (the host resolves and accepts a connection).
    async fn check(&self) -> Result<(), SendError>;
}
