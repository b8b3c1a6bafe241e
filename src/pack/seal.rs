//! What the pack core does to a piece before it is stored: it is hashed, and sealed if the file is
//! encrypted.

use crate::crypto::{Keys, Piece};
use crate::error::{Result, try_reserve};
use crate::format::{Hash, SEAL_LEN};

/// Seals a piece in `out`, which is empty when the piece is `bytes` as they are, and puts the tag
/// behind it. Gives the piece's hash.
pub fn seal(keys: &Keys, piece: &Piece, bytes: &[u8], out: &mut Vec<u8>) -> Result<Hash> {
    if out.is_empty() {
        try_reserve(out, bytes.len() + SEAL_LEN as usize, "a sealed piece")?;
        out.extend_from_slice(bytes);
    }
    let hash = keys.piece_hash(out);
    let tag = keys.seal(piece, &hash, out)?;
    try_reserve(out, tag.len(), "a sealed piece")?;
    out.extend_from_slice(&tag);
    Ok(hash)
}
