//! Lines appended to files, `type = "file"`.
//!
//! One message is one line and one write to a file opened for appending, so lines of several writers, also in several
//! processes, never mix. A file that was moved away (logrotate) is noticed before the next write.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | [`FileConfig`]: the keys of its table, and `file://` URLs |
//! | `adapter` | [`FileLog`]: the traits |
//! | `place` | which file a message goes to |
//! | `appender` | open files: append, sync, stay below the root |
//! | `rotation` | when a file is moved aside, and how |
//! | `failure` | what a failed write means |

mod adapter;
mod appender;
mod config;
mod failure;
mod place;
mod rotation;

pub use adapter::FileLog;
pub use config::{FileConfig, FileFormat, Fsync};
