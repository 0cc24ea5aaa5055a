//! The promises of the engine and of the command, as stories.

mod api;
mod cli;
mod command;
mod config;
mod crash;
mod demo;
mod engine;
mod metrics;
mod pool;
mod send;
mod serve;
mod sim;
mod store;
mod strace;
