//! What placing gives: new blocks and the extents that point into them.

use std::sync::Arc;

use super::segment::Buffer;
use super::writer::StreamExtent;
use crate::format::UnitHash;

/// Bytes of a new block.
pub enum BlockData {
    /// In a segment's buffer.
    Slice {
        /// The buffer.
        buffer: Arc<Buffer>,
        /// First byte.
        at: usize,
        /// Bytes.
        len: usize,
    },
    /// Gathered.
    Owned(Vec<u8>),
}

impl BlockData {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            BlockData::Slice { buffer, at, len } => {
                buffer.bytes.get(*at..at + len).unwrap_or_default()
            }
            BlockData::Owned(bytes) => bytes,
        }
    }
}

/// Where a unit was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Met {
    /// Index of the stream.
    pub stream: u32,
    /// Its first byte there.
    pub offset: u64,
}

/// A block of new units.
pub struct NewBlock {
    /// The stream that brought it in.
    pub stream: u32,
    /// Where its first unit was read.
    pub first: Met,
    /// The units one behind the other.
    pub data: BlockData,
    /// Hashes of the units.
    pub hashes: Vec<UnitHash>,
    /// Lengths of the units if they are chunks, else empty.
    pub lens: Vec<u32>,
}

/// What placing gives, in the order of the file.
pub enum Placed {
    /// The next block of data space.
    Block(NewBlock),
    /// Runs of the streams, in order.
    Extents(Vec<StreamExtent>),
}

/// Logical bytes by what became of them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    /// In zero runs.
    pub zero: u64,
    /// Found elsewhere.
    pub duplicate: u64,
    /// In the parent, what that leans on, or a base.
    pub inherited: u64,
    /// New.
    pub unique: u64,
}
