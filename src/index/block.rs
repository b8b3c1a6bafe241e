//! One block: read, checked, decoded.

use super::Index;
use super::page::Block;
use super::scratch::{Scratch, grow};
use crate::codec::{DecodeDictionary, Decoder};
use crate::crypto::{Piece, PieceKind};
use crate::error::{Error, Result, Why};
use crate::format::Codec;

impl Index {
    /// Reads a block from the file, checks it, and decodes it into exactly `out`.
    pub(crate) fn fetch(&self, block: &Block, scratch: &mut Scratch, out: &mut [u8]) -> Result<()> {
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

    /// As [`Index::fetch`]; gives what was decoded as well, nothing where `out` is what is stored.
    pub(crate) fn fetch_stored<'s>(
        &self,
        block: &Block,
        scratch: &'s mut Scratch,
        out: &mut [u8],
    ) -> Result<&'s [u8]> {
        self.fetch(block, scratch, out)?;
        // Sealed bytes were opened in place, the tag behind them.
        Ok(match block.entry.codec {
            Codec::Stored => &[],
            _ => {
                let len = block.entry.stored_len as usize;
                scratch.stored.get(..len).unwrap_or_default()
            }
        })
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
        self.corrupt(why.within(&format!("block at byte {}", block.file_at)))
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

    /// The bytes of the dictionary, if there is one.
    pub(crate) fn dictionary_bytes(&self) -> Result<Option<Vec<u8>>> {
        let Some(pointer) = &self.root.dictionary else {
            return Ok(None);
        };
        let misfit = |why| self.bad_dictionary(why);
        self.pointed(PieceKind::Dictionary, pointer, misfit)
            .map(Some)
    }

    fn bad_dictionary(&self, why: Why) -> Error {
        let offset = self.root.dictionary.map_or(0, |pointer| pointer.offset);
        self.corrupt(why.within(&format!("dictionary at byte {offset}")))
    }

    /// The dictionary, as the file has it now.
    pub(crate) fn read_dictionary(&self) -> Result<DecodeDictionary> {
        let Some(bytes) = self.dictionary_bytes()? else {
            return Err(self.corrupt("a block needs a dictionary, but there is none"));
        };
        DecodeDictionary::new(&bytes)?.ok_or_else(|| {
            self.bad_dictionary("it is no Zstandard dictionary (RFC 8878, section 5)".into())
        })
    }
}
