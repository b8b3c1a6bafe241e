//! The reading side: snapshots opened, read at any place, checked, and written out again.
//!
//! A place in a stream leads through the tree of extents to a place in data space, and from there
//! through the tree of blocks to a stored block ([`index`](crate::index)). Pages and decoded blocks
//! are kept in two bounded caches; no lock is held while anything is read or decoded.

pub(crate) mod block;
mod damage;
mod extent;
mod extract;
mod in_place;
mod read;
mod rekey;
mod team;
mod tiling;
mod verify;

#[cfg(test)]
mod bomb_tests;
#[cfg(test)]
mod encrypted_tests;
#[cfg(test)]
mod secrets_tests;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::OnceLock;

pub use extent::{Extent, ExtentKind};
pub use extract::ExtractOptions;
pub use rekey::{Operation, RekeyRequest, rekey};
pub use verify::VerifyReport;

use crate::codec::DecodeDictionary;
use crate::crypto::Keys;
use crate::error::{Error, Result, Why};
use crate::format::{Hash, Header, PAGE_4K, RootPage, SLOTS_AT, StreamEntry, VERSION};
use crate::index::cache::Cache;
use crate::index::page::Bounds;
use crate::index::tree::PageCache;
pub use crate::index::{OpenOptions, Storage};
use block::Pool;

/// Bytes of cache when the caller names none.
pub const CACHE_DEFAULT: u64 = 32 << 20;
/// Most that index pages take of the cache; they get a quarter of a smaller one.
pub(crate) const PAGES_MAX: u64 = 8 << 20;
/// What index pages get however small the cache is: the way from the top to a leaf of each tree.
pub(crate) const PAGES_MIN: u64 = 256 << 10;
/// What a page takes in memory, at most.
pub(crate) const PAGE_WEIGHT: usize = 34 << 10;

/// An open snapshot.
///
/// Every method may be called from many threads at once. No byte leaves it that was not checked.
///
/// Memory: decoded blocks and index pages together take at most the cache size that it was opened
/// with and 256 KiB; buffers kept between reads at most 4 MiB and sixteen decoding contexts; each
/// running read, two blocks of the largest size that the root page allows.
pub struct Snapshot {
    pub(crate) storage: Box<dyn Storage>,
    pub(crate) header: Header,
    /// The keys of an encrypted one.
    pub(crate) keys: Option<Keys>,
    pub(crate) hash: Hash,
    pub(crate) root: RootPage,
    /// Where blocks and pages end in the file.
    pub(crate) body_end: u64,
    /// Whether the caller knows the root: then no checksum without a key is trusted.
    pub(crate) pinned: bool,
    pub(crate) pages: PageCache,
    pub(crate) blocks: Cache<Vec<u8>>,
    pub(crate) pool: Pool,
    pub(crate) dictionary: OnceLock<DecodeDictionary>,
}

/// What there is to say about a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// The root hash.
    pub root: Hash,
    /// The parent's root hash; zeros without a parent.
    pub parent_root: Hash,
    /// Version of the file format.
    pub format_version: u32,
    /// Streams.
    pub stream_count: u32,
    /// Whether it is encrypted.
    pub encrypted: bool,
    /// Whether it was cut into content-defined chunks.
    pub cdc: bool,
    /// 0 none, 1 lz4, 2 zstd: what was asked for. Single blocks may be stored as they are.
    pub compression: u32,
    /// Level of the compression.
    pub level: i32,
    /// Bytes that were compressed together.
    pub block_size: u32,
    /// Bytes of the dictionary; 0 without one.
    pub dictionary_size: u32,
    /// Bytes of the file.
    pub file_size: u64,
    /// Bytes of all streams.
    pub logical_size: u64,
    /// Stored blocks.
    pub blocks: u64,
}

impl Snapshot {
    /// What there is to say about it. Reads nothing.
    pub fn info(&self) -> Info {
        Info {
            root: self.hash,
            parent_root: Hash::default(),
            format_version: VERSION,
            stream_count: self.root.streams.len() as u32,
            encrypted: self.header.is_encrypted(),
            cdc: self.root.is_cdc(),
            compression: self.root.compression.into(),
            level: self.root.level,
            block_size: self.root.block_size,
            dictionary_size: self.root.dictionary.map_or(0, |p| p.decoded_len),
            file_size: self.storage.size(),
            logical_size: self.logical_size(),
            blocks: self.root.blocks,
        }
    }

    /// The streams in order.
    pub fn streams(&self) -> &[StreamEntry] {
        &self.root.streams
    }

    /// Index of the stream of that name.
    pub fn find(&self, name: &str) -> Result<u32> {
        let index = self.root.streams.iter().position(|s| s.name == name);
        index.map(|i| i as u32).ok_or_else(|| {
            let quoted = |s: &StreamEntry| format!("'{}'", s.name.escape_debug());
            let names: Vec<_> = self.root.streams.iter().map(quoted).collect();
            Error::NoStream(format!(
                "'{}': no stream is named '{}'; there are: {}",
                self.storage.operand(),
                name.escape_debug(),
                names.join(", "),
            ))
        })
    }

    fn stream(&self, index: u32) -> Result<&StreamEntry> {
        self.root.streams.get(index as usize).ok_or_else(|| {
            Error::NoStream(format!(
                "'{}': no stream has index {index}; there are {}",
                self.storage.operand(),
                self.root.streams.len()
            ))
        })
    }

    fn logical_size(&self) -> u64 {
        self.root
            .streams
            .iter()
            .fold(0, |sum: u64, s| sum.saturating_add(s.size))
    }

    pub(crate) fn bounds(&self) -> Bounds<'_> {
        Bounds {
            root: &self.root,
            sealed: self.keys.is_some(),
            file_start: body_start(&self.header),
            file_end: self.body_end,
        }
    }

    pub(crate) fn corrupt(&self, why: impl Into<Why>) -> Error {
        Error::corrupt(self.storage.operand(), why)
    }
}

/// Where blocks and pages begin in a file with that header.
pub(crate) fn body_start(header: &Header) -> u64 {
    match header.is_encrypted() {
        true => SLOTS_AT[1] + PAGE_4K as u64,
        false => PAGE_4K as u64,
    }
}
