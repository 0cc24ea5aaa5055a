//! Signatures over webhooks, so that a receiver knows who sent them: Standard Webhooks 1.0.0 and the older
//! `X-Hub-Signature-256`.
//!
//! Signed is `{id}.{timestamp}.{body}`, the exact bytes that travel. A receiver checks any one entry of the header, so
//! a key is rotated by signing with the old and the new one for a while.
//!
//! | file | what it holds |
//! |---|---|
//! | `sign` | [`SigningKey`] and [`sign`]; [`HubKey`] |
//! | `verify` | [`VerifyingKey`] and [`verify`], for receivers |

mod sign;
#[cfg(test)]
mod tests;
mod verify;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use http::HeaderName;

pub use sign::{HubKey, SigningKey, sign};
pub use verify::{SignatureError, TOLERANCE, VerifyingKey, verify};

/// The header with the message's id, the same for all attempts.
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
/// The header with the time of the attempt, in Unix seconds.
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
/// The header with the signatures, separated by spaces.
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
/// The header of [`HubKey`].
pub const HUB_SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");

/// Standard base64 that reads keys with and without padding, as both are handed out.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// The bytes of a key written as `{prefix}{base64}`.
fn key_bytes(written: &str, prefix: &str) -> Option<Vec<u8>> {
    BASE64.decode(written.strip_prefix(prefix)?).ok()
}
