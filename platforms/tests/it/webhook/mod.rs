//! The webhook adapter: bytes on the wire, verdicts, configuration.

mod batches;
mod cloudevents;
mod configuration;
mod handshake;
mod identity;
mod recipients;
mod templates;
mod verdicts;
mod wire;

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime},
};

use async_trait::async_trait;
use notifyhub_platforms::{
    Platform, Registry,
    contract::{Clock, ConfigError, Envelope, EnvelopeId, Message, Parts},
    http::{ReqwestTransport, TransportConfig},
    testkit::{self, Answer, FaultServer, FixedClock, RecordedRequest},
};
use serde_json::{Value, json};

const NOW: u64 = 1_700_000_000;
const ID: &str = "0192f0c1-2345-7abc-8def-0123456789ab";
const SIGNING_SECRET: &str = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=";

fn wall() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(NOW)
}

fn parts() -> Parts {
    let transport = ReqwestTransport::new(TransportConfig::default()).expect("root certificates");
    Parts { transport: Arc::new(transport), clock: Arc::new(FixedClock::at_unix(NOW)), allow_private_networks: true }
}

/// A clock that is moved by hand.
struct MovedClock {
    start: FixedClock,
    moved: Mutex<Duration>,
}

impl MovedClock {
    fn new() -> Arc<Self> {
        Arc::new(Self { start: FixedClock::at_unix(NOW), moved: Mutex::default() })
    }

    fn forward(&self, by: Duration) {
        *self.moved.lock().expect("nobody panics with it") += by;
    }

    fn moved(&self) -> Duration {
        *self.moved.lock().expect("nobody panics with it")
    }
}

#[async_trait]
impl Clock for MovedClock {
    fn now(&self) -> Instant {
        self.start.now() + self.moved()
    }

    fn wall(&self) -> SystemTime {
        self.start.wall() + self.moved()
    }

    async fn sleep_until(&self, _: Instant) {
        std::future::pending::<()>().await;
    }
}

/// Parts as an engine passes them: nothing is trusted that the table does not allow.
fn strict_parts() -> Parts {
    Parts { allow_private_networks: false, ..parts() }
}

fn build(table: Value, parts: &Parts) -> Result<Arc<dyn Platform>, ConfigError> {
    Registry::builtin().build("webhook", table, parts)
}

fn envelope(message: Message) -> Envelope {
    Envelope {
        id: EnvelopeId::new(0x0192_f0c1_2345_7abc_8def_0123_4567_89ab),
        accepted_at: wall() - Duration::from_millis(1500),
        ..testkit::envelope(None, message)
    }
}

/// The table with the server's URL in it.
fn table(server: &FaultServer, mut keys: Value) -> Value {
    keys["url"] = json!(server.url("/hook"));
    keys
}

/// What arrives when a platform of this table sends `envelope`.
async fn arrives(keys: Value, envelope: &Envelope) -> RecordedRequest {
    let server = FaultServer::start().await;
    server.otherwise(Answer::new(204));
    let platform = build(table(&server, keys), &parts()).expect("a webhook");
    platform.send(envelope).await.expect("accepted");
    server.requests().pop().expect("one request")
}
