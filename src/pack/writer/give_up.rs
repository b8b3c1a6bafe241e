//! Extents that were written and turn out to be none: their pages become room that is taken up.

use super::super::filler::{Filler, parts};
use super::super::hash::unit_hash;
use super::super::seal::seal;
use super::super::tree::TreeBuilder;
use super::Writer;
use crate::crypto::{Piece, PieceKind, TAG_LEN};
use crate::error::{Error, Result, try_push};
use crate::format::{
    BlockEntry, Codec, DATA_SPACE_MAX, ExtentPage, PAGE_4K, Pointer, SEAL_LEN, TreeKind, UnitPage,
};

/// Pages and nodes of extents: where each lies, and how long it is.
#[derive(Default)]
pub struct GivenUp {
    pages: Vec<(u64, u32)>,
    /// Whether they are given up.
    all: bool,
}

impl Writer<'_> {
    /// Extents may be given up later. Only where the sink can be rewritten, and without chunks.
    pub fn may_give_up(&mut self) {
        self.given_up = Some(GivenUp::default());
    }

    /// Takes note of a page of that tree.
    pub fn note(&mut self, tree: usize, page: &Pointer) -> Result<()> {
        if let Some(given_up) = &mut self.given_up
            && tree == TreeKind::Extents as usize - 1
            && !given_up.all
        {
            let tag = if self.keys.is_some() { SEAL_LEN } else { 0 };
            let page = (page.offset, page.stored_len + tag);
            try_push(&mut given_up.pages, page, "pages of extents")?;
        }
        Ok(())
    }

    /// Gives up all extents so far. They come anew, in order.
    pub fn give_up_extents(&mut self) {
        self.extents = ExtentPage::default();
        self.logical = 0;
        self.waiting.retain(|(kind, ..)| *kind != TreeKind::Extents);
        self.trees[TreeKind::Extents as usize - 1] = TreeBuilder::new(TreeKind::Extents);
        for stream in &mut self.parameters.streams {
            (stream.data_size, stream.zero_size) = (0, 0);
        }
        if let Some(given_up) = &mut self.given_up {
            given_up.all = true;
        }
    }

    /// Has the room of the pages taken up that were given up; tells how many bytes that is.
    pub fn take_up(&mut self) -> Result<u64> {
        let given_up = self.given_up.take().filter(|given_up| given_up.all);
        let pages = given_up.map(|given_up| given_up.pages).unwrap_or_default();
        if pages.is_empty() {
            return Ok(0);
        }
        self.end_blocks()?;
        self.flush()?;
        let tag = if self.keys.is_some() { TAG_LEN } else { 0 };
        let mut taken = 0;
        for (offset, len) in pages {
            (self.blocks.at, self.blocks.base) = (self.data_size, offset);
            let mut at = offset;
            for len in parts(len as usize, tag) {
                at += self.fill(at, len)?;
            }
            taken += at - offset;
            self.end_blocks()?;
        }
        Ok(taken)
    }

    /// A block of `len` bytes, and its tag, over what is at `offset`.
    fn fill(&mut self, offset: u64, len: usize) -> Result<u64> {
        let Filler { mut stored, page } = Filler::new(len)?;
        let mut entry = BlockEntry {
            stored_len: len as u32,
            decoded_len: PAGE_4K as u32,
            codec: Codec::Lz4,
            crc: 0,
            hash: [0; 32],
        };
        let hash = match self.keys {
            None => {
                entry.crc = crc32c::crc32c(&stored);
                entry.hash = *blake3::hash(&stored).as_bytes();
                unit_hash(&page, None)
            }
            Some(keys) => {
                let piece = Piece {
                    kind: PieceKind::Block,
                    codec: entry.codec as u8,
                    ordinal: self.data_size,
                    len: entry.stored_len,
                    decoded_len: entry.decoded_len,
                };
                entry.hash = seal(keys, &piece, &[], &mut stored)?;
                keys.with_unit_hash_key(|key| unit_hash(&page, Some(key)))
            }
        };
        self.sink.rewrite(offset, &stored)?;
        try_push(&mut self.blocks.entries, entry, "a page of the index")?;
        try_push(&mut self.units.hashes, hash, "a page of the index")?;
        let units_full = self.units.hashes.len() == UnitPage::CAPACITY;
        self.data_size += PAGE_4K as u64;
        self.block_count += 1;
        self.unit_count += 1;
        let stored_len = u64::from(entry.stored_len);
        self.stored_size += stored_len;
        // Some stream has to have brought it in.
        if let Some(stream) = self.parameters.streams.first_mut() {
            stream.stored_size += stored_len;
        }
        if self.data_size > DATA_SPACE_MAX {
            return Err(Error::Unsupported(format!(
                "more than {DATA_SPACE_MAX} bytes of unique data; split the streams over snapshots"
            )));
        }
        if units_full {
            self.end_units()?;
        }
        Ok(stored.len() as u64)
    }
}
