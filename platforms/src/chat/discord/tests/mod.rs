//! Discord's promises, without a network.

mod answers;
mod bot;
mod config;
mod forum;
mod layout;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Discord, DiscordConfig, MentionKind};
use crate::{
    contract::{Adapter, Envelope, EnvelopeId, Message, Parts, Secret},
    http::Protocol,
    testkit::{FixedClock, ScriptedTransport, envelope},
};

const HOOK: &str = "https://discord.com/api/webhooks/1180000000000000001/s3cret-s3cret";
const THREAD: &str = "1180000000000000009";
const USER: &str = "1180000000000000002";

fn parts(transport: &ScriptedTransport) -> Parts {
    let clock = Arc::new(FixedClock::at_unix(1_700_000_000));
    Parts { transport: Arc::new(transport.clone()), clock, allow_private_networks: false }
}

fn hook() -> DiscordConfig {
    DiscordConfig::new(Secret::new(HOOK))
}

fn discord(config: DiscordConfig) -> Discord {
    Discord::build(config, &parts(&ScriptedTransport::new())).expect("a valid configuration")
}

/// What `config` makes of `message`: URL and JSON.
fn sent(config: DiscordConfig, message: Message) -> (String, Value) {
    let request = discord(config).request(&envelope(None, message)).expect("a request");
    (request.url.expose().to_owned(), serde_json::from_slice(&request.body).expect("JSON"))
}

fn payload(message: Message) -> Value {
    sent(hook(), message).1
}
