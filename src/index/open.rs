//! Opening: two reads, one of the header and one of the file's end; a third one of the key slots if
//! the file is encrypted.

use std::path::Path;
use std::sync::OnceLock;

use super::cache::Cache;
use super::scratch::Pool;
use super::storage::{FileStorage, Storage};
use super::{Index, PAGE_WEIGHT, body_start};
use crate::control::{Cancel, Control};
use crate::crypto::{Keys, Piece, PieceKind, Place, same};
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
    /// fit are decoded each time.
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
    /// The key slots of an encrypted file.
    pub slots: Option<SlotCopies>,
    /// The root page as stored.
    stored_root: Vec<u8>,
}

impl Index {
    /// Opens a file, in at most four reads and 64 KiB.
    ///
    /// Magic, version, features and checksums are checked in this order, then the file's length,
    /// the root hash, and whether it is the expected one. Then `password` is asked if the file is
    /// encrypted.
    pub fn open(options: &OpenOptions<'_>, password: Option<&mut PasswordFn<'_>>) -> Result<Index> {
        Control::new(options.cancel, None).check()?;
        let storage = FileStorage::open(options.path)?;
        Index::from_storage(Box::new(storage), options, password)
    }

    /// Opens what lies in `storage`, whatever the path in `options`.
    pub fn from_storage(
        storage: Box<dyn Storage>,
        options: &OpenOptions<'_>,
        password: Option<&mut PasswordFn<'_>>,
    ) -> Result<Index> {
        let control = Control::new(options.cancel, None);
        let ends = Ends::read(&*storage, &control)?;
        let Ends { header, footer, .. } = ends;
        if let Some(expected) = options
            .expect_root
            .filter(|expected| *expected != footer.root)
        {
            return Err(Error::corrupt(
                storage.operand(),
                format!(
                    "its root is {}, expected was {}",
                    hex(&footer.root),
                    hex(&expected)
                ),
            ));
        }
        // Damage comes before the question for a password that could not help.
        if let Some(slots) = &ends.slots {
            slots.newest(&header, storage.operand())?;
        }
        let keys = match (&ends.slots, password) {
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
                    header: &header,
                    header_bytes: &ends.header_bytes,
                    copies: slots,
                    operand: storage.operand(),
                    path: storage.path(),
                    memory_max_kib: options.kdf_memory_max_kib,
                };
                Some(unlock_asking(&locked, false, password, &control)?.keys)
            }
        };
        let root = ends.root(keys.as_ref(), storage.operand())?;
        Ok(Index {
            storage,
            header,
            keys,
            hash: footer.root,
            root,
            body_end: footer.root_offset,
            pinned: options.expect_root.is_some(),
            pages: Cache::new(options.shares().0, PAGE_WEIGHT),
            pool: Pool::default(),
            dictionary: OnceLock::new(),
        })
    }
}

impl Ends {
    /// Reads and checks both ends of a file.
    pub fn read(storage: &dyn Storage, control: &Control<'_>) -> Result<Ends> {
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
        let mut slots = None;
        if header.is_encrypted() {
            if size < body_start(&header) {
                return Err(corrupt("cut short within the key slots".into()));
            }
            let mut copies = SlotCopies([[0; PAGE_4K]; 2]);
            storage.read_at(SLOTS_AT[0], copies.0.as_flattened_mut())?;
            // Read while somebody writes them, both may look torn: the second look decides.
            if newest([&copies.0[0], &copies.0[1]]).is_none() {
                storage.read_at(SLOTS_AT[0], copies.0.as_flattened_mut())?;
            }
            slots = Some(copies);
            control.check()?;
        }

        // The root page ends where the footer begins: one read has both.
        let body = size.saturating_sub(PAGE_4K as u64);
        let tail_len = body.min((ROOT_MAX + SEAL_LEN as usize + PAGE_4K) as u64);
        if tail_len < PAGE_4K as u64 {
            return Err(corrupt("no footer at its end: the file was cut".into()));
        }
        let mut tail = try_zeroed(tail_len as usize, "a root page")?;
        storage.read_at(size - tail_len, &mut tail)?;
        control.check()?;
        let (before, last) = tail.split_at(tail.len() - PAGE_4K);
        let footer = Footer::decode(last, size).map_err(corrupt)?;
        let keyless = (footer.piece_hash, footer.mac) == ([0; 32], [0; 32]);
        if !header.is_encrypted() && !keyless {
            return Err(corrupt(
                "a plain file has what only encrypted ones have".into(),
            ));
        }
        if footer.root_offset < body_start(&header) {
            return Err(corrupt("the root page lies within the key slots".into()));
        }
        let (end, root_len) = (before.len(), footer.root_len as usize);
        let root_at = end
            .checked_sub(root_len)
            .ok_or_else(|| corrupt("the root page does not lie in front of the footer".into()))?;
        let mut stored_root = tail;
        stored_root.truncate(end);
        stored_root.drain(..root_at);
        let hash = root_hash(&header, &stored_root);
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
        Ok(Ends {
            header,
            header_bytes,
            footer,
            slots,
            stored_root,
        })
    }

    /// The root page, with the keys that an encrypted file has.
    pub fn root(self, keys: Option<&Keys>, operand: &str) -> Result<RootPage> {
        let corrupt = |why: Why| Error::corrupt(operand, why);
        let Ends {
            header,
            footer,
            mut stored_root,
            ..
        } = self;
        let body = footer.root_offset - body_start(&header);
        let Some(keys) = keys else {
            let root = RootPage::decode(&stored_root, false).map_err(corrupt)?;
            return fitting(root, body, 0).map_err(corrupt);
        };
        if !same(&keys.mac(Place::Footer, &footer.mac_input()), &footer.mac) {
            return Err(corrupt("the footer's MAC does not fit".into()));
        }
        let len = footer.root_len.saturating_sub(SEAL_LEN);
        let piece = Piece {
            kind: PieceKind::Root,
            codec: Codec::Stored as u8,
            ordinal: footer.root_offset,
            len,
            decoded_len: len,
        };
        let opened = keys.open(&piece, &footer.piece_hash, &mut stored_root)?;
        let opened = opened.ok_or_else(|| corrupt("the root page's tag does not fit".into()))?;
        if !same(&keys.piece_hash(opened), &footer.piece_hash) {
            return Err(corrupt("the root page's hash does not fit".into()));
        }
        let root = RootPage::decode(opened, true).map_err(corrupt)?;
        fitting(root, body, SEAL_LEN).map_err(corrupt)
    }

    /// Holds what is in the clear against the keys of an opened file, both copies of its key
    /// slots included.
    pub fn check_macs(&self, index: &Index) -> Result<()> {
        let operand = index.operand();
        let (Some(keys), Some(slots)) = (&index.keys, &self.slots) else {
            return Ok(());
        };
        let header = keys.mac(Place::Header, &Header::mac_input(&self.header_bytes));
        if self.header != index.header || !same(&header, &self.header.mac) {
            return Err(Error::corrupt(operand, "the header's MAC does not fit"));
        }
        if !same(
            &keys.mac(Place::Footer, &self.footer.mac_input()),
            &self.footer.mac,
        ) {
            return Err(Error::corrupt(operand, "the footer's MAC does not fit"));
        }
        slots.check(&self.header, keys, operand)
    }
}

/// The root page, unless it says that blocks take more bytes than there are for them: whoever
/// counts them reads no more than the file has.
fn fitting(root: RootPage, body: u64, tag: u32) -> Decoded<RootPage> {
    let tags = root.blocks.checked_mul(tag.into());
    match tags.and_then(|tags| tags.checked_add(root.stored_size)) {
        Some(held) if held <= body => Ok(root),
        _ => Err("its blocks are said to take more bytes than it has".into()),
    }
}

fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Snapshot;
    use crate::snapshot::testing::{Counted, Draft, Folder, open_bytes};

    fn good() -> Vec<u8> {
        Draft::sample().seal()
    }

    #[test]
    fn two_reads_and_few_bytes_whatever_the_size() {
        for blocks in [0, 1, 400] {
            let bytes = Draft::of_blocks(blocks, 4096).seal();
            let (storage, counts) = Counted::new(bytes);
            let snapshot = open_storage(Box::new(storage), None).unwrap();
            assert_eq!(snapshot.info().blocks, blocks as u64);
            let (reads, read) = counts.get();
            assert!(
                reads <= 4 && read <= 64 << 10,
                "{blocks} blocks: {reads} reads, {read} bytes"
            );
        }
    }

    fn open_storage(storage: Box<dyn Storage>, root: Option<Hash>) -> Result<Snapshot> {
        let options = OpenOptions {
            path: Path::new(""),
            cache_size: 0,
            expect_root: root,
            allow_plain: false,
            cancel: None,
            kdf_memory_max_kib: 0,
        };
        Snapshot::from_storage(storage, &options, None)
    }

    #[test]
    fn every_cut_and_every_longer_file_is_refused() {
        let good = good();
        open_bytes(good.clone()).unwrap();
        for len in (0..9000.min(good.len())).chain((9000..good.len()).step_by(97)) {
            let error = open_bytes(good[..len].to_vec()).err().unwrap();
            match len {
                0..8 => assert!(matches!(error, Error::NotSnapshot { .. }), "{len}: {error}"),
                _ => assert!(matches!(error, Error::Corrupt { .. }), "{len}: {error}"),
            }
        }
        for more in [1, 4095, 4096, 50_000] {
            let mut long = good.clone();
            long.resize(good.len() + more, 0);
            assert!(
                matches!(open_bytes(long), Err(Error::Corrupt { .. })),
                "{more} more"
            );
        }
        let mut twice = good.clone();
        twice.extend_from_slice(&good);
        assert!(matches!(open_bytes(twice), Err(Error::Corrupt { .. })));
    }

    #[test]
    fn every_changed_byte_of_header_root_page_and_footer_is_refused() {
        let good = good();
        let footer = Footer::decode(&good[good.len() - PAGE_4K..], good.len() as u64).unwrap();
        let root_at = footer.root_offset as usize;
        for at in (0..PAGE_4K).chain(root_at..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            assert!(open_bytes(bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn the_expected_root_is_held_against_the_file() {
        let bytes = good();
        let root = open_bytes(bytes.clone()).unwrap().info().root;
        let open = |root| open_storage(Box::new(Counted::new(bytes.clone()).0), Some(root));
        assert!(open(root).unwrap().index.pinned);
        let mut other = root;
        other[31] ^= 1;
        let error = open(other).err().unwrap();
        assert!(matches!(error, Error::Corrupt { .. }));
        let text = error.to_string();
        assert!(
            text.contains(&hex(&root)) && text.contains(&hex(&other)),
            "{text}"
        );
    }

    #[test]
    fn the_order_of_checks_is_magic_version_features_checksums() {
        let mut bytes = good();
        bytes[100] = 1;
        assert!(matches!(
            open_bytes(bytes.clone()),
            Err(Error::Corrupt { .. })
        ));
        bytes[16] = 0x80;
        assert!(matches!(
            open_bytes(bytes.clone()),
            Err(Error::Unsupported(_))
        ));
        bytes[8] = 9;
        let text = open_bytes(bytes.clone()).err().unwrap().to_string();
        assert!(text.contains("version 9"), "{text}");
        bytes[3] = 0;
        assert!(matches!(open_bytes(bytes), Err(Error::NotSnapshot { .. })));
    }

    #[test]
    fn from_a_file_and_cancelled() {
        let folder = Folder::new("open");
        let path = folder.path("a");
        std::fs::write(&path, good()).unwrap();
        let cancel = Cancel::default();
        let options = OpenOptions {
            path: &path,
            cache_size: 1,
            expect_root: None,
            allow_plain: false,
            cancel: Some(&cancel),
            kdf_memory_max_kib: 0,
        };
        let snapshot = Snapshot::open(&options, None).unwrap();
        assert_eq!(snapshot.find(b"disk").unwrap(), 0);
        let error = snapshot.find(b"tape").unwrap_err();
        assert!(
            matches!(&error, Error::NoStream(text) if text.contains("'disk'")),
            "{error}"
        );
        cancel.trigger();
        assert!(matches!(
            Snapshot::open(&options, None),
            Err(Error::Cancelled(_))
        ));
    }
}
