//! Reading at any place of a stream.

use super::Snapshot;
use super::team::Beat;
use crate::error::{Error, Result};
use crate::format::Target;
use crate::index::data::split_off;
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
            self.chain.index.operand(),
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
        let mut lease = self.chain.index.pool.lease();
        let mut before = None;
        while !out.is_empty() {
            let leaf = self
                .chain
                .index
                .next_extent_leaf(stream, offset, &mut before)?;
            for run in leaf.extents()?.runs(offset) {
                if out.is_empty() {
                    break;
                }
                let part = split_off(&mut out, run.len);
                self.read_target(run.target, part, &mut lease, &mut || Ok(()))?;
                offset = run.at + run.len;
            }
        }
        Ok(())
    }

    /// Fills `out` with what lies at a target, with a beat for each block.
    pub(super) fn read_target(
        &self,
        target: Target,
        mut out: &mut [u8],
        lease: &mut Lease<'_>,
        beat: &mut Beat<'_>,
    ) -> Result<()> {
        match target {
            Target::Zero => {
                out.fill(0);
                Ok(())
            }
            Target::Data(at) => self.chain.index.read_data(at, out, lease, beat),
            Target::Parent(place) => {
                let len = out.len() as u64;
                self.chain.inherited(&place, len, &mut |ancestor, run| {
                    let part = split_off(&mut out, run.len);
                    match run.target {
                        Target::Data(at) => ancestor.read_data(at, part, lease, beat)?,
                        _ => part.fill(0),
                    }
                    Ok(())
                })
            }
        }
    }
}

#[cfg(test)]
mod tests;
