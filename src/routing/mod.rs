//! From what a caller wrote as a target to the platform, recipient and lane it means.
//!
//! | file | what it holds |
//! |---|---|
//! | `directory` | [`Directory`]: the platforms, groups and routes there are |
//! | `resolve` | [`resolve`]: targets to routes, or every mistake in them |

mod directory;
mod resolve;

pub use directory::{Directory, PlatformEntry, SharedDirectory};
pub use resolve::{Further, Route, TargetMistake, resolve};
