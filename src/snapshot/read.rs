//! Reading at any place of a stream.

use super::Snapshot;
use super::team::Beat;
use crate::error::{Error, Result};
use crate::format::Target;
use crate::index::scratch::Lease;

impl Snapshot {
    /// Fails unless `len` bytes from `offset` on lie within the stream.
    pub fn check_range(&self, stream: u32, offset: u64, len: u64) -> Result<()> {
        let entry = self.stream(stream)?;
        if offset.checked_add(len).is_some_and(|end| end <= entry.size) {
            return Ok(());
        }
        Err(Error::OutOfRange(format!(
            "'{}': {len} bytes at {offset} of stream '{}' go beyond its end at {}",
            self.index.operand(),
            entry.name.escape_debug(),
            entry.size
        )))
    }

    /// Fills `buf` from `offset` of a stream. Never a short read: what goes beyond the end is
    /// [`Error::OutOfRange`], and `buf` is untouched then. After any other failure it holds zeros.
    pub fn read(&self, stream: u32, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.check_range(stream, offset, buf.len() as u64)?;
        let result = self.read_runs(stream, offset, buf);
        if result.is_err() {
            buf.fill(0);
        }
        result
    }

    fn read_runs(&self, stream: u32, mut offset: u64, mut out: &mut [u8]) -> Result<()> {
        let mut lease = self.index.pool.lease();
        let mut before = None;
        while !out.is_empty() {
            let leaf = self.index.next_extent_leaf(stream, offset, &mut before)?;
            for run in leaf.extents()?.runs(offset) {
                if out.is_empty() {
                    break;
                }
                let part = split_off(&mut out, run.len);
                match run.target {
                    Target::Zero => part.fill(0),
                    Target::Data(at) => self.read_data(at, part, &mut lease, &mut || Ok(()))?,
                    Target::Parent { .. } => return Err(self.index.parentless()),
                }
                offset = run.at + run.len;
            }
        }
        Ok(())
    }

    /// Fills `out` from data space, with a beat for each block.
    pub(super) fn read_data(
        &self,
        mut at: u64,
        mut out: &mut [u8],
        lease: &mut Lease<'_>,
        beat: &mut Beat<'_>,
    ) -> Result<()> {
        while !out.is_empty() {
            let leaf = self.index.block_leaf(at)?;
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
}

/// Takes the first `len` bytes of what is left, or all of it.
fn split_off<'a>(out: &mut &'a mut [u8], len: u64) -> &'a mut [u8] {
    let len = usize::try_from(len).map_or(out.len(), |len| len.min(out.len()));
    let (part, rest) = std::mem::take(out).split_at_mut(len);
    *out = rest;
    part
}

#[cfg(test)]
mod tests;
