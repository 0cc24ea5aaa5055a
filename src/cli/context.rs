//! What every command is given.

use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    sync::Arc,
};

use clap::{ArgAction, Args};
use notifyhub_platforms::{
    Registry,
    contract::Parts,
    http::{ReqwestTransport, TransportConfig},
};

use super::{Exit, Failure, Format, exit::note, log, output::Output};
use crate::{
    clock::SystemClock,
    config::{self, Accounts, Flag, Loaded, LogFormat, Origin, Sources},
};

const CONFIG_HELP: &str = "Configuration file; repeatable, a later one overrides an earlier one [default: $NOTIFYHUB_CONFIG, else \
    ./notifyhub.toml, ~/.config/notifyhub/notifyhub.toml or /etc/notifyhub/notifyhub.toml]";

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Global {
    /// The configuration files that were named.
    #[arg(short, long, global = true, value_name = "FILE", action = ArgAction::Append, help = CONFIG_HELP)]
    pub config: Vec<PathBuf>,
    /// How to print lists
    #[arg(short, long, global = true, value_name = "FORMAT", value_enum, default_value_t = Format::Table)]
    pub output: Format,
    /// Log more: once for debug, twice for everything
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub verbose: u8,
    /// Log errors only, and show no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// How to write log lines, to stderr
    #[arg(long, global = true, value_name = "FORMAT", value_enum)]
    pub log_format: Option<LogFormat>,
}

/// The registry, the flags, and what follows from them.
#[derive(Debug)]
pub struct Context {
    /// The platform types there are.
    pub registry: Registry,
    /// The flags.
    pub global: Global,
}

impl Context {
    /// What a command is given.
    pub fn new(registry: Registry, global: Global) -> Self {
        Self { registry, global }
    }

    /// Where the configuration comes from.
    pub fn sources(&self) -> Sources {
        let mut flags = Vec::new();
        let level = match (self.global.quiet, self.global.verbose) {
            (true, _) => Some(("--quiet", "error")),
            (false, 0) => None,
            (false, 1) => Some(("--verbose", "debug")),
            (false, _) => Some(("--verbose", "trace")),
        };
        flags.extend(level.map(|(name, level)| Flag::new(name, "telemetry", "log", level)));
        let format = self.global.log_format.map(|format| serde_json::to_value(format).unwrap_or_default());
        flags.extend(format.map(|format| Flag::new("--log-format", "telemetry", "log_format", format)));
        Sources::from_process(&self.global.config, flags)
    }

    /// The configuration, without its secrets. Warnings go to stderr, and log lines from now on.
    ///
    /// # Errors
    ///
    /// All its mistakes.
    pub fn load(&self) -> Result<Loaded, Failure> {
        let loaded = config::load(&self.sources(), &self.registry)?;
        self.begin(&loaded)?;
        Ok(loaded)
    }

    /// The same, but what is logged is `log` unless somebody says otherwise.
    ///
    /// # Errors
    ///
    /// All its mistakes.
    pub fn load_and_log(&self, log: &str) -> Result<Loaded, Failure> {
        let mut loaded = config::load(&self.sources(), &self.registry)?;
        if loaded.entry("telemetry.log").is_some_and(|entry| entry.origin == Origin::Default) {
            loaded.config.telemetry.log = log.into();
        }
        self.begin(&loaded)?;
        Ok(loaded)
    }

    /// The configuration and its platforms, ready to send. Must be called on a runtime.
    ///
    /// # Errors
    ///
    /// All its mistakes, what adapters refuse among them.
    pub fn load_and_build(&self) -> Result<(Loaded, Accounts), Failure> {
        let transport = ReqwestTransport::new(TransportConfig::default())
            .map_err(|error| Failure::new(Exit::Unreachable, format!("cannot make the HTTP client: {error}")))?;
        let parts = Parts { transport: Arc::new(transport), clock: Arc::new(SystemClock::new()), allow_private_networks: false };
        let (loaded, accounts) = config::load_and_build(&self.sources(), &self.registry, &parts)?;
        self.begin(&loaded)?;
        Ok((loaded, accounts))
    }

    fn begin(&self, loaded: &Loaded) -> Result<(), Failure> {
        log::install(loaded)?;
        if !self.global.quiet {
            loaded.warnings.iter().for_each(|warning| note(&format!("warning: {warning}")));
        }
        Ok(())
    }

    /// Stdout, in the format that was asked for.
    pub fn output(&self) -> Output<io::StdoutLock<'static>> {
        let stdout = io::stdout();
        let color = stdout.is_terminal() && color_wanted();
        Output::new(stdout.lock(), self.global.output, color)
    }
}

/// <https://no-color.org>: a variable that is not empty switches colours off.
pub(super) fn color_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
