//! Slack's external upload: ask for an address, post the bytes there, share them in a channel
//! (<https://docs.slack.dev/messaging/working-with-files>).
//!
//! Bytes go up before the message, where a failure has been heard by nobody and can simply be tried again; they are
//! shared in the message's thread after it, where a failure must not undo what was delivered.

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};

use super::{Posted, Slack, errors};
use crate::{
    contract::{AttachmentContent, Endpoint, Envelope, ErrorKind, HttpRequest, Receipt, SendError},
    http::verdict,
};

/// A file whose bytes Slack has, and nobody sees yet.
pub(super) struct Uploaded {
    id: String,
    title: String,
}

impl Slack {
    /// Uploads all attachments that are bytes.
    pub(super) async fn upload(&self, envelope: &Envelope) -> Result<Vec<Uploaded>, SendError> {
        let mut uploaded = Vec::new();
        for attachment in &envelope.message.extras().attachments {
            if let AttachmentContent::Bytes(bytes) = &attachment.content {
                let id = self.upload_one(&attachment.name, bytes).await.map_err(unheard)?;
                uploaded.push(Uploaded { id, title: attachment.name.clone() });
            }
        }
        Ok(uploaded)
    }

    async fn upload_one(&self, name: &str, bytes: &Bytes) -> Result<String, SendError> {
        let form = [("filename", name), ("length", &bytes.len().to_string())];
        let answer = self.carry(self.form_request("files.getUploadURLExternal", &form)).await?;
        let answer = errors::web_api(&answer, self.clock.wall())?;
        let (Some(url), Some(id)) = (answer["upload_url"].as_str(), answer["file_id"].as_str()) else {
            return Err(SendError::unexpected("slack gave no address to upload to"));
        };
        let mut request = HttpRequest::new(Method::POST, Endpoint::new(url));
        request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        request.body = bytes.clone();
        request.network = self.network;
        verdict::check_status(&self.carry(request).await?, self.clock.wall())?;
        Ok(id.to_owned())
    }

    /// Shows the uploaded files in the thread of the message. The message was delivered whatever comes of this; the
    /// receipt tells.
    pub(super) async fn share(&self, files: Vec<Uploaded>, posted: Posted) -> Receipt {
        let receipt = posted.receipt();
        if files.is_empty() {
            return receipt;
        }
        let detail = receipt.detail.clone().unwrap_or_default();
        match self.try_share(&files, &posted).await {
            Ok(()) => receipt.detail(format!("{detail}, files: {}", files.len())),
            Err(error) => receipt.detail(format!("{detail}, files not shown: {error}")),
        }
    }

    async fn try_share(&self, files: &[Uploaded], posted: &Posted) -> Result<(), SendError> {
        let files: Vec<Value> = files.iter().map(|file| json!({"id": file.id, "title": file.title})).collect();
        let thread = posted.thread.as_ref().or(posted.ts.as_ref());
        let body = json!({"files": files, "channel_id": posted.channel, "thread_ts": thread});
        let answer = self.carry(self.api_request("files.completeUploadExternal", body.to_string().into())).await?;
        errors::web_api(&answer, self.clock.wall()).map(drop)
    }
}

/// For calls before the message: nobody has heard anything, so a lost one is no ambiguous delivery.
pub(super) fn unheard(error: SendError) -> SendError {
    if error.kind() != ErrorKind::Ambiguous {
        return error;
    }
    let unheard = SendError::unavailable(error.reason()).with_retry_after(error.retry_after());
    match error.code() {
        Some(code) => unheard.with_code(code),
        None => unheard,
    }
}
