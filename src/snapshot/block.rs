//! Blocks through the cache of decoded ones.

use std::sync::Arc;

use super::Snapshot;
use crate::error::{Error, Result};
use crate::index::page::Block;
use crate::index::scratch::{Lease, grow};

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
            return self.index.fetch(block, scratch, out);
        }
        let mut bytes = std::mem::take(&mut scratch.block);
        // Not one much too large for it: the cache counts what is held, not what is used.
        if bytes.capacity() / 2 > block.len() {
            bytes = Vec::new();
        }
        bytes.truncate(block.len());
        grow(&mut bytes, block.len(), "a decoded block")?;
        self.index.fetch(block, scratch, &mut bytes)?;
        let part = bytes.get(skip..skip + out.len()).ok_or_else(out_of_block)?;
        out.copy_from_slice(part);
        let weight = bytes.capacity();
        let fallen = self.blocks.insert(block.at, Arc::new(bytes), weight);
        scratch.block = fallen.and_then(Arc::into_inner).unwrap_or_default();
        Ok(())
    }
}

fn out_of_block() -> Error {
    Error::Internal("a read goes beyond its block".into())
}
