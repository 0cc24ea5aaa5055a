//! `[telemetry]`: logs and metrics.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Logs, which go to stderr, and metrics.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Which events are logged: a level (`error`, `warn`, `info`, `debug`, `trace`) or filters such as
    /// `info,notifyhub=debug`. Default: `info`.
    #[schemars(extend("x-format" = "log-filter"))]
    pub log: String,
    /// How log lines are written. Default: text.
    pub log_format: LogFormat,
    /// Where `notifyhub send` and `serve` answer `GET /metrics` for Prometheus while they run: an address with a port, such
    /// as `127.0.0.1:9464`. Default: empty, nowhere; `serve` also answers it at `server.listen`.
    #[schemars(extend("x-format" = "listen"))]
    pub prometheus_listen: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        Self { log: "info".into(), log_format: LogFormat::default(), prometheus_listen: String::new() }
    }
}
