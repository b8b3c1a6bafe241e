//! Blocks that a source has stored already, for a new snapshot that would compress the same bytes the
//! same way.

use crate::error::Result;
use crate::format::Codec;
use crate::profile::Compression;

/// How the blocks of a new snapshot are compressed.
#[derive(Debug, Clone, Copy)]
pub struct Recipe<'a> {
    /// The codec.
    pub compression: Compression,
    /// Its level.
    pub level: i32,
    /// The bytes of the dictionary, if there is one.
    pub dictionary: Option<&'a [u8]>,
}

impl Recipe<'_> {
    /// The codec of blocks that shrink.
    pub fn codec(&self) -> Codec {
        match (self.compression, self.dictionary) {
            (Compression::None, _) => Codec::Stored,
            (Compression::Lz4, _) => Codec::Lz4,
            (Compression::Zstd, None) => Codec::Zstd,
            (Compression::Zstd, Some(_)) => Codec::ZstdDictionary,
        }
    }
}

/// The stored blocks of one stream, which were made by a recipe. Any thread may ask for them.
pub trait StoredBlocks: Send + Sync {
    /// Puts what is stored into `out`, and tells its codec, if the stream has from `offset` on one
    /// whole block, and that unpacks to exactly `plain`. Where bytes are stored as they are, `out`
    /// becomes empty. Else leaves `out` alone.
    fn take(&self, offset: u64, plain: &[u8], out: &mut Vec<u8>) -> Result<Option<Codec>>;
}
