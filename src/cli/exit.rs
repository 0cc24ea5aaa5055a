//! How a command ends.

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use crate::{StartError, config::ConfigErrors, store::OpenError};

/// The exit codes, as `--help` and the manual show them.
pub(super) const AFTER_HELP: &str = "\
Exit codes: 0 done, all delivered; 1 some targets failed; 2 usage; 65 bad input; 69 platform or server unreachable; \
70 bug, or threads blocked for good; 74 the store's disk failed; 75 accepted, but not finished in time; 77 refused; 78 configuration; \
130 interrupted";

/// What a command ends with. The numbers are those of sysexits.h where it has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// Everything was done; all was delivered.
    Done = 0,
    /// Some targets failed.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// What was to be sent makes no sense.
    BadInput = 65,
    /// A platform or a server cannot be reached.
    Unreachable = 69,
    /// A mistake of this program, or adapters that block too many of its threads for good: a new process is needed.
    Bug = 70,
    /// The disk of the store failed: what it kept of the last writes is not known, and a new process has to look.
    Disk = 74,
    /// Accepted, but not finished in the time that was given.
    Unfinished = 75,
    /// A platform or a server refuses the credentials.
    Refused = 77,
    /// The configuration is wrong.
    Config = 78,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// The configuration has mistakes. Exit 78.
    Config(ConfigErrors),
    /// Whoever read the output has enough. No failure: exit 0.
    Closed,
    /// Anything else, with its exit code and what to say.
    Other(Exit, String),
}

impl Failure {
    /// A failure with its exit code. The message is lower case, without a full stop, and says the way out.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Other(exit, message.into())
    }

    /// The code to exit with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Config,
            Self::Closed => Exit::Done,
            Self::Other(exit, _) => *exit,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(errors) => {
                let count = errors.mistakes().len();
                let mistakes = if count == 1 { "a mistake".to_owned() } else { format!("{count} mistakes") };
                write!(f, "{errors}\nerror: the configuration has {mistakes}")
            }
            Self::Closed => Ok(()),
            Self::Other(_, message) => write!(f, "error: {message}"),
        }
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors)
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Config(errors) => Self::Config(errors),
            StartError::Store(error @ OpenError::Disk { .. }) => Self::new(Exit::Disk, error.to_string()),
            StartError::Store(error @ OpenError::Owned { .. }) => Self::new(Exit::Unreachable, error.to_string()),
            other => Self::new(Exit::Config, other.to_string()),
        }
    }
}

/// Of writing to stdout.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::new(Exit::Failed, format!("cannot write the output: {error}")),
        }
    }
}

/// Says why, if there is something to say, and ends.
pub(super) fn end(ended: Result<Exit, Failure>) -> ExitCode {
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            note(&failure.to_string());
            failure.exit().into()
        }
    }
}

/// A line to stderr. If nobody reads it, nobody needs it.
pub(super) fn note(text: &str) {
    if !text.is_empty() {
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
