//! Log lines, to stderr, as `[telemetry]` says. Only the command installs them; the library installs nothing.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use super::{Exit, Failure, context::color_wanted};
use crate::config::{LogFormat, TelemetryConfig};

/// Writes log lines from now on.
///
/// # Errors
///
/// When `telemetry.log` is no filter.
pub(super) fn install(config: &TelemetryConfig) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| {
        let expected = "expected a level (error, warn, info, debug, trace) or filters such as \"info,notifyhub=debug\"";
        Failure::new(Exit::Config, format!("`telemetry.log` = {:?}: {error}, {expected}", config.log))
    })?;
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second configuration in one process keeps the first one's log lines.
    let _ = match config.log_format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal() && color_wanted()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}
