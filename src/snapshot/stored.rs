//! Blocks of a snapshot as they are stored, for a build that would make the same ones.
//!
//! Compressing is a function of the bytes, the codec, its level, the dictionary and the compressor. So
//! a block that the new snapshot packs of the same bytes need not be compressed again, if the file
//! says that all these were the same. What it says may be untrue: nothing is taken before it was
//! decoded and compared with the bytes to be stored.

use std::sync::Arc;

use super::Snapshot;
use crate::error::{Result, try_grow, try_push};
use crate::format::{Codec, Target, compat};
use crate::index::Index;
use crate::index::scratch::grow;
use crate::source::{Recipe, StoredBlocks};

/// One stream's blocks.
pub(super) struct Twins {
    snapshot: Arc<Snapshot>,
    stream: u32,
    /// What blocks that shrink are stored with.
    codec: Codec,
    /// Whether the file was made by the recipe, for each of the chain.
    fits: Vec<bool>,
}

impl Twins {
    /// Nothing if none of the files was made by `recipe`, or if there is nothing to be saved.
    pub fn new(snapshot: &Arc<Snapshot>, stream: u32, recipe: &Recipe<'_>) -> Result<Option<Self>> {
        let codec = recipe.codec();
        if codec == Codec::Stored {
            return Ok(None);
        }
        let mut fits = Vec::new();
        for index in snapshot.chain.files() {
            try_push(&mut fits, made_by(index, recipe)?, "ancestors")?;
        }
        let twins = fits.contains(&true).then(|| Twins {
            snapshot: Arc::clone(snapshot),
            stream,
            codec,
            fits,
        });
        Ok(twins)
    }

    /// The file that has the byte at `offset`, if it was made by the recipe, and the byte's place in
    /// its data space.
    fn place(&self, offset: u64) -> Result<Option<(&Index, u64)>> {
        let chain = &self.snapshot.chain;
        let leaf = chain.index.extent_leaf(self.stream, offset)?;
        let run = leaf.extents()?.runs(offset).next();
        let (file, target) = match run.map(|run| run.target) {
            Some(Target::Parent(place)) => {
                let number = usize::from(place.ancestor) + 1;
                if self.fits.get(number) != Some(&true) {
                    return Ok(None);
                }
                let (index, run) = chain.first_inherited(&place, 1)?;
                (index, run.target)
            }
            Some(target) if self.fits.first() == Some(&true) => (&*chain.index, target),
            _ => return Ok(None),
        };
        Ok(match target {
            Target::Data(at) => Some((file, at)),
            _ => None,
        })
    }
}

impl StoredBlocks for Twins {
    fn take(&self, offset: u64, plain: &[u8], out: &mut Vec<u8>) -> Result<Option<Codec>> {
        let Some((index, at)) = self.place(offset)? else {
            return Ok(None);
        };
        let leaf = index.block_leaf(at)?;
        let block = leaf.blocks()?.from(at).first();
        let Some(block) = block.filter(|block| block.at == at && block.len() == plain.len()) else {
            return Ok(None);
        };
        let codec = block.entry.codec;
        if codec != Codec::Stored && codec != self.codec {
            return Ok(None);
        }
        let mut lease = index.pool.lease();
        let scratch = lease.scratch()?;
        let mut bytes = std::mem::take(&mut scratch.block);
        let fetched = grow(&mut bytes, plain.len(), "a decoded block").and_then(|()| {
            let decoded = bytes.get_mut(..plain.len()).unwrap_or_default();
            let stored = index.fetch_stored(block, scratch, decoded)?;
            if decoded != plain {
                return Ok(None);
            }
            out.clear();
            try_grow(out, stored.len(), "a stored block")?;
            out.copy_from_slice(stored);
            Ok(Some(codec))
        });
        scratch.block = bytes;
        fetched
    }
}

/// Whether a file says that its blocks are what `recipe` gives here.
fn made_by(index: &Index, recipe: &Recipe<'_>) -> Result<bool> {
    let root = &index.root;
    if index.header.compat != compat::WRITTEN
        || root.compression != recipe.compression.number()
        || root.level != recipe.level
        || root.dictionary.is_some() != recipe.dictionary.is_some()
    {
        return Ok(false);
    }
    Ok(index.dictionary_bytes()?.as_deref() == recipe.dictionary)
}
