//! The reading side: snapshots opened, read at any place, checked, and written out again.
//!
//! A place in a stream leads through the tree of extents to a place in data space, and from there
//! through the tree of blocks to a stored block ([`index`](crate::index)). Pages and decoded blocks
//! are kept in two bounded caches; no lock is held while anything is read or decoded.

mod ancestors;
mod damage;
mod diff;
mod extent;
mod extract;
mod in_place;
mod open;
mod read;
mod rekey;
mod source;
mod stored;
mod team;
mod tiling;
mod verify;

#[cfg(test)]
mod bomb_tests;
#[cfg(test)]
mod encrypted_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod lies_tests;
#[cfg(test)]
mod secrets_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod thin_tests;

pub use ancestors::Ancestor;
pub use diff::{Change, Difference};
pub use extent::{Extent, ExtentKind};
pub use extract::{ExtractMode, ExtractOptions};
pub use in_place::Holders;
pub use rekey::{Operation, RekeyRequest, rekey};
pub use source::StreamSource;
pub use verify::VerifyReport;

use std::sync::OnceLock;

use crate::error::{Error, Result};
use crate::format::{Hash, StreamEntry, VERSION};
use crate::index::Chain;
pub use crate::index::{CACHE_DEFAULT, OpenOptions, Storage};

/// Bytes of stream names that an error text tells before it stops.
const NAMES_TOLD: usize = 1 << 10;

/// An open snapshot.
///
/// Every method may be called from many threads at once. No byte leaves it that was not checked.
///
/// Memory: decoded blocks and index pages together take at most the cache size that it was opened
/// with and 256 KiB; buffers kept between reads at most 4 MiB and sixteen decoding contexts; each
/// running read, two blocks of the largest size that the root page allows.
pub struct Snapshot {
    pub(crate) chain: Chain,
    /// Logical bytes that come from each ancestor, once they were counted.
    inherited: OnceLock<Vec<u64>>,
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
            root: self.chain.index.hash,
            parent_root: self
                .chain
                .index
                .lineage
                .as_ref()
                .map_or([0; 32], |l| l.parent),
            format_version: VERSION,
            stream_count: self.chain.index.root.streams.len() as u32,
            encrypted: self.chain.index.header.is_encrypted(),
            cdc: self.chain.index.root.is_cdc(),
            compression: self.chain.index.root.compression.into(),
            level: self.chain.index.root.level,
            block_size: self.chain.index.root.block_size,
            dictionary_size: self
                .chain
                .index
                .root
                .dictionary
                .map_or(0, |p| p.decoded_len),
            file_size: self.chain.index.storage.size(),
            logical_size: self.logical_size(),
            blocks: self.chain.index.root.blocks,
        }
    }

    /// Whether this thread is within a read of what it lies in: see [`Storage::is_within`].
    pub fn is_within_storage(&self) -> bool {
        let mut files = self.chain.files();
        files.any(|index| index.storage.is_within())
    }

    /// The streams in order.
    pub fn streams(&self) -> &[StreamEntry] {
        &self.chain.index.root.streams
    }

    /// Index of the stream of that name. One that is no UTF-8 is no stream's.
    pub fn find(&self, name: &[u8]) -> Result<u32> {
        let mut streams = self.chain.index.root.streams.iter();
        let index = streams.position(|s| s.name.as_bytes() == name);
        index.map(|i| i as u32).ok_or_else(|| {
            let mut names = String::new();
            for stream in &self.chain.index.root.streams {
                let comma = if names.is_empty() { "" } else { ", " };
                if names.len() > NAMES_TOLD {
                    names += ", and more";
                    break;
                }
                names += &format!("{comma}'{}'", stream.name.escape_debug());
            }
            Error::NoStream(format!(
                "'{}': no stream is named '{}'; there are: {names}",
                self.chain.index.operand(),
                String::from_utf8_lossy(name).escape_debug(),
            ))
        })
    }

    fn stream(&self, index: u32) -> Result<&StreamEntry> {
        self.chain
            .index
            .root
            .streams
            .get(index as usize)
            .ok_or_else(|| {
                Error::NoStream(format!(
                    "'{}': no stream has index {index}; there are {}",
                    self.chain.index.operand(),
                    self.chain.index.root.streams.len()
                ))
            })
    }

    fn logical_size(&self) -> u64 {
        self.chain
            .index
            .root
            .streams
            .iter()
            .fold(0, |sum: u64, s| sum.saturating_add(s.size))
    }
}
