//! Data space, through the cache of decoded blocks.

use std::sync::Arc;

use super::Index;
use super::page::Block;
use super::scratch::{Lease, grow};
use crate::error::{Error, Result};

impl Index {
    /// Fills `out` from data space, with a beat for each block.
    pub(crate) fn read_data(
        &self,
        mut at: u64,
        mut out: &mut [u8],
        lease: &mut Lease<'_>,
        beat: &mut dyn FnMut() -> Result<()>,
    ) -> Result<()> {
        while !out.is_empty() {
            let leaf = self.block_leaf(at)?;
            for block in leaf.blocks()?.from(at) {
                if out.is_empty() {
                    break;
                }
                beat()?;
                let part = split_off(&mut out, block.end() - at);
                self.read_block(block, (at - block.at) as usize, part, lease)?;
                at = block.end();
            }
        }
        Ok(())
    }

    /// Copies a part of a block, from `skip` on, through the cache of decoded blocks. A block that
    /// is wanted whole is decoded in place and not kept: who reads so much reads on.
    fn read_block(
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

    #[cfg(test)]
    pub fn cached(&self) -> usize {
        self.blocks.weight()
    }
}

/// Takes the first `len` bytes of what is left, or all of it.
pub(crate) fn split_off<'a>(out: &mut &'a mut [u8], len: u64) -> &'a mut [u8] {
    let len = usize::try_from(len).map_or(out.len(), |len| len.min(out.len()));
    let (part, rest) = std::mem::take(out).split_at_mut(len);
    *out = rest;
    part
}

fn out_of_block() -> Error {
    Error::Internal("a read goes beyond its block".into())
}
