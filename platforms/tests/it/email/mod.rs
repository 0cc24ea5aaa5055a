//! The e-mail adapter, against a real Postfix and against servers that misbehave by script.

mod batch_postfix;
mod certificates_postfix;
mod connections;
mod copies;
mod copies_postfix;
mod delivery_postfix;
mod failures;
mod injection;
mod letters;
mod pictures;
#[cfg(test)]
mod postfix;
mod refusals_postfix;
mod reports;
mod security_postfix;
mod signatures;
mod signatures_postfix;
mod tokens;
mod urls;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use notifyhub_platforms::{
    contract::{Adapter, Envelope, EnvelopeId, Message, Parts},
    email::{Email, EmailConfig, Security},
    testkit::{ScriptedTransport, SmtpScript, TokioClock},
};

/// What an adapter is built from, on the machine's own clock.
fn parts() -> Parts {
    Parts { transport: Arc::new(ScriptedTransport::new()), clock: Arc::new(TokioClock), allow_private_networks: false }
}

fn build(config: EmailConfig) -> Email {
    Email::build(config, &parts()).expect("a good configuration")
}

/// The defaults, for a scripted server.
fn plain(server: &SmtpScript) -> EmailConfig {
    let mut config = EmailConfig::new("127.0.0.1", "alerts@example.org");
    config.port = Some(server.address().port());
    config.security = Security::None;
    config
}

/// An envelope whose id is fresh in this process and all others.
fn envelope(recipient: &str, message: Message) -> Envelope {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::UNIX_EPOCH.elapsed().map_or(0, |age| age.as_nanos());
    let id = (nanos << 32) | u128::from(std::process::id() << 12) << 8 | u128::from(COUNT.fetch_add(1, Ordering::Relaxed));
    Envelope {
        id: EnvelopeId::new(id),
        recipient: Some(recipient.into()),
        message: Arc::new(message),
        attempt: 1,
        correlation_id: None,
        accepted_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000),
    }
}
