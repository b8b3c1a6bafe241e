//! Every block: its checksum or tag, its hash, its decoding, and the hashes of its units.

use std::ops::Range;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::super::damage::Found;
use super::super::team::{Beat, PIECE};
use super::{Check, damage_text};
use crate::error::Result;
use crate::format::{Codec, PageKey, TreeKind};
use crate::index::page::Block;
use crate::index::scratch::{Scratch, grow};
use crate::index::tree::{Broken, Leaf};

/// Said of blocks that the root page leaves no room for.
const TOO_MANY: &str = "leaves hold more blocks, or more stored bytes, than the root page says";

/// Where the next batch begins.
#[derive(Default)]
pub struct Cursor {
    at: u64,
    leaf: Option<Leaf>,
    pub blocks: u64,
    pub stored: u64,
}

/// Blocks of one leaf that lie together in the file.
pub struct Batch {
    leaf: Leaf,
    blocks: Range<usize>,
}

impl Check<'_> {
    /// The next blocks that lie together, if any are left.
    pub fn claim(&self, beat: &mut Beat<'_>) -> Result<Option<Batch>> {
        let root = &self.index.root;
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        while cursor.at < root.data_size {
            beat()?;
            let leaf = match cursor.leaf.take() {
                Some(leaf) => leaf,
                None => match self.leaf(
                    TreeKind::Blocks,
                    PageKey {
                        stream: 0,
                        at: cursor.at,
                    },
                ) {
                    Ok(leaf) => {
                        let page = leaf.blocks()?;
                        let stored = |block: &Block| u64::from(block.entry.stored_len);
                        let stored = cursor.stored + page.blocks.iter().map(stored).sum::<u64>();
                        let blocks = cursor.blocks + page.blocks.len() as u64;
                        // Leaves that share their blocks could ask for any amount of work: none is
                        // decoded beyond what the root page says, which the file has room for.
                        if blocks > root.blocks || stored > root.stored_size {
                            let range = (cursor.at, page.end);
                            cursor.at = page.end;
                            let text = TOO_MANY.to_owned();
                            self.bad_data(range, text, |found| found.blocks_lost = true, beat)?;
                            continue;
                        }
                        self.tiling.add(page.file_at, page.file_end - page.file_at);
                        cursor.stored = stored;
                        leaf
                    }
                    Err(Broken { span, error }) => {
                        let range = (cursor.at, span.limit.at);
                        cursor.at = span.limit.at;
                        let text = damage_text(error)?;
                        self.bad_data(range, text, |found| found.blocks_lost = true, beat)?;
                        continue;
                    }
                },
            };
            let page = leaf.blocks()?;
            let first = page.index(cursor.at);
            let rest = page.from(cursor.at);
            let fits = rest
                .iter()
                .take_while(|b| b.end() - cursor.at <= PIECE)
                .count();
            let count = fits.max(1).min(rest.len());
            cursor.at = rest
                .get(..count)
                .and_then(|b| b.last())
                .map_or(page.end, Block::end);
            cursor.blocks += count as u64;
            if cursor.at < page.end {
                cursor.leaf = Some(leaf.clone());
            }
            return Ok(Some(Batch {
                leaf,
                blocks: first..first + count,
            }));
        }
        Ok(None)
    }

    /// Checks blocks that lie together.
    pub fn batch(&self, batch: &Batch, scratch: &mut Scratch, beat: &mut Beat<'_>) -> Result<()> {
        let blocks = batch
            .leaf
            .blocks()?
            .blocks
            .get(batch.blocks.clone())
            .unwrap_or_default();
        let Some(base) = blocks.first().map(|b| b.file_at) else {
            return Ok(());
        };
        let len = blocks.iter().map(Block::file_len).sum();
        let storage = &*self.index.storage;
        // A file that was cut may still hold some of the blocks: those are then read one by one.
        let together = match storage.read_at(base, scratch.stored(len)?) {
            Ok(()) => true,
            Err(error) => damage_text(error).map(|_| false)?,
        };
        let Scratch {
            decoder,
            stored,
            block: decoded,
        } = scratch;
        for block in blocks {
            beat()?;
            let at = (block.file_at - base) as usize;
            let part = stored
                .get_mut(at..at + block.file_len())
                .unwrap_or_default();
            let read = match together {
                true => Ok(()),
                false => storage.read_at(block.file_at, part),
            };
            let checked = read
                .and_then(|()| self.index.check_stored(block, part, true))
                .and_then(|part| match block.entry.codec {
                    Codec::Stored => Ok(part),
                    Codec::ZstdDictionary if !self.has_dictionary => Err(self
                        .index
                        .bad_block(block, "its dictionary is damaged".into())),
                    _ => {
                        grow(decoded, block.len(), "a decoded block")?;
                        let out = decoded.get_mut(..block.len()).unwrap_or_default();
                        self.index.decode_block(block, decoder, part, out)?;
                        Ok(&*out)
                    }
                })
                .and_then(|bytes| self.units(block, bytes));
            if let Err(error) = checked {
                let count = |found: &mut Found| found.blocks_bad += 1;
                self.bad_data((block.at, block.end()), damage_text(error)?, count, beat)?;
            }
            self.done
                .fetch_add(block.entry.decoded_len.into(), Ordering::Relaxed);
            self.checked.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Holds a decoded block against the hashes of its units. Each unit lies within one block.
    fn units(&self, block: &Block, mut bytes: &[u8]) -> Result<()> {
        let misfit = |text: &str| Err(self.index.bad_block(block, text.into()));
        let mut at = block.at;
        while at < block.end() {
            let leaf = match self.leaf(TreeKind::Units, PageKey { stream: 0, at }) {
                Ok(leaf) => leaf,
                Err(Broken { span, error }) => {
                    // The block itself may be well: its page of hashes is what is not.
                    self.damage.elsewhere(damage_text(error)?);
                    let len = (span.limit.at.min(block.end()) - at) as usize;
                    bytes = bytes.get(len..).unwrap_or_default();
                    at = span.limit.at;
                    continue;
                }
            };
            let page = leaf.units()?;
            if page.at == at {
                self.units
                    .fetch_add(page.hashes.len() as u64, Ordering::Relaxed);
            }
            let start = at;
            let mut hold = |key: Option<&[u8; 32]>| {
                for (end, hash) in page.from(at) {
                    if at == block.end() {
                        break;
                    }
                    let Some((unit, rest)) = bytes.split_at_checked((end - at) as usize) else {
                        return Some("a unit goes beyond it");
                    };
                    let whole = match key {
                        Some(key) => blake3::keyed_hash(key, unit),
                        None => blake3::hash(unit),
                    };
                    if whole.as_bytes().get(..hash.len()) != Some(&hash[..]) {
                        return Some("the hash of a unit does not fit");
                    }
                    (at, bytes) = (end, rest);
                }
                None
            };
            let wrong = match &self.index.keys {
                Some(keys) => keys.with_unit_hash_key(|key| hold(Some(key))),
                None => hold(None),
            };
            if let Some(wrong) = wrong {
                return misfit(wrong);
            }
            if at == start {
                return misfit("no unit begins where it does");
            }
        }
        Ok(())
    }
}
