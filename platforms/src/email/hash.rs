//! A short name for some bytes.

use ring::digest::{Context, SHA256};

/// The first 16 bytes of the SHA-256 of these pieces, each with its length, in hexadecimal.
pub(super) fn hex(pieces: &[&[u8]]) -> String {
    let mut context = Context::new(&SHA256);
    for piece in pieces {
        context.update(&(piece.len() as u64).to_be_bytes());
        context.update(piece);
    }
    context.finish().as_ref()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
