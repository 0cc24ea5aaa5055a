//! The sending half.

use std::fmt;

use base64::Engine as _;
use http::HeaderValue;
use ring::{
    hmac,
    signature::{Ed25519KeyPair, KeyPair as _},
};

use super::{BASE64, VerifyingKey, key_bytes};
use crate::contract::{ConfigError, Secret};

/// A key that signs: `whsec_…` (HMAC-SHA256, entries `v1,…`) or `whsk_…` (Ed25519, entries `v1a,…`).
pub struct SigningKey(Key);

enum Key {
    Symmetric(hmac::Key),
    Asymmetric(Box<Ed25519KeyPair>),
}

impl SigningKey {
    /// Reads a key: 24 to 64 bytes in base64 after `whsec_`; a 32-byte seed, or seed and public key, after `whsk_`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] that shows both forms, never the key.
    pub fn parse(secret: &Secret) -> Result<Self, ConfigError> {
        Self::symmetric(secret.expose()).or_else(|| Self::asymmetric(secret.expose())).ok_or_else(|| {
            ConfigError::new(
                "not a signing secret, expected `whsec_` and 24 to 64 bytes in base64 (HMAC-SHA256), \
                 or `whsk_` and 32 or 64 bytes in base64 (Ed25519)",
            )
        })
    }

    fn symmetric(written: &str) -> Option<Self> {
        let bytes = key_bytes(written, "whsec_").filter(|bytes| (24..=64).contains(&bytes.len()))?;
        Some(Self(Key::Symmetric(hmac::Key::new(hmac::HMAC_SHA256, &bytes))))
    }

    fn asymmetric(written: &str) -> Option<Self> {
        let bytes = key_bytes(written, "whsk_")?;
        let pair = match bytes.len() {
            32 => Ed25519KeyPair::from_seed_unchecked(&bytes),
            64 => Ed25519KeyPair::from_seed_and_public_key(&bytes[..32], &bytes[32..]),
            _ => return None,
        };
        Some(Self(Key::Asymmetric(Box::new(pair.ok()?))))
    }

    /// The key a receiver needs: the same one where it is symmetric, else the public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        match &self.0 {
            Key::Symmetric(key) => VerifyingKey::symmetric(key.clone()),
            Key::Asymmetric(pair) => VerifyingKey::asymmetric(pair.public_key().as_ref()),
        }
    }

    fn entry(&self, parts: [&[u8]; 5], out: &mut String) {
        match &self.0 {
            Key::Symmetric(key) => {
                let mut context = hmac::Context::with_key(key);
                parts.iter().for_each(|part| context.update(part));
                out.push_str("v1,");
                BASE64.encode_string(context.sign(), out);
            }
            Key::Asymmetric(pair) => {
                out.push_str("v1a,");
                BASE64.encode_string(pair.sign(&parts.concat()), out);
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Key::Symmetric(_) => "SigningKey(whsec_…)",
            Key::Asymmetric(_) => "SigningKey(whsk_…)",
        })
    }
}

/// The value of `webhook-signature`: one entry per key, in their order.
pub fn sign(keys: &[SigningKey], id: &str, unix_seconds: u64, body: &[u8]) -> HeaderValue {
    let timestamp = HeaderValue::from(unix_seconds);
    let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let mut entries = String::with_capacity(keys.len() * 48);
    for key in keys {
        if !entries.is_empty() {
            entries.push(' ');
        }
        key.entry(parts, &mut entries);
    }
    HeaderValue::try_from(entries).expect("base64, commas and spaces are fit for a header")
}

/// The key of `X-Hub-Signature-256: sha256=<hex of HMAC-SHA256(body)>`: any bytes, used as they are.
pub struct HubKey(hmac::Key);

impl HubKey {
    /// Takes the secret's text as the key.
    pub fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// The value of the header.
    pub fn sign(&self, body: &[u8]) -> HeaderValue {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut value = Vec::with_capacity(71);
        value.extend_from_slice(b"sha256=");
        for byte in hmac::sign(&self.0, body).as_ref() {
            value.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        HeaderValue::try_from(value).expect("hex digits are fit for a header")
    }
}

impl fmt::Debug for HubKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HubKey(…)")
    }
}
