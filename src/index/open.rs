//! Opening one file: two reads, one of the header and one of the file's end; a third one of the key
//! slots if the file is encrypted, and a fourth one of what the page of ancestors has before the end.

use std::path::Path;
use std::sync::Arc;

use super::ancestors::Lineage;
use super::body_start;
use super::search::AncestorSearch;
use super::storage::Storage;
use crate::control::{Cancel, Control};
use crate::crypto::{FileKey, Keys, Piece, PieceKind, Place, same};
use crate::error::{Error, Result, Why, try_zeroed};
use crate::format::{
    Codec, Decoded, Footer, Hash, Header, PAGE_4K, ROOT_MAX, RootPage, SEAL_LEN, SLOTS_AT, newest,
    root_hash,
};
use crate::keyring::{Locked, PasswordFn, SlotCopies, unlock_asking};

/// Bytes of cache when the caller names none.
pub const CACHE_DEFAULT: u64 = 32 << 20;
/// Most that index pages take of the cache; they get a quarter of a smaller one.
const PAGES_MAX: u64 = 8 << 20;
/// What index pages get however small the cache is: the way from the top to a leaf of each tree.
pub(crate) const PAGES_MIN: u64 = 256 << 10;

/// How to open a snapshot.
#[derive(Clone, Copy)]
pub struct OpenOptions<'a> {
    /// The file.
    pub path: &'a Path,
    /// Bytes that decoded blocks and index pages may take in memory; 0 means [`CACHE_DEFAULT`]. A
    /// quarter of it, at most 8 MiB and at least 256 KiB, goes to index pages. Blocks that do not
    /// fit are decoded each time. Ancestors that are opened for it share all this.
    pub cache_size: u64,
    /// The root hash that the file must have; looked at before the password is asked for. With it,
    /// each block is held against its BLAKE3 hash on each read, and not against its CRC-32C or tag
    /// only.
    pub expect_root: Option<Hash>,
    /// Whether a file that is not encrypted will do when there is somebody to ask for a password.
    pub allow_plain: bool,
    /// Stops the opening.
    pub cancel: Option<&'a Cancel>,
    /// KiB that making a key from the password may take; 0 for what the format allows.
    pub kdf_memory_max_kib: u32,
    /// Where the ancestors of a thin snapshot are looked for.
    pub ancestors: AncestorSearch<'a>,
}

impl OpenOptions<'_> {
    /// Bytes of the cache for index pages, and for decoded blocks.
    pub(crate) fn shares(&self) -> (usize, usize) {
        let cache_size = match self.cache_size {
            0 => CACHE_DEFAULT,
            size => size,
        };
        let pages = (cache_size / 4).min(PAGES_MAX);
        let blocks = usize::try_from(cache_size - pages).unwrap_or(usize::MAX);
        (pages.max(PAGES_MIN) as usize, blocks)
    }
}

/// What can be read of a file without its keys.
pub(crate) struct Ends {
    pub header: Header,
    /// The header's 4 KiB.
    pub header_bytes: [u8; PAGE_4K],
    pub footer: Footer,
    /// The key slots of an encrypted file, if they were asked for.
    pub slots: Option<SlotCopies>,
    /// What lies before the footer, as stored: the root page last.
    before: Vec<u8>,
}

/// Whether an encrypted file's key slots are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slots {
    Read,
    /// Who has the file key needs none.
    Skip,
}

/// A file of which all is known that opening it reads.
pub(crate) struct Opened {
    pub storage: Arc<dyn Storage>,
    pub header: Header,
    pub keys: Option<Keys>,
    pub hash: Hash,
    pub root: RootPage,
    pub body_end: u64,
    pub lineage: Option<Lineage>,
    pub file_keys: FileKeys,
}

/// The file keys of a file and of its ancestors, which nobody needs once all is open but who makes
/// another one that leans on them.
#[derive(Default)]
pub struct FileKeys {
    /// The file's own, where it is encrypted and a password was asked for.
    pub own: Option<FileKey>,
    /// Those of its ancestors, in their order.
    pub ancestors: Vec<Option<FileKey>>,
}

impl Opened {
    /// Opens a file with its password.
    ///
    /// Magic, version, features and checksums are checked in this order, then the file's length,
    /// the root hash, and whether it is the expected one. Then `password` is asked if the file is
    /// encrypted.
    pub fn asking(
        storage: Arc<dyn Storage>,
        options: &OpenOptions<'_>,
        password: Option<&mut PasswordFn<'_>>,
        control: &Control<'_>,
    ) -> Result<Opened> {
        let ends = Ends::read(&*storage, Slots::Read, control)?;
        if let Some(expected) = options
            .expect_root
            .filter(|expected| *expected != ends.footer.root)
        {
            return Err(Error::corrupt(
                storage.operand(),
                format!(
                    "its root is {}, expected was {}",
                    hex(&ends.footer.root),
                    hex(&expected)
                ),
            ));
        }
        // Damage comes before the question for a password that could not help.
        if let Some(slots) = &ends.slots {
            slots.newest(&ends.header, storage.operand())?;
        }
        let unlocked = match (&ends.slots, password) {
            (None, Some(_)) if !options.allow_plain => {
                return Err(Error::NotEncrypted {
                    operand: storage.operand().to_owned(),
                    way_out: "but a password callback was given; set HEXZ_OPEN_ALLOW_PLAIN if a \
                              plain snapshot is fine",
                });
            }
            (None, _) => None,
            (Some(_), None) => {
                return Err(Error::PasswordRequired {
                    operand: storage.operand().to_owned(),
                    code: 0,
                });
            }
            (Some(slots), Some(password)) => {
                let locked = Locked {
                    header: &ends.header,
                    header_bytes: &ends.header_bytes,
                    copies: slots,
                    operand: storage.operand(),
                    path: storage.path(),
                    memory_max_kib: options.kdf_memory_max_kib,
                };
                Some(unlock_asking(&locked, false, password, control)?)
            }
        };
        let (keys, own) = unlocked.map(|u| (u.keys, u.file_key)).unzip();
        let mut opened = ends.open(storage, keys)?;
        opened.file_keys.own = own;
        Ok(opened)
    }
}

impl Ends {
    /// Reads and checks both ends of a file.
    pub fn read(storage: &dyn Storage, slots: Slots, control: &Control<'_>) -> Result<Ends> {
        let operand = storage.operand();
        let corrupt = |why: Why| Error::corrupt(operand, why);
        let size = storage.size();
        let mut header_bytes = [0; PAGE_4K];
        let head = header_bytes
            .get_mut(..size.min(PAGE_4K as u64) as usize)
            .unwrap_or_default();
        storage.read_at(0, head)?;
        let header = Header::decode(head, operand)?;
        control.check()?;
        if header.is_encrypted() && size < body_start(&header) {
            return Err(corrupt("cut short within the key slots".into()));
        }
        let slots = match header.is_encrypted() && slots == Slots::Read {
            true => {
                let mut copies = SlotCopies([[0; PAGE_4K]; 2]);
                storage.read_at(SLOTS_AT[0], copies.0.as_flattened_mut())?;
                // Read while somebody writes them, both may look torn: the second look decides.
                if newest([&copies.0[0], &copies.0[1]]).is_none() {
                    storage.read_at(SLOTS_AT[0], copies.0.as_flattened_mut())?;
                }
                control.check()?;
                Some(copies)
            }
            false => None,
        };

        // The root page ends where the footer begins: one read has both.
        let body = size.saturating_sub(PAGE_4K as u64);
        let tail_len = body.min((ROOT_MAX + SEAL_LEN as usize + PAGE_4K) as u64);
        if tail_len < PAGE_4K as u64 {
            return Err(corrupt("no footer at its end: the file was cut".into()));
        }
        let mut before = try_zeroed(tail_len as usize, "a root page")?;
        storage.read_at(size - tail_len, &mut before)?;
        control.check()?;
        let (_, last) = before.split_at(before.len() - PAGE_4K);
        let footer = Footer::decode(last, size).map_err(corrupt)?;
        before.truncate(before.len() - PAGE_4K);
        let keyless = (footer.piece_hash, footer.mac) == ([0; 32], [0; 32]);
        if !header.is_encrypted() && !keyless {
            return Err(corrupt(
                "a plain file has what only encrypted ones have".into(),
            ));
        }
        if footer.root_offset < body_start(&header) {
            return Err(corrupt("the root page lies within the key slots".into()));
        }
        let ends = Ends {
            header,
            header_bytes,
            footer,
            slots,
            before,
        };
        let stored_root = ends.stored_root().map_err(corrupt)?;
        let hash = root_hash(&header, stored_root);
        if hash != footer.root {
            return Err(corrupt(
                format!(
                    "the root page's hash is {}, not {}",
                    hex(&hash),
                    hex(&footer.root)
                )
                .into(),
            ));
        }
        Ok(ends)
    }

    /// The root page as it is in the file.
    fn stored_root(&self) -> Decoded<&[u8]> {
        let at = self
            .before
            .len()
            .checked_sub(self.footer.root_len as usize)
            .ok_or("the root page does not lie in front of the footer")?;
        Ok(self.before.get(at..).unwrap_or_default())
    }

    /// The end of the body, as much of it as was read along with the root page.
    pub fn body_tail(&self) -> &[u8] {
        let len = self
            .before
            .len()
            .saturating_sub(self.footer.root_len as usize);
        self.before.get(..len).unwrap_or_default()
    }

    /// The keys of an encrypted file whose file key is known, with nothing asked; or nothing if it
    /// is another file's.
    pub fn keys_of(&self, file_key: &FileKey, operand: &str) -> Result<Option<Keys>> {
        if !same(&file_key.commitment(), &self.header.commitment) {
            return Ok(None);
        }
        let keys = file_key.keys(self.header.file_id)?;
        self.check_header_mac(&keys, operand)?;
        Ok(Some(keys))
    }

    /// What there is to know of the file, with the keys that an encrypted one has.
    pub fn open(self, storage: Arc<dyn Storage>, mut keys: Option<Keys>) -> Result<Opened> {
        let root = self.root(keys.as_ref(), storage.operand())?;
        let mut file_keys = FileKeys::default();
        let mut lineage = None;
        if self.header.is_thin() {
            let page = self.ancestors(&*storage, keys.as_ref(), &root)?;
            let (found, of_ancestors) = Lineage::of(&page, keys.as_mut(), storage.operand())?;
            lineage = Some(found);
            file_keys.ancestors = of_ancestors;
        }
        Ok(Opened {
            storage,
            header: self.header,
            keys,
            hash: self.footer.root,
            root,
            body_end: self.footer.root_offset,
            lineage,
            file_keys,
        })
    }

    /// The root page, with the keys that an encrypted file has.
    pub fn root(&self, keys: Option<&Keys>, operand: &str) -> Result<RootPage> {
        let corrupt = |why: Why| Error::corrupt(operand, why);
        let body = self.footer.root_offset - body_start(&self.header);
        let stored_root = self.stored_root().map_err(corrupt)?;
        let Some(keys) = keys else {
            let root = RootPage::decode(stored_root, false).map_err(corrupt)?;
            return self.fitting(root, body, 0).map_err(corrupt);
        };
        if !same(
            &keys.mac(Place::Footer, &self.footer.mac_input()),
            &self.footer.mac,
        ) {
            return Err(corrupt("the footer's MAC does not fit".into()));
        }
        let len = self.footer.root_len.saturating_sub(SEAL_LEN);
        let piece = Piece {
            kind: PieceKind::Root,
            codec: Codec::Stored as u8,
            ordinal: self.footer.root_offset,
            len,
            decoded_len: len,
        };
        let mut opened = try_zeroed(stored_root.len(), "a root page")?;
        opened.copy_from_slice(stored_root);
        let opened = keys.open(&piece, &self.footer.piece_hash, &mut opened)?;
        let opened = opened.ok_or_else(|| corrupt("the root page's tag does not fit".into()))?;
        if !same(&keys.piece_hash(opened), &self.footer.piece_hash) {
            return Err(corrupt("the root page's hash does not fit".into()));
        }
        let root = RootPage::decode(opened, true).map_err(corrupt)?;
        self.fitting(root, body, SEAL_LEN).map_err(corrupt)
    }

    /// The root page, unless it says that blocks take more bytes than there are for them: whoever
    /// counts them reads no more than the file has. Or that there are ancestors where the header
    /// says that there are none.
    fn fitting(&self, root: RootPage, body: u64, tag: u32) -> Decoded<RootPage> {
        if root.ancestors.is_some() != self.header.is_thin() {
            return Err("only thin snapshots have a page of ancestors, and each has one".into());
        }
        let tags = root.blocks.checked_mul(tag.into());
        match tags.and_then(|tags| tags.checked_add(root.stored_size)) {
            Some(held) if held <= body => Ok(root),
            _ => Err("its blocks are said to take more bytes than it has".into()),
        }
    }

    fn check_header_mac(&self, keys: &Keys, operand: &str) -> Result<()> {
        let mac = keys.mac(Place::Header, &Header::mac_input(&self.header_bytes));
        match same(&mac, &self.header.mac) {
            true => Ok(()),
            false => Err(Error::corrupt(operand, "the header's MAC does not fit")),
        }
    }

    /// Holds what is in the clear against the keys of an opened file, both copies of its key
    /// slots included.
    pub fn check_macs(&self, header: &Header, keys: &Keys, operand: &str) -> Result<()> {
        if self.header != *header {
            return Err(Error::corrupt(operand, "the header's MAC does not fit"));
        }
        self.check_header_mac(keys, operand)?;
        if !same(
            &keys.mac(Place::Footer, &self.footer.mac_input()),
            &self.footer.mac,
        ) {
            return Err(Error::corrupt(operand, "the footer's MAC does not fit"));
        }
        match &self.slots {
            Some(slots) => slots.check(&self.header, keys, operand),
            None => Ok(()),
        }
    }
}

pub(crate) fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
