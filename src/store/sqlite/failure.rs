//! How a call of the database can fail, and what that means for the store.

use rusqlite::{ErrorCode, ffi};

use crate::store::{StoreError, codec::Damaged};

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The database says so.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// What it returned makes no sense.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The store says so itself.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Failure {
    pub fn damaged(what: String) -> Self {
        Self::Damaged(Damaged(what))
    }

    /// Whether what was written may or may not be on disk: nothing may be promised any more.
    pub fn is_fatal(&self) -> bool {
        let Self::Database(rusqlite::Error::SqliteFailure(error, _)) = self else { return false };
        matches!(
            error.extended_code,
            ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC | ffi::SQLITE_IOERR_TRUNCATE | ffi::SQLITE_IOERR_CLOSE
        )
    }

    /// Whether another program held the file for longer than is waited.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Database(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::DatabaseBusy)
    }

    /// Whether the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Database(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::DiskFull)
    }

    /// Whether it concerns the data that was read, not the database as a whole.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Database(rusqlite::Error::FromSqlConversionFailure(..) | rusqlite::Error::InvalidColumnType(..)) => true,
            Self::Database(rusqlite::Error::SqliteFailure(error, _)) => error.code == ErrorCode::DatabaseCorrupt,
            Self::Database(_) | Self::Store(_) => false,
        }
    }

    /// What the caller is told.
    pub fn told(self) -> StoreError {
        match self {
            Self::Store(error) => error,
            error if error.is_fatal() => StoreError::Broken(error.to_string()),
            error if error.is_full() => StoreError::DiskFull,
            Self::Database(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::DatabaseBusy => {
                StoreError::Unavailable("another program holds a lock on the database file; close it".to_owned())
            }
            Self::Database(error) => StoreError::Unavailable(error.to_string()),
            Self::Damaged(error) => StoreError::Unavailable(error.to_string()),
        }
    }
}
