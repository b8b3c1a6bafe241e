//! What lies where in a stream, without reading it.

use super::Snapshot;
use crate::error::{Error, Result};
use crate::format::Target;

/// What a run of a stream holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtentKind {
    /// Bytes that the snapshot stores.
    Data,
    /// Zeros, which it does not.
    Zero,
    /// Bytes that its parent stores.
    Parent,
}

/// A run of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// What it holds.
    pub kind: ExtentKind,
    /// Where it begins in the stream, in bytes: where it was asked for.
    pub offset: u64,
    /// Bytes from there on, at least 1.
    pub len: u64,
}

impl From<Target> for ExtentKind {
    fn from(target: Target) -> Self {
        match target {
            Target::Data(_) => ExtentKind::Data,
            Target::Zero => ExtentKind::Zero,
            Target::Parent(_) => ExtentKind::Parent,
        }
    }
}

impl Snapshot {
    /// The extent at `offset`, which must be below the stream's size. The next extent may be of the
    /// same kind. Reads at most one page for each level of the tree of extents.
    pub fn extent(&self, stream: u32, offset: u64) -> Result<Extent> {
        self.check_range(stream, offset, 1)?;
        let leaf = self.chain.index.extent_leaf(stream, offset)?;
        let mut runs = leaf.extents()?.runs(offset);
        let first = runs
            .next()
            .ok_or_else(|| Error::Internal("an empty leaf".into()))?;
        let kind = ExtentKind::from(first.target);
        let same = runs.take_while(|run| ExtentKind::from(run.target) == kind);
        let len = same.fold(first.len, |len, run| len + run.len);
        Ok(Extent { kind, offset, len })
    }
}
