//! Lines appended to files, `type = "file"`.
//!
//! One message is one line and one write to a file opened for appending, so lines of several writers, also in several
//! processes, never mix. A file that was moved away (logrotate) is noticed before the next write.
//!
//! | file | what it does |
//! |---|---|
//! | `config` | [`FileConfig`]: the keys of its table, and `file://` URLs |
//! | `adapter` | [`FileLog`]: the traits |
//! | `appender` | open files: append, sync, rotate |

mod adapter;
mod appender;
mod config;

pub use adapter::FileLog;
pub use config::{FileConfig, FileFormat, Fsync};
