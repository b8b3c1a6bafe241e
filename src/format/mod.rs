//! The bytes of a snapshot: pure encode and decode, no I/O and no keys. docs/FORMAT.md is the
//! description of record; where the two disagree, one of them has a bug.

mod ancestors;
mod bytes;
mod footer;
mod header;
mod page;
mod root;
mod slots;

pub use ancestors::{AncestorEntry, AncestorsPage, is_hint};
pub use footer::Footer;
pub use header::{Header, MAGIC, compat, incompat};
pub use page::{
    BlockEntry, BlockPage, ChildEntry, ExtentEntry, ExtentPage, NodePage, PageKey, ParentPlace,
    Target, TreeKind, UnitPage,
};
pub use root::{RootPage, StreamEntry, Tree, root_hash};
pub use slots::{KeySlot, SLOTS, SlotPage, newest};

use crate::error::Why;

/// The version that this library writes, and the only one that it reads.
pub const VERSION: u32 = 1;
/// Length of the header, of the footer, and of the unit of deduplication for fixed blocks.
pub const PAGE_4K: usize = 4096;
/// Where the two copies of an encrypted file's key slots are.
pub const SLOTS_AT: [u64; 2] = [PAGE_4K as u64, 2 * PAGE_4K as u64];
/// Bytes that a sealed piece takes in the file besides its stored length.
pub const SEAL_LEN: u32 = 16;
/// Decoded length of a page of an index tree, at most.
pub const PAGE_MAX: usize = 16 << 10;
/// Length of the root page, at most.
pub const ROOT_MAX: usize = 32 << 10;
/// Decoded and stored length of a block, at most.
pub const BLOCK_MAX: u32 = 16 << 20;
/// Length of a dictionary, at most.
pub const DICTIONARY_MAX: usize = 112 << 10;
/// Least chunk that a snapshot may be cut into: it bounds how many blocks a few bytes lie in.
pub const CDC_MIN: u32 = 1024;
/// Streams in a snapshot, at most.
pub const STREAMS_MAX: usize = 256;
/// Bytes in a stream's name, at most.
pub const NAME_MAX: usize = 63;
/// Levels of an index tree, at most: 190 children a node reach more pages than 2^64 bytes hold.
pub const HEIGHT_MAX: u32 = 8;
/// First bytes of data space that no snapshot reaches: locations fit 47 bits.
pub const DATA_SPACE_MAX: u64 = 1 << 47;
/// Largest stream: offsets stay positive in a signed 64-bit number.
pub const STREAM_SIZE_MAX: u64 = i64::MAX as u64 & !(PAGE_4K as u64 - 1);

/// What decoding finds wrong; the caller knows which file it is.
pub type Decoded<T> = std::result::Result<T, Why>;

/// How the bytes of a block or page are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// As they are.
    Stored = 0,
    /// LZ4 block format.
    Lz4 = 1,
    /// One Zstandard frame.
    Zstd = 2,
    /// One Zstandard frame that needs the snapshot's dictionary.
    ZstdDictionary = 3,
}

impl Codec {
    /// The codec of that number.
    pub fn from_u8(v: u8) -> Option<Self> {
        [
            Codec::Stored,
            Codec::Lz4,
            Codec::Zstd,
            Codec::ZstdDictionary,
        ]
        .into_iter()
        .find(|c| *c as u8 == v)
    }
}

/// A BLAKE3-256 hash.
pub type Hash = [u8; 32];
/// First 16 bytes of the BLAKE3 hash of a unit.
pub type UnitHash = [u8; 16];

/// Where a page or dictionary is stored, and what its bytes must hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    /// Offset in the file.
    pub offset: u64,
    /// Bytes in the file, without the tag if they are sealed.
    pub stored_len: u32,
    /// Bytes when decoded.
    pub decoded_len: u32,
    /// How it is stored.
    pub codec: Codec,
    /// BLAKE3 of the stored bytes, keyed if they are sealed.
    pub hash: Hash,
}

impl Pointer {
    /// Encoded length.
    pub const LEN: usize = 56;

    fn encode(&self, w: &mut bytes::Writer<'_>) {
        w.u64(self.offset);
        w.u32(self.stored_len);
        w.u32(self.decoded_len);
        w.u8(self.codec as u8);
        w.zeros(7);
        w.bytes(&self.hash);
    }

    fn decode(r: &mut bytes::Reader<'_>, max: usize) -> Decoded<Self> {
        let p = Pointer {
            offset: r.u64()?,
            stored_len: r.u32()?,
            decoded_len: r.u32()?,
            codec: codec(r.u8()?)?,
            hash: {
                r.zeros(7, "pointer")?;
                r.array()?
            },
        };
        let stored_fits = match p.codec {
            Codec::Stored => p.stored_len == p.decoded_len,
            Codec::Zstd => p.stored_len < p.decoded_len,
            Codec::Lz4 | Codec::ZstdDictionary => false,
        };
        if !stored_fits || p.stored_len == 0 || p.decoded_len as usize > max {
            return Err("a pointer's lengths or codec do not fit".into());
        }
        if p.offset < PAGE_4K as u64 || p.offset.checked_add(p.stored_len.into()).is_none() {
            return Err("a pointer leads outside the file".into());
        }
        Ok(p)
    }
}

/// A 4 KiB structure as its MAC is of it: with zeros for MAC and checksum.
fn without_mac(mut bytes: [u8; PAGE_4K], mac_at: usize) -> [u8; PAGE_4K] {
    for range in [mac_at..mac_at + 32, PAGE_4K - 4..PAGE_4K] {
        if let Some(field) = bytes.get_mut(range) {
            field.fill(0);
        }
    }
    bytes
}

fn codec(v: u8) -> Decoded<Codec> {
    Codec::from_u8(v).ok_or_else(|| format!("unknown codec {v}").into())
}
