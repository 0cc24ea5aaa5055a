//! Chat platforms.
//!
//! | file | platform |
//! |---|---|
//! | `slack` | Slack: incoming webhooks, workflow triggers, the Web API |

mod slack;

pub use slack::{Layout as SlackLayout, Slack, SlackConfig};
