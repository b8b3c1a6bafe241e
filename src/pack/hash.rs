//! The first thing done to a segment: find its zeros and what did not change, and hash its units.

use super::heritage::Comparer;
use super::segment::{Segment, Unit, UnitContent, UnitKind};
use crate::error::{Result, try_reserve};
use crate::format::{PAGE_4K, UnitHash};

/// The hash of a unit: the first half of BLAKE3-256, keyed in an encrypted file.
pub fn unit_hash(bytes: &[u8], key: Option<&[u8; 32]>) -> UnitHash {
    let whole = match key {
        Some(key) => blake3::keyed_hash(key, bytes),
        None => blake3::hash(bytes),
    };
    let mut hash = [0; 16];
    hash.copy_from_slice(&whole.as_bytes()[..16]);
    hash
}

/// Whether all bytes are zero.
pub fn is_zero(bytes: &[u8]) -> bool {
    // Blocks of 64 bytes compile to vector code; most data differs in the first.
    let (blocks, rest) = bytes.as_chunks::<64>();
    blocks
        .iter()
        .all(|block| block.iter().fold(0, |all, b| all | b) == 0)
        && rest.iter().all(|b| *b == 0)
}

/// Hashes each unit that nobody looked at yet. Runs of pages are taken apart; chunks are units as they
/// are. `key` is for the hashes of an encrypted file. What `parent` has at the same place needs none.
pub fn hash_segment(
    segment: &mut Segment,
    kind: UnitKind,
    key: Option<&[u8; 32]>,
    mut parent: Option<&mut Comparer<'_>>,
) -> Result<()> {
    let bytes = &segment.buffer.bytes;
    let mut hashed: Vec<Unit> = Vec::new();
    let most = segment.units.len().max(bytes.len() / PAGE_4K);
    try_reserve(&mut hashed, most, "the units of a segment")?;
    for unit in &segment.units {
        if unit.content != UnitContent::Unknown {
            hashed.push(*unit);
            continue;
        }
        let step = match kind {
            UnitKind::Page => PAGE_4K,
            UnitKind::Chunk => unit.len as usize,
        };
        for at in (0..unit.len as usize).step_by(step) {
            let len = (unit.len as usize - at).min(step);
            let from = unit.at as usize + at;
            let logical = bytes.get(from..from + len).unwrap_or_default();
            let zero = is_zero(logical);
            let mut unchanged = None;
            if let Some(parent) = parent.as_mut().filter(|_| !zero) {
                let offset = segment.offset + from as u64;
                let until = offset + (unit.len as usize - at) as u64;
                unchanged = parent.find(segment.stream, offset, logical, until)?;
            }
            let content = match (zero, unchanged) {
                (true, _) => UnitContent::Zero,
                (_, Some(spot)) => UnitContent::Unchanged(spot),
                _ if kind == UnitKind::Chunk => UnitContent::Data(unit_hash(logical, key)),
                // A short page at the end of a stream is hashed as it is stored: padded.
                _ => UnitContent::Data(unit_hash(
                    bytes.get(from..from + PAGE_4K).unwrap_or_default(),
                    key,
                )),
            };
            hashed.push(Unit {
                at: from as u32,
                len: len as u32,
                content,
            });
        }
    }
    segment.units = hashed;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_every_byte() {
        for len in [0, 1, 63, 64, 65, 4096] {
            assert!(is_zero(&vec![0; len]));
            for at in [0, 1, 62, 63, 64, 4095] {
                let mut bytes = vec![0; len];
                if let Some(b) = bytes.get_mut(at) {
                    *b = 1;
                    assert!(!is_zero(&bytes), "{at} of {len}");
                }
            }
        }
    }
}
