//! Who is pinged: the text that names them, and the list that lets it.

use serde_json::{Value, json};

use super::config::{MentionKind, is_snowflake};
use crate::contract::{Mention, SendError};

/// Most users, and most roles, of one message.
const IDS_MAX: usize = 100;

/// The mentions of one message.
#[derive(Default)]
pub(super) struct Pings {
    /// Goes into the content; mentions in embeds never ping.
    pub(super) text: String,
    users: Vec<String>,
    roles: Vec<String>,
    everyone: bool,
}

impl Pings {
    /// Those of `mentions` that are allowed.
    ///
    /// # Errors
    ///
    /// An invalid message where an id is no Discord id, or there are more than Discord takes.
    pub(super) fn of(mentions: &[Mention], allowed: &[MentionKind]) -> Result<Self, SendError> {
        let mut pings = Self::default();
        let mut words = Vec::new();
        for mention in mentions.iter().filter(|mention| allowed.contains(&kind(mention))) {
            match mention {
                Mention::User(id) => {
                    words.push(format!("<@{}>", checked(id)?));
                    pings.users.push(id.clone());
                }
                Mention::Group(id) => {
                    words.push(format!("<@&{}>", checked(id)?));
                    pings.roles.push(id.clone());
                }
                Mention::Everyone => {
                    words.push("@everyone".to_owned());
                    pings.everyone = true;
                }
                Mention::Here => {
                    words.push("@here".to_owned());
                    pings.everyone = true;
                }
            }
        }
        for ids in [&mut pings.users, &mut pings.roles] {
            ids.sort_unstable();
            ids.dedup();
        }
        pings.text = words.join(" ");
        let is_over =
            pings.users.len() > IDS_MAX || pings.roles.len() > IDS_MAX || pings.text.len() > super::payload::CONTENT.max;
        if is_over { Err(SendError::invalid_message("more mentions than discord takes in one message")) } else { Ok(pings) }
    }

    /// `allowed_mentions`: nobody but these.
    pub(super) fn allowed(&self) -> Value {
        let mut allowed = json!({"parse": if self.everyone { vec!["everyone"] } else { vec![] }});
        for (key, ids) in [("users", &self.users), ("roles", &self.roles)] {
            if !ids.is_empty() {
                allowed[key] = json!(ids);
            }
        }
        allowed
    }
}

fn kind(mention: &Mention) -> MentionKind {
    match mention {
        Mention::User(_) => MentionKind::Users,
        Mention::Group(_) => MentionKind::Roles,
        Mention::Everyone | Mention::Here => MentionKind::Everyone,
    }
}

fn checked(id: &str) -> Result<&str, SendError> {
    if is_snowflake(id) {
        return Ok(id);
    }
    Err(SendError::invalid_message("a mention on discord names the id of a user or a role: 15 to 20 digits"))
}
