//! One message on its way to one recipient.

use std::{fmt, sync::Arc, time::SystemTime};

use super::Message;

/// The id an envelope keeps over all its attempts, so that the far end can recognise a copy.
///
/// Printed in the usual form of a UUID (RFC 9562): 36 characters, no dot, safe in headers and URLs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnvelopeId(u128);

impl EnvelopeId {
    /// Wraps the 128 bits of a UUID.
    pub const fn new(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits.
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The printed form, written into `text` without an allocation.
    pub fn encode(self, text: &mut [u8; 36]) -> &str {
        *text = [b'-'; 36];
        let mut at = 0;
        for (index, byte) in self.0.to_be_bytes().into_iter().enumerate() {
            at += usize::from(matches!(index, 4 | 6 | 8 | 10));
            text[at..at + 2].copy_from_slice(&HEX_PAIRS[usize::from(byte)]);
            at += 2;
        }
        std::str::from_utf8(text).expect("hex digits and dashes are ASCII")
    }
}

/// Every byte as two digits: an id is written for every send.
static HEX_PAIRS: [[u8; 2]; 256] = {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [HEX[byte >> 4], HEX[byte & 15]];
        byte += 1;
    }
    pairs
};

impl fmt::Display for EnvelopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encode(&mut [0; 36]))
    }
}

impl fmt::Debug for EnvelopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an adapter is given to send: one message for one recipient.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// Stable over all attempts of the task; send it along wherever the platform has a place for it.
    pub id: EnvelopeId,
    /// The recipient of the target, or the platform's default; `None` where neither names one.
    pub recipient: Option<Arc<str>>,
    /// What is said.
    pub message: Arc<Message>,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// Ties this attempt to the caller's own records.
    pub correlation_id: Option<Arc<str>>,
    /// When the notification was accepted (wall clock).
    pub accepted_at: SystemTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_id_prints_as_a_uuid() {
        let id = EnvelopeId::new(0x0192_f0c1_2345_7abc_8def_0123_4567_89ab);
        assert_eq!(id.to_string(), "0192f0c1-2345-7abc-8def-0123456789ab");
        assert_eq!(EnvelopeId::new(0).to_string(), "00000000-0000-0000-0000-000000000000");
    }
}
