//! Which thread a message belongs to: the first message of a key opens it, later ones reply to that message.

use super::{
    Posted, Slack,
    form::Form,
    payload::{has_raw, thread_ts},
};
use crate::contract::{Envelope, SendError};

impl Slack {
    /// Posts the message where it belongs: into the thread its key names or has opened, else into the channel.
    pub(super) async fn post_message(&self, envelope: &Envelope, channel: Option<&str>) -> Result<Posted, SendError> {
        match (thread_ts(&envelope.message), channel, self.thread_key(envelope)) {
            (None, Some(channel), Some(key)) => self.post_by_key(envelope, channel, &key).await,
            (thread, _, _) => self.post(envelope, channel, Form::first(&self.config, &envelope.message, thread)).await,
        }
    }

    /// The message's own key, else the one that `thread_by` makes; none where Slack tells no `ts` to reply to, or where
    /// the caller named the thread in Slack's words.
    fn thread_key(&self, envelope: &Envelope) -> Option<String> {
        if !self.is_web_api() || has_raw(&envelope.message, "thread_ts") {
            return None;
        }
        let own = envelope.message.extras().thread_key.as_deref().map(str::trim).filter(|key| !key.is_empty());
        own.map(str::to_owned).or_else(|| self.thread_by.as_ref()?.key(envelope))
    }

    /// Replies in the thread the key has opened in this channel, or opens it. Only opening takes turns. A message whose
    /// thread is gone goes into the channel, and opens the next one.
    async fn post_by_key(&self, envelope: &Envelope, channel: &str, key: &str) -> Result<Posted, SendError> {
        let slot = self.threads.slot(&format!("{channel}\n{key}"));
        let mut open = slot.lock().await;
        let Some(thread) = open.clone() else {
            let posted = self.post(envelope, Some(channel), Form::first(&self.config, &envelope.message, None)).await?;
            open.clone_from(&posted.ts);
            return Ok(posted);
        };
        drop(open);
        let posted = self.post(envelope, Some(channel), Form::first(&self.config, &envelope.message, Some(&thread))).await?;
        if posted.thread.is_none() {
            let mut open = slot.lock().await;
            if open.as_ref() == Some(&thread) {
                open.clone_from(&posted.ts);
            }
        }
        Ok(posted)
    }
}
