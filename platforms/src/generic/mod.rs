//! Platforms of no vendor.
//!
//! | folder or file | what it speaks to |
//! |---|---|
//! | `webhook` | any URL, by signed HTTP requests |
//! | `file` | files, one line per message |
//! | `console` | standard output and standard error |
//! | `record` | what they have in common: a message as JSON or as a line |

pub mod console;
pub mod file;
mod record;
pub mod webhook;
