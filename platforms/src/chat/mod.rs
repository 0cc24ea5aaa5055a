//! Chat platforms.
//!
//! | folder | platform |
//! |---|---|
//! | `slack` | Slack: incoming webhooks, workflow triggers, the Web API |
//! | `discord` | Discord: webhooks and bots |
//!
//! `memory` is what they remember by key: threads that were opened, users that were looked up.

pub mod discord;
mod memory;
pub mod slack;

pub use discord::Discord;
pub use slack::Slack;
