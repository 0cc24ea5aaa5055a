//! What a command that delivers answers over HTTP while it does.

use std::{convert::Infallible, io};

use axum::Router;

use super::{Exit, Failure};
use crate::{
    Hub,
    clock::SystemClock,
    config::Loaded,
    server::{Metrics, Server, api},
};

/// The listeners of this process, and its recorder if anybody may ask for numbers.
pub(super) struct Listeners {
    metrics: Option<Metrics>,
    prometheus: Option<Server>,
    api: Option<Server>,
}

impl Listeners {
    /// Those that the configuration asks for; the API is for `serve` alone. To be made before the hub starts, so that no number
    /// is missed. Where another process listens already nothing is answered: what is to be delivered does not wait for that.
    ///
    /// # Errors
    ///
    /// When an address cannot be listened on for another reason.
    pub(super) async fn bind(loaded: &Loaded, serves: bool) -> Result<Self, Failure> {
        let (telemetry, server) = (&loaded.config.telemetry, &loaded.config.server);
        let prometheus = listen("telemetry.prometheus_listen", &telemetry.prometheus_listen, "metrics").await?;
        let api = if serves { listen("server.listen", &server.listen, "the API").await? } else { None };
        let metrics = match prometheus.is_some() || api.is_some() {
            true => Some(Metrics::install().map_err(|error| Failure::new(Exit::Bug, error.to_string()))?),
            false => None,
        };
        Ok(Self { metrics, prometheus, api })
    }

    /// Answers until it is dropped, the API for `hub`.
    pub(super) async fn answer(self, hub: Option<Hub>) -> Infallible {
        if let Some(metrics) = self.metrics {
            let clock = SystemClock::new();
            let api = async {
                if let Some(hub) = hub {
                    answered("the API", self.api, api(hub, &metrics)).await;
                }
            };
            tokio::join!(api, answered("metrics", self.prometheus, metrics.routes()), metrics.keep_up(&clock));
        }
        std::future::pending().await
    }
}

/// A listener at an address of the configuration; nothing where that is empty.
async fn listen(key: &str, address: &str, what: &str) -> Result<Option<Server>, Failure> {
    let Ok(socket) = address.parse() else { return Ok(None) };
    match Server::bind(socket).await {
        Ok(server) => {
            tracing::info!("answering {what} at http://{}", server.address()?);
            Ok(Some(server))
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            tracing::warn!("not answering {what} of this process: another listens on {address} (`{key}`)");
            Ok(None)
        }
        Err(error) => Err(Failure::new(Exit::Config, format!("cannot answer {what} on {address}, `{key}`: {error}"))),
    }
}

async fn answered(what: &str, server: Option<Server>, routes: Router) {
    let Some(server) = server else { return };
    if let Err(error) = server.run(routes).await {
        tracing::error!(%error, "no longer answering {what}");
    }
}
