//! Local sinks: files and the console, with real files and real pipes.

mod console;
mod file;
mod place;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use notifyhub_platforms::{
    contract::{Envelope, EnvelopeId, Message, Parts},
    testkit::{self, ScriptedTransport, TokioClock},
};

const HOSTILE: &str = "a\nb\r\u{1b}[2Jc\u{9b}31m\u{2028}\u{202e}\0 \\n \u{7}é🎉";

fn parts(is_operator: bool) -> Parts {
    Parts { transport: Arc::new(ScriptedTransport::new()), clock: Arc::new(TokioClock), allow_private_networks: is_operator }
}

fn envelope(id: u128, message: Message) -> Envelope {
    Envelope {
        id: EnvelopeId::new(id),
        correlation_id: Some("c-1".into()),
        accepted_at: SystemTime::UNIX_EPOCH + Duration::from_millis(1_790_000_000_250),
        ..testkit::envelope(None, message)
    }
}
