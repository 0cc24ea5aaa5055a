//! Log lines, to stderr, as `[telemetry]` says. Only the command installs them; the library installs nothing.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, fmt};

use super::{Exit, Failure, context::color_wanted};
use crate::config::{Loaded, LogFormat};

/// Writes log lines from now on.
///
/// # Errors
///
/// When `telemetry.log` is no filter.
pub(super) fn install(loaded: &Loaded) -> Result<(), Failure> {
    let config = &loaded.config.telemetry;
    let filter = EnvFilter::try_new(&config.log).map_err(|error| {
        let place = loaded.entry("telemetry.log").map(|entry| entry.origin.to_string()).unwrap_or_default();
        Failure::new(
            Exit::Config,
            format!("{place}: `telemetry.log`: {error}, expected a level or filters such as \"info,notifyhub=debug\""),
        )
    })?;
    let lines = fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second configuration in one process keeps the first one's log lines.
    let _ = match config.log_format {
        LogFormat::Text => lines.with_ansi(io::stderr().is_terminal() && color_wanted()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}
