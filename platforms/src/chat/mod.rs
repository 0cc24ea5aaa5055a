//! Chat platforms.
//!
//! | folder | platform |
//! |---|---|
//! | `slack` | Slack: incoming webhooks, workflow triggers, the Web API |
//! | `discord` | Discord: webhooks |

pub mod discord;
pub mod slack;

pub use discord::Discord;
pub use slack::Slack;
