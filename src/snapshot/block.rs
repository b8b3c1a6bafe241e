//! One block: read, checked, decoded; and the buffers that this takes, kept for the next time.

use std::sync::{Arc, Mutex, PoisonError};

use super::Snapshot;
use crate::codec::{DecodeDictionary, Decoder};
use crate::crypto::{Piece, PieceKind};
use crate::error::{Error, Result, Why, try_grow};
use crate::format::Codec;
use crate::index::page::Block;

/// Contexts and buffers that one thread decodes with.
pub(crate) struct Scratch {
    pub decoder: Decoder,
    /// Stored bytes; only ever grows.
    pub stored: Vec<u8>,
    /// A block's bytes, on their way into the cache or out of it.
    pub block: Vec<u8>,
}

/// A scratch for one call or thread, had when it is first needed and given back at the end.
pub(crate) struct Lease<'a> {
    pool: &'a Pool,
    scratch: Option<Scratch>,
}

impl Lease<'_> {
    pub fn scratch(&mut self) -> Result<&mut Scratch> {
        let scratch = match self.scratch.take() {
            Some(scratch) => scratch,
            None => self.pool.take()?,
        };
        Ok(self.scratch.insert(scratch))
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        if let Some(scratch) = self.scratch.take() {
            self.pool.put(scratch);
        }
    }
}

/// Idle scratches. Bounded: what is beyond the bounds is freed.
#[derive(Default)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Scratch>>,
}

impl Pool {
    /// Idle contexts at most; each takes about 160 KiB.
    const COUNT_MAX: usize = 16;
    /// Bytes of buffers in idle scratches at most.
    pub const BYTES_MAX: usize = 4 << 20;

    pub fn lease(&self) -> Lease<'_> {
        Lease {
            pool: self,
            scratch: None,
        }
    }

    fn take(&self) -> Result<Scratch> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(scratch) => Ok(scratch),
            None => Ok(Scratch {
                decoder: Decoder::new()?,
                stored: Vec::new(),
                block: Vec::new(),
            }),
        }
    }

    fn put(&self, mut scratch: Scratch) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let held: usize = idle.iter().map(Scratch::bytes).sum();
        if held + scratch.bytes() > Self::BYTES_MAX {
            scratch.stored = Vec::new();
            scratch.block = Vec::new();
        }
        if idle.len() < Self::COUNT_MAX {
            idle.push(scratch);
        }
    }

    #[cfg(test)]
    pub fn bytes(&self) -> usize {
        self.idle.lock().unwrap().iter().map(Scratch::bytes).sum()
    }
}

impl Scratch {
    fn bytes(&self) -> usize {
        self.stored.capacity() + self.block.capacity()
    }

    /// The first `len` bytes of the buffer for stored bytes.
    pub fn stored(&mut self, len: usize) -> Result<&mut [u8]> {
        grow(&mut self.stored, len, "stored blocks")?;
        Ok(self.stored.get_mut(..len).unwrap_or_default())
    }
}

/// Makes a reused buffer at least `len` bytes long.
pub(crate) fn grow(buf: &mut Vec<u8>, len: usize, what: &'static str) -> Result<()> {
    if buf.len() < len {
        // The old bytes are worth nothing: do not have them copied.
        if buf.capacity() < len {
            *buf = Vec::new();
        }
        try_grow(buf, len, what)?;
    }
    Ok(())
}

impl Snapshot {
    /// Copies a part of a block, from `skip` on, through the cache of decoded blocks. A block that
    /// is wanted whole is decoded in place and not kept: who reads so much reads on.
    pub(crate) fn read_block(
        &self,
        block: &Block,
        skip: usize,
        out: &mut [u8],
        lease: &mut Lease<'_>,
    ) -> Result<()> {
        if let Some(hit) = self.blocks.get(block.at)
            && let Some(part) = hit.get(skip..skip + out.len())
        {
            out.copy_from_slice(part);
            return Ok(());
        }
        let scratch = lease.scratch()?;
        if out.len() == block.len() {
            return self.fetch(block, scratch, out);
        }
        let mut bytes = std::mem::take(&mut scratch.block);
        // Not one much too large for it: the cache counts what is held, not what is used.
        if bytes.capacity() / 2 > block.len() {
            bytes = Vec::new();
        }
        bytes.truncate(block.len());
        grow(&mut bytes, block.len(), "a decoded block")?;
        self.fetch(block, scratch, &mut bytes)?;
        let part = bytes.get(skip..skip + out.len()).ok_or_else(out_of_block)?;
        out.copy_from_slice(part);
        let weight = bytes.capacity();
        let fallen = self.blocks.insert(block.at, Arc::new(bytes), weight);
        scratch.block = fallen.and_then(Arc::into_inner).unwrap_or_default();
        Ok(())
    }

    /// Reads a block from the file, checks it, and decodes it into exactly `out`.
    fn fetch(&self, block: &Block, scratch: &mut Scratch, out: &mut [u8]) -> Result<()> {
        let Scratch {
            decoder, stored, ..
        } = scratch;
        let as_it_is = block.entry.codec == Codec::Stored;
        if as_it_is && self.keys.is_none() {
            self.storage.read_at(block.file_at, out)?;
            return self.check_stored(block, out, self.pinned).map(|_| ());
        }
        grow(stored, block.file_len(), "a stored block")?;
        let stored = stored.get_mut(..block.file_len()).unwrap_or_default();
        self.storage.read_at(block.file_at, stored)?;
        let stored = self.check_stored(block, stored, self.pinned)?;
        if as_it_is {
            out.copy_from_slice(stored);
            return Ok(());
        }
        self.decode_block(block, decoder, stored, out)
    }

    /// Holds a block as it is in the file against the block table, by checksum or tag, and if
    /// `strong` by its hash too. Gives the stored bytes, which it opens in place if they are sealed.
    pub(crate) fn check_stored<'a>(
        &self,
        block: &Block,
        bytes: &'a mut [u8],
        strong: bool,
    ) -> Result<&'a [u8]> {
        let Some(keys) = &self.keys else {
            if crc32c::crc32c(bytes) != block.entry.crc {
                return Err(self.bad_block(block, "its checksum does not fit".into()));
            }
            if strong && *blake3::hash(bytes).as_bytes() != block.entry.hash {
                return Err(self.bad_block(block, "its hash does not fit".into()));
            }
            return Ok(bytes);
        };
        let piece = Piece {
            kind: PieceKind::Block,
            codec: block.entry.codec as u8,
            ordinal: block.at,
            len: block.entry.stored_len,
            decoded_len: block.entry.decoded_len,
        };
        let Some(stored) = keys.open(&piece, &block.entry.hash, bytes)? else {
            return Err(self.bad_block(block, "its tag does not fit".into()));
        };
        if strong && keys.piece_hash(stored) != block.entry.hash {
            return Err(self.bad_block(block, "its hash does not fit".into()));
        }
        Ok(stored)
    }

    /// Decodes checked bytes.
    pub(crate) fn decode_block(
        &self,
        block: &Block,
        decoder: &mut Decoder,
        stored: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let dictionary = match block.entry.codec {
            Codec::ZstdDictionary => Some(self.dictionary()?),
            _ => None,
        };
        decoder
            .decode(block.entry.codec, dictionary, stored, out)
            .map_err(|why| self.bad_block(block, why))
    }

    pub(crate) fn bad_block(&self, block: &Block, why: Why) -> Error {
        self.corrupt(format!("block at byte {}: {why}", block.file_at))
    }

    /// The dictionary, read at first use.
    pub(crate) fn dictionary(&self) -> Result<&DecodeDictionary> {
        if let Some(dictionary) = self.dictionary.get() {
            return Ok(dictionary);
        }
        let loaded = self.read_dictionary()?;
        // Two threads may come here at once: either one's will do.
        Ok(self.dictionary.get_or_init(|| loaded))
    }

    /// The dictionary, as the file has it now.
    pub(crate) fn read_dictionary(&self) -> Result<DecodeDictionary> {
        let Some(pointer) = &self.root.dictionary else {
            return Err(self.corrupt("a block needs a dictionary, but there is none"));
        };
        let misfit =
            |why: Why| self.corrupt(format!("dictionary at byte {}: {why}", pointer.offset));
        let bytes = self.pointed(PieceKind::Dictionary, pointer, misfit)?;
        DecodeDictionary::new(&bytes)?
            .ok_or_else(|| misfit("it is no Zstandard dictionary (RFC 8878, section 5)".into()))
    }
}

fn out_of_block() -> Error {
    Error::Internal("a read goes beyond its block".into())
}
