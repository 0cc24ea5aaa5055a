//! The receiving half.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use base64::Engine as _;
use http::{HeaderMap, HeaderName};
use ring::{
    hmac,
    signature::{ED25519, UnparsedPublicKey},
};

use super::{BASE64, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, key_bytes};
use crate::contract::{ConfigError, Secret};

/// How far the timestamp of a webhook may be from now, in either direction.
pub const TOLERANCE: Duration = Duration::from_secs(5 * 60);

/// A key that checks signatures: `whsec_…` or `whpk_…`.
pub struct VerifyingKey(Key);

enum Key {
    Symmetric(hmac::Key),
    Asymmetric(UnparsedPublicKey<Vec<u8>>),
}

impl VerifyingKey {
    /// Reads a key: 24 to 64 bytes in base64 after `whsec_`, or the 32 bytes of a public key after `whpk_`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] that shows both forms, never the key.
    pub fn parse(secret: &Secret) -> Result<Self, ConfigError> {
        let written = secret.expose();
        let symmetric = key_bytes(written, "whsec_").filter(|bytes| (24..=64).contains(&bytes.len()));
        let asymmetric = key_bytes(written, "whpk_").filter(|bytes| bytes.len() == 32);
        match (symmetric, asymmetric) {
            (Some(bytes), _) => Ok(Self::symmetric(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
            (None, Some(bytes)) => Ok(Self::asymmetric(&bytes)),
            (None, None) => Err(ConfigError::new(
                "not a verifying key, expected `whsec_` and 24 to 64 bytes in base64 (HMAC-SHA256), \
                 or `whpk_` and 32 bytes in base64 (Ed25519)",
            )),
        }
    }

    pub(super) fn symmetric(key: hmac::Key) -> Self {
        Self(Key::Symmetric(key))
    }

    pub(super) fn asymmetric(public: &[u8]) -> Self {
        Self(Key::Asymmetric(UnparsedPublicKey::new(&ED25519, public.to_vec())))
    }

    /// Whether this key made one entry of the header. Takes the same time wherever a wrong signature differs.
    fn made(&self, entry: &str, signed: &[u8]) -> bool {
        let signature = |version| BASE64.decode(entry.strip_prefix(version)?).ok();
        match &self.0 {
            Key::Symmetric(key) => signature("v1,").is_some_and(|tag| hmac::verify(key, signed, &tag).is_ok()),
            Key::Asymmetric(key) => signature("v1a,").is_some_and(|tag| key.verify(signed, &tag).is_ok()),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Key::Symmetric(_) => "VerifyingKey(whsec_…)",
            Key::Asymmetric(_) => "VerifyingKey(whpk_…)",
        })
    }
}

/// Why a webhook is not to be believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A header is missing or unreadable.
    #[error("header `{0}` is missing or unreadable")]
    Header(HeaderName),
    /// The timestamp is further from now than [`TOLERANCE`].
    #[error("the timestamp is more than five minutes from now")]
    Stale,
    /// No entry of the header was made by any of the keys over these bytes.
    #[error("no signature matches")]
    Mismatch,
}

/// Checks a received webhook: any entry by any key is enough. Whether its id was seen before is the caller's to
/// remember, for at least [`TOLERANCE`].
///
/// # Errors
///
/// [`SignatureError`] where it must not be believed.
pub fn verify(keys: &[VerifyingKey], headers: &HeaderMap, body: &[u8], now: SystemTime) -> Result<(), SignatureError> {
    let id = text(headers, WEBHOOK_ID)?;
    let timestamp = text(headers, WEBHOOK_TIMESTAMP)?;
    let entries = text(headers, WEBHOOK_SIGNATURE)?;
    let seconds = timestamp.parse().map_err(|_| SignatureError::Header(WEBHOOK_TIMESTAMP))?;
    let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(SignatureError::Stale)?;
    let apart = now.duration_since(at).unwrap_or_else(|ahead| ahead.duration());
    if apart > TOLERANCE {
        return Err(SignatureError::Stale);
    }
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
    let believed = entries.split(' ').any(|entry| keys.iter().any(|key| key.made(entry, &signed)));
    if believed { Ok(()) } else { Err(SignatureError::Mismatch) }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Result<&str, SignatureError> {
    let value = headers.get(&name).and_then(|value| value.to_str().ok());
    value.ok_or(SignatureError::Header(name))
}
