//! The promises of the engine and of the command, as stories.

#[cfg(feature = "cli")]
mod demo;
mod engine;
#[cfg(feature = "cli")]
mod send;
