//! New units that share a block.

use super::super::placed::Met;
use crate::error::{Result, try_push};
use crate::format::{PAGE_4K, UnitHash};

/// Units one behind the other, on their way to a block.
#[derive(Default)]
pub struct Pool {
    pub bytes: Vec<u8>,
    /// Where the first unit was read.
    pub first: Met,
    pub hashes: Vec<UnitHash>,
    /// Lengths of the units if they are chunks, else empty.
    pub lens: Vec<u32>,
    /// Rises with every close, so that a place in an older pool is recognised.
    generation: u64,
}

impl Pool {
    /// Which pool this is.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether it has no units.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether it has to close before `len` bytes are added, to keep to blocks of `block_size`.
    pub fn is_full(&self, len: usize, block_size: usize) -> bool {
        !self.bytes.is_empty() && self.bytes.len() + len > block_size
    }

    /// Gives an empty pool a buffer, for units of which the first one was read there.
    pub fn begin(&mut self, buffer: Vec<u8>, first: Met) {
        self.bytes = buffer;
        self.first = first;
    }

    /// Adds a unit, with its length if it is a chunk. Tells its offset.
    pub fn add(&mut self, bytes: &[u8], hash: &UnitHash, chunk: Option<u32>) -> Result<u64> {
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        try_push(&mut self.hashes, *hash, "the units of a block")?;
        if let Some(len) = chunk {
            try_push(&mut self.lens, len, "the units of a block")?;
        }
        Ok(offset)
    }

    /// What was in it; from here on it is the next one, and empty.
    pub fn close(&mut self) -> Pool {
        let generation = self.generation + 1;
        std::mem::replace(
            self,
            Pool {
                generation,
                ..Pool::default()
            },
        )
    }

    /// Hashes of the units, each with its offset.
    pub fn units(&self) -> impl Iterator<Item = (&UnitHash, u64)> {
        let mut next = 0;
        self.hashes.iter().enumerate().map(move |(i, hash)| {
            let offset = next;
            next += self
                .lens
                .get(i)
                .map_or(PAGE_4K as u64, |len| u64::from(*len));
            (hash, offset)
        })
    }
}
