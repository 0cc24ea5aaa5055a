//! Recipients named by mail address: Slack is asked once who that is
//! (<https://docs.slack.dev/reference/methods/users.lookupByEmail>).

use super::{Slack, errors, files::unheard};
use crate::contract::{LimitScope, SendError};

/// Whether `recipient` is a mail address; nothing else that Slack knows has an `@` inside.
pub(super) fn is_mail_address(recipient: &str) -> bool {
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | '"' | '@');
    recipient
        .split_once('@')
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !user.contains(is_bad) && !host.contains(is_bad))
}

impl Slack {
    /// The id of the user with this address, remembered as long as the process lives.
    pub(super) async fn user_of(&self, address: &str) -> Result<String, SendError> {
        let slot = self.users.slot(&address.to_lowercase());
        let mut known = slot.lock().await;
        if let Some(id) = &*known {
            return Ok(id.clone());
        }
        let id = self.look_up(address).await.map_err(unheard)?;
        *known = Some(id.clone());
        Ok(id)
    }

    async fn look_up(&self, address: &str) -> Result<String, SendError> {
        let answer = self.carry(self.form_request("users.lookupByEmail", &[("email", address)])).await?;
        // Its limit is one for all who are looked up.
        let answer = errors::web_api(&answer, self.clock.wall()).map_err(|error| error.with_scope(LimitScope::Lane))?;
        answer["user"]["id"].as_str().map(str::to_owned).ok_or_else(|| SendError::unexpected("slack named no user"))
    }
}
