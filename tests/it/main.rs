//! The promises of the engine and of the command, as stories.

mod engine;
