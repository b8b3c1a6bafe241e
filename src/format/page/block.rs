//! Leaves of blocks: the block table.

use super::super::{BLOCK_MAX, Codec, DATA_SPACE_MAX, Decoded, Hash, PAGE_4K, codec};
use super::{Head, KIND_BLOCKS, Lead, PAGE, PageKey, capacity, column, read_head};
use crate::error::{Result, try_with_capacity};

/// A stored block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockEntry {
    /// Bytes in the file, without the tag if they are sealed.
    pub stored_len: u32,
    /// Bytes in data space.
    pub decoded_len: u32,
    /// How it is stored.
    pub codec: Codec,
    /// CRC-32C of the stored bytes; 0 if they are sealed.
    pub crc: u32,
    /// BLAKE3 of the stored bytes, keyed if they are sealed.
    pub hash: Hash,
}

/// A leaf of the block table: blocks that follow each other in data space and in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlockPage {
    /// First byte in data space.
    pub at: u64,
    /// First byte in the file.
    pub base: u64,
    /// The blocks.
    pub entries: Vec<BlockEntry>,
}

impl BlockPage {
    const ENTRY: usize = 4 + 4 + 1 + 1 + 4 + 32;
    /// Blocks that fit a page.
    pub const CAPACITY: usize = capacity(Self::ENTRY);

    /// The decoded bytes of this page.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let lead = Lead {
            kind: KIND_BLOCKS,
            level: 0,
            key: PageKey {
                stream: 0,
                at: self.at,
            },
            base: self.base,
        };
        lead.page(self.entries.len(), Self::ENTRY, |w| {
            self.entries.iter().for_each(|e| w.u32(e.stored_len));
            self.entries.iter().for_each(|e| w.u32(e.decoded_len));
            self.entries.iter().for_each(|e| w.u8(e.codec as u8));
            w.zeros(self.entries.len()); // filters: none yet
            self.entries.iter().for_each(|e| w.u32(e.crc));
            self.entries.iter().for_each(|e| w.bytes(&e.hash));
        })
    }

    /// Decodes a page, and checks all that can be checked without its surroundings.
    pub fn decode(bytes: &[u8]) -> Decoded<Self> {
        let Head {
            count,
            key,
            base,
            rest: mut r,
        } = read_head(bytes, KIND_BLOCKS, 0, Self::ENTRY)?;
        let stored_lens = column(count, || r.u32())?;
        let decoded_lens = column(count, || r.u32())?;
        let codecs = column(count, || codec(r.u8()?))?;
        if column(count, || r.u8())?.iter().any(|filter| *filter != 0) {
            return Err("a block has a filter that this version does not know".into());
        }
        let crcs = column(count, || r.u32())?;
        let hashes = column(count, || r.array())?;
        let (mut at, mut file) = (key.at, base);
        let mut entries = try_with_capacity(count, PAGE)?;
        for i in 0..count {
            let (stored_len, decoded_len) = (stored_lens[i], decoded_lens[i]);
            let fits = match codecs[i] {
                Codec::Stored => stored_len == decoded_len,
                _ => stored_len < decoded_len,
            };
            at = at.saturating_add(decoded_len.into());
            file = file.saturating_add(stored_len.into());
            if !fits || stored_len == 0 || decoded_len > BLOCK_MAX {
                return Err("a block's lengths do not fit".into());
            }
            entries.push(BlockEntry {
                stored_len,
                decoded_len,
                codec: codecs[i],
                crc: crcs[i],
                hash: hashes[i],
            });
        }
        let placed = base >= PAGE_4K as u64 && file < u64::MAX && at <= DATA_SPACE_MAX;
        if !placed || key.stream != 0 {
            return Err("a block page's head does not fit".into());
        }
        Ok(BlockPage {
            at: key.at,
            base,
            entries,
        })
    }
}
