//! The page of ancestors, the last part of a thin file's body.

use super::super::seal::seal;
use super::{Lineage, Writer};
use crate::crypto::{Keys, Piece, PieceKind, SecretBytes};
use crate::error::Result;
use crate::format::{AncestorsPage, Codec, PAGE_4K, Pointer, RootPage, SEAL_LEN};

impl Writer<'_> {
    /// Writes the page, with as many hints as fit beside the root page.
    pub(super) fn ancestors(&mut self, lineage: Lineage<'_>, root: &RootPage) -> Result<Pointer> {
        let Lineage {
            mut page,
            inherits_key,
        } = lineage;
        let tag = self.keys.map_or(0, |_| u64::from(SEAL_LEN));
        let root_len = match self.keys {
            None => root.encode()?.len(),
            Some(_) => root.encode_padded()?.len().next_multiple_of(PAGE_4K),
        };
        let room = AncestorsPage::WITH_ROOT_MAX.saturating_sub(root_len as u64 + 2 * tag);
        drop_hints(&mut page, room.min(AncestorsPage::LEN_MAX as u64));
        let Some(keys) = self.keys else {
            return self.store(PieceKind::Ancestors, &page.encode()?);
        };
        // Keys are not compressed: that would leave them in the compressor's memory.
        let bytes = encode(&page, inherits_key.then_some(keys))?;
        let len = bytes.len() as u32;
        let mut pointer = Pointer {
            offset: self.at,
            stored_len: len,
            decoded_len: len,
            codec: Codec::Stored,
            hash: [0; 32],
        };
        let piece = Piece {
            kind: PieceKind::Ancestors,
            codec: Codec::Stored as u8,
            ordinal: pointer.offset,
            len,
            decoded_len: len,
        };
        let mut sealed = Vec::new();
        pointer.hash = seal(keys, &piece, &bytes, &mut sealed)?;
        self.put(&sealed)?;
        Ok(pointer)
    }
}

/// Leaves out hints from the last one backwards, until the page is no longer than `room`.
fn drop_hints(page: &mut AncestorsPage<'_>, room: u64) {
    let mut len = page.len() as u64;
    for entry in page.entries.iter_mut().rev() {
        if len <= room {
            return;
        }
        len -= entry.hint.len() as u64;
        entry.hint = &[];
    }
}

/// The page's bytes, with the unit hash key of `inherited` in it.
fn encode(page: &AncestorsPage<'_>, inherited: Option<&Keys>) -> Result<SecretBytes> {
    let mut bytes = SecretBytes::zeroed(page.len(), "a page of ancestors")?;
    match inherited {
        None => page.encode_in(&mut bytes),
        Some(keys) => keys.with_unit_hash_key(|key| {
            let page = AncestorsPage {
                unit_hash_key: Some(key),
                parent: page.parent,
                entries: page.entries.clone(),
            };
            page.encode_in(&mut bytes);
        }),
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::AncestorEntry;

    #[test]
    fn hints_are_left_out_from_the_last_one_backwards() {
        let entries = (1..=4).map(|i| AncestorEntry {
            root: [i; 32],
            key: None,
            hint: b"ten bytes.",
        });
        let page = AncestorsPage {
            entries: entries.collect(),
            ..AncestorsPage::default()
        };
        let full = page.len() as u64;
        for (room, left) in [
            (full, 4),
            (full - 1, 3),
            (full - 10, 3),
            (full - 11, 2),
            (0, 0),
        ] {
            let mut page = page.clone();
            drop_hints(&mut page, room);
            let hints: Vec<bool> = page.entries.iter().map(|e| !e.hint.is_empty()).collect();
            assert_eq!(hints, [0, 1, 2, 3].map(|i| i < left), "{room} of {full}");
        }
    }
}
