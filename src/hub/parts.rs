//! What adapters are handed, made when the first adapter needs it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use notifyhub_platforms::{
    contract::{ConfigError, Parts, Transport},
    http::{ReqwestTransport, TransportConfig},
};

use crate::{clock::Clock, config::Config};

/// Longest time to wait for a connection.
const CONNECT_TIMEOUT_MAX: Duration = Duration::from_secs(5);

/// Makes the HTTP client once, and only where something needs it: reading the system's root certificates takes time.
pub struct PartsSource {
    transport: OnceLock<Result<Arc<dyn Transport>, ConfigError>>,
    client: TransportConfig,
    clock: Arc<dyn Clock>,
}

impl PartsSource {
    /// Hands out `transport`, or a client that fits the timeouts of `config`.
    pub fn new(transport: Option<Arc<dyn Transport>>, clock: Arc<dyn Clock>, config: &Config) -> Self {
        let given = OnceLock::new();
        if let Some(transport) = transport {
            let _ = given.set(Ok(transport));
        }
        Self { transport: given, client: client(config), clock }
    }

    /// The parts.
    pub fn get(&self) -> Result<Parts, ConfigError> {
        let transport = self.transport.get_or_init(|| match ReqwestTransport::new(self.client.clone()) {
            Ok(client) => Ok(Arc::new(client)),
            Err(error) => Err(ConfigError::new(format!("cannot make the HTTP client: {error}"))),
        });
        Ok(Parts { transport: transport.clone()?, clock: self.clock.clone(), allow_private_networks: false })
    }
}

/// The worker's deadline ends a send. A connection must be made in at most half of the shortest, so that one that fails
/// is known not to have sent.
fn client(config: &Config) -> TransportConfig {
    let timeouts = config.platforms.values().map(|platform| platform.delivery.timeout).chain([config.delivery.timeout]);
    let shortest = timeouts.min().unwrap_or_default();
    TransportConfig { connect_timeout: (shortest / 2).min(CONNECT_TIMEOUT_MAX), timeout: None, ..TransportConfig::default() }
}
