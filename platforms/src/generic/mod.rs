//! Platforms of no vendor.
//!
//! | folder or file | what it speaks to |
//! |---|---|
//! | `webhook` | any URL, by signed HTTP requests |
//! | `file` | files, one line per message |
//! | `console` | standard output and standard error |
//! | `record` | what they have in common: a message as JSON or as a line |
//! | `template` | what they have in common: texts with `{placeholders}` |

pub mod console;
pub mod file;
mod record;
mod template;
pub mod webhook;
