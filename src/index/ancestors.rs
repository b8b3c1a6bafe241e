//! What a thin file says of the snapshots that it leans on.

use super::body_start;
use super::open::Ends;
use super::storage::Storage;
use crate::codec::Decoder;
use crate::crypto::{FileKey, Keys, Piece, PieceKind, SecretBytes};
use crate::error::{Error, Result, Why, try_with_capacity};
use crate::format::{AncestorsPage, Codec, Hash, RootPage, SEAL_LEN};

/// The page of ancestors, without its keys.
pub(crate) struct Lineage {
    /// Root of the parent that the file was built on, which need not be among the ancestors; zeros
    /// without one.
    pub parent: Hash,
    /// The ancestors, in the order in which extents count them.
    pub ancestors: Vec<AncestorName>,
}

/// An ancestor, as its child names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AncestorName {
    pub root: Hash,
    /// A file name, of whatever bytes but control bytes; empty without one.
    pub hint: Vec<u8>,
}

impl Lineage {
    /// From the decoded page, and the file keys in it. Where the unit hash key is inherited, `keys`
    /// get it.
    pub fn of(
        page: &[u8],
        keys: Option<&mut Keys>,
        operand: &str,
    ) -> Result<(Lineage, Vec<Option<FileKey>>)> {
        let corrupt = |why: Why| Error::corrupt(operand, why);
        let count = AncestorsPage::count(page).map_err(corrupt)?;
        if count > AncestorsPage::COUNT_MAX {
            return Err(Error::parent(
                operand,
                format!(
                    "leans on {count} other snapshots; hexz reads {} at most",
                    AncestorsPage::COUNT_MAX
                ),
            ));
        }
        let page = AncestorsPage::decode(page, keys.is_some()).map_err(corrupt)?;
        if let (Some(keys), Some(inherited)) = (keys, page.unit_hash_key) {
            keys.inherit_unit_hash_key(inherited);
        }
        let mut lineage = Lineage {
            parent: page.parent,
            ancestors: try_with_capacity(count, "ancestors")?,
        };
        let mut file_keys = try_with_capacity(count, "ancestors")?;
        for entry in &page.entries {
            lineage.ancestors.push(AncestorName {
                root: entry.root,
                hint: entry.hint.to_vec(),
            });
            file_keys.push(entry.key.map(FileKey::from_bytes).transpose()?);
        }
        Ok((lineage, file_keys))
    }
}

impl Ends {
    /// The checked and decoded bytes of the page of ancestors, wiped when they are dropped: there
    /// are keys in them.
    pub fn ancestors(
        &self,
        storage: &dyn Storage,
        keys: Option<&Keys>,
        root: &RootPage,
    ) -> Result<SecretBytes> {
        let corrupt =
            |why: &str| Error::corrupt(storage.operand(), format!("page of ancestors: {why}"));
        let pointer = root.ancestors.as_ref();
        let pointer = pointer.ok_or_else(|| corrupt("there is none"))?;
        let tag = if keys.is_some() { SEAL_LEN } else { 0 };
        let len = u64::from(pointer.stored_len) + u64::from(tag);
        if pointer.offset < body_start(&self.header)
            || pointer.offset.checked_add(len) != Some(self.footer.root_offset)
        {
            return Err(corrupt("it does not lie in front of the root page"));
        }
        if len + u64::from(self.footer.root_len) > AncestorsPage::WITH_ROOT_MAX {
            return Err(corrupt("it is too long for its root page"));
        }
        let mut stored = SecretBytes::zeroed(len as usize, "a page of ancestors")?;
        // What did not lie in the end that was read with the root page.
        let tail = self.body_tail();
        let missing = stored.len().saturating_sub(tail.len());
        let (head, rest) = stored.split_at_mut(missing);
        if !head.is_empty() {
            storage.read_at(pointer.offset, head)?;
        }
        let held = tail.get(tail.len() - rest.len()..).unwrap_or_default();
        rest.copy_from_slice(held);
        let hash = match keys {
            None => *blake3::hash(&stored).as_bytes(),
            Some(keys) => {
                let piece = Piece {
                    kind: PieceKind::Ancestors,
                    codec: pointer.codec as u8,
                    ordinal: pointer.offset,
                    len: pointer.stored_len,
                    decoded_len: pointer.decoded_len,
                };
                let opened = keys.open(&piece, &pointer.hash, &mut stored)?;
                let opened = opened.ok_or_else(|| corrupt("its tag does not fit"))?;
                keys.piece_hash(opened)
            }
        };
        if hash != pointer.hash {
            return Err(corrupt("its hash does not fit"));
        }
        stored.truncate(pointer.stored_len as usize);
        if pointer.codec == Codec::Stored {
            return Ok(stored);
        }
        let mut decoded = SecretBytes::zeroed(pointer.decoded_len as usize, "a page of ancestors")?;
        Decoder::new()?
            .decode(pointer.codec, None, &stored, &mut decoded)
            .map_err(|why| Error::corrupt(storage.operand(), why.within("page of ancestors")))?;
        Ok(decoded)
    }
}
