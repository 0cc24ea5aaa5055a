//! How a call of the server can fail, what is tried again, and what callers are told.

use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

use crate::store::{StoreError, codec::Damaged};

/// How long a call is tried again whose connection was lost.
const RETRY_FOR: Duration = Duration::from_secs(5);

/// The first wait before a call is tried again; each is twice as long as the one before.
const RETRY_WAIT: Duration = Duration::from_millis(20);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server says so, or the connection to it was lost.
    #[error("{}", described(.0))]
    Database(#[from] tokio_postgres::Error),
    /// There is no connection to be had.
    #[error("{}", pool(.0))]
    Pool(#[from] PoolError),
    /// It does not answer in time.
    #[error("the server does not answer within {} s", super::core::CALL_TIMEOUT.as_secs())]
    Slow,
    /// What it returned makes no sense.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The store says so itself.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure {
    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Database(error) | Self::Pool(PoolError::Backend(error)) => error.code(),
            _ => None,
        }
    }

    /// Whether its connection is not to be used again: it is lost, or leads to a server that cannot write.
    pub fn spoils_connection(&self) -> bool {
        match self {
            Self::Slow => true,
            Self::Database(error) => {
                error.code().is_none_or(|code| is_out_of_service(code) || *code == SqlState::READ_ONLY_SQL_TRANSACTION)
            }
            Self::Pool(_) | Self::Damaged(_) | Self::Store(_) => false,
        }
    }

    /// Whether another try may succeed at once: somebody was in the way, or the connection was lost.
    fn is_passing(&self) -> bool {
        match self {
            Self::Database(error) => error.code().is_none_or(|code| {
                is_out_of_service(code) || [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE].contains(code)
            }),
            Self::Pool(PoolError::Backend(error)) => error.code().is_none_or(is_out_of_service),
            _ => false,
        }
    }

    /// Whether it is the server or the way to it that fails, not what was asked.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Slow | Self::Pool(_) => true,
            Self::Database(error) => {
                error.code().is_none_or(|code| is_out_of_service(code) || *code == SqlState::READ_ONLY_SQL_TRANSACTION)
            }
            Self::Damaged(_) | Self::Store(_) => false,
        }
    }

    /// What the caller is told.
    pub fn told(self) -> StoreError {
        match self.code() {
            Some(code) if *code == SqlState::DISK_FULL => StoreError::DiskFull,
            Some(code) if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                StoreError::Unavailable("the server is read-only: a standby, or it was set so".to_owned())
            }
            Some(code) if *code == SqlState::CHARACTER_NOT_IN_REPERTOIRE || *code == SqlState::UNTRANSLATABLE_CHARACTER => {
                StoreError::Unstorable("PostgreSQL keeps no NUL character in text; leave it out".to_owned())
            }
            _ => match self {
                Self::Store(error) => error,
                error => StoreError::Unavailable(error.to_string()),
            },
        }
    }
}

/// Whether the server ends connections, or takes none.
fn is_out_of_service(code: &SqlState) -> bool {
    ["08", "57P", "53300"].iter().any(|class| code.code().starts_with(class))
}

/// What the server said, with the hint it gave.
pub fn described(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(said) => format!("{} ({})", said.message(), said.code().code()),
        None => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let told = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
            let hint = "; trust its certificate with `?sslrootcert=FILE` in the URL, or, on a network nobody reads, use `?sslmode=disable`";
            if told.contains("certificate") { told + hint } else { told }
        }
    }
}

fn pool(error: &PoolError) -> String {
    match error {
        PoolError::Backend(error) => described(error),
        PoolError::Timeout(_) => "no connection to the server came free, or could be made, in time".to_owned(),
        other => other.to_string(),
    }
}

/// How often and when a call is tried again.
#[derive(Debug, Default)]
pub struct Tries {
    waited: Duration,
    wait: Option<Duration>,
}

impl Tries {
    /// How long to wait before the next try; `None` if there is to be none.
    pub fn next(&mut self, failure: &Failure) -> Option<Duration> {
        if !failure.is_passing() || self.waited >= RETRY_FOR {
            return None;
        }
        let wait = self.wait.map_or(RETRY_WAIT, |wait| (wait * 2).min(Duration::from_secs(1)));
        self.wait = Some(wait);
        self.waited += wait;
        Some(wait)
    }
}
