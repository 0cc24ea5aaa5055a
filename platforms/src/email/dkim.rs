//! The DKIM signature of a mail (RFC 6376), with RSA or Ed25519 (RFC 8463) keys.
//!
//! # Why not lettre's?
//!
//! Its time of signing is the machine's own, so two attempts would be two mails, and its RSA brings a crate with an open
//! timing advisory (RUSTSEC-2023-0071). `ring` is here already and signs in constant time.

use std::time::{Duration, SystemTime};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};

use super::{Dkim, DkimAlgorithm, canonical};
use crate::contract::{Secret, SendError};

/// The fields a signature covers. One that a mail has not is covered too: whoever adds it on the way breaks the signature.
const SIGNED: [&str; 11] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "reply-to",
    "cc",
    "mime-version",
    "content-type",
    "list-unsubscribe",
    "list-unsubscribe-post",
];
/// Longest piece of a signature on one line.
const LINE_CHARS_MAX: usize = 72;

/// Signs for one domain with one key.
pub(super) struct Signer {
    domain: String,
    selector: String,
    key: Key,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    /// Reads the key.
    ///
    /// # Errors
    ///
    /// The key of the table and what is wrong with it; never the private key itself.
    pub(super) fn new(config: &Dkim, from_domain: &str) -> Result<Self, (&'static str, String)> {
        let domain = config.domain.as_deref().unwrap_or(from_domain);
        if !is_dns_name(domain) {
            return Err(("dkim.domain", "expected a domain name such as `example.com`".into()));
        }
        if !is_dns_name(&config.selector) {
            return Err(("dkim.selector", "expected the name under `_domainkey` in the DNS, such as `mail2026`".into()));
        }
        let key = match config.algorithm {
            DkimAlgorithm::Rsa => rsa(&config.private_key).map(|key| Key::Rsa(Box::new(key))),
            DkimAlgorithm::Ed25519 => ed25519(&config.private_key).map(Key::Ed25519),
        };
        let key = key.map_err(|reason| ("dkim.private_key", reason))?;
        Ok(Self { domain: domain.to_ascii_lowercase(), selector: config.selector.clone(), key })
    }

    /// The mail with its signature in front. The same mail and time always give the same bytes.
    ///
    /// # Errors
    ///
    /// [`SendError`] when the key cannot sign.
    pub(super) fn sign(&self, mail: &[u8], at: SystemTime) -> Result<Vec<u8>, SendError> {
        let (fields, body) = canonical::split(mail);
        let body_hash = BASE64.encode(digest(&SHA256, &canonical::body(body)));
        let unsigned = self.field(at, &body_hash);
        let mut signed = Vec::new();
        for field in SIGNED.iter().filter_map(|name| canonical::field(fields, name)) {
            signed.extend_from_slice(&field);
        }
        let own = canonical::field(unsigned.as_bytes(), "dkim-signature").expect("the field was just made");
        signed.extend_from_slice(own.trim_ascii_end());
        let signature = BASE64.encode(self.key.sign(&signed)?);
        Ok([unsigned.as_bytes(), folded(&signature).as_bytes(), b"\r\n", mail].concat())
    }

    /// The field without its signature, which comes last.
    fn field(&self, at: SystemTime, body_hash: &str) -> String {
        let (algorithm, domain, selector) = (self.key.algorithm(), &self.domain, &self.selector);
        let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let (first, second) = SIGNED.split_at(7);
        format!(
            "DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed; d={domain};\r\n s={selector}; t={seconds};\r\n \
             h={}:\r\n {};\r\n bh={body_hash};\r\n b=",
            first.join(":"),
            second.join(":")
        )
    }
}

impl Key {
    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, text: &[u8]) -> Result<Vec<u8>, SendError> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                // Randomness blinds the computation and does not change its result.
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)
                    .map_err(|_| SendError::unavailable("the DKIM key could not sign"))?;
                Ok(signature)
            }
            Self::Ed25519(key) => Ok(key.sign(digest(&SHA256, text).as_ref()).as_ref().to_vec()),
        }
    }
}

fn rsa(secret: &Secret) -> Result<RsaKeyPair, String> {
    const SHAPE: &str = "expected an RSA key of 2048 to 4096 bits in PEM form, such as { file = \"/etc/notifyhub/dkim.pem\" }";
    let parsed = match PrivateKeyDer::from_pem_slice(secret.expose().as_bytes()).map_err(|_| SHAPE)? {
        PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()),
        PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()),
        _ => return Err(SHAPE.into()),
    };
    parsed.map_err(|reason| format!("{SHAPE} ({reason})"))
}

/// A PEM file as openssl writes it, or the 32 bytes of the seed in base64 as DKIM's own tools do.
fn ed25519(secret: &Secret) -> Result<Ed25519KeyPair, String> {
    const SHAPE: &str = "expected an Ed25519 key, in PEM form or its 32 bytes in base64 (or set dkim.algorithm = \"rsa\")";
    let text = secret.expose();
    let pair = match PrivateKeyDer::from_pem_slice(text.as_bytes()) {
        Ok(PrivateKeyDer::Pkcs8(der)) => Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der()),
        Ok(_) => return Err(SHAPE.into()),
        Err(_) => Ed25519KeyPair::from_seed_unchecked(&BASE64.decode(text.trim()).map_err(|_| SHAPE)?),
    };
    pair.map_err(|_| SHAPE.into())
}

fn is_dns_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// Base64 over several lines.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 20);
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % LINE_CHARS_MAX == 0 {
            out.push_str("\r\n ");
        }
        out.push(c);
    }
    out
}
