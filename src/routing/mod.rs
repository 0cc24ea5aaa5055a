//! From what a caller wrote as a target to the platform, recipient and lane it means.
//!
//! | file | what it holds |
//! |---|---|
//! | `blocking` | platforms whose calls are made on threads of their own |
//! | `directory` | [`Directory`]: the platforms, groups and routes there are |
//! | `resolve` | [`resolve`]: targets to routes, or every mistake in them |

mod blocking;
mod directory;
mod resolve;

pub use directory::{Directory, PlatformEntry, SharedDirectory};
pub use resolve::{Further, Route, TargetMistake, resolve};
