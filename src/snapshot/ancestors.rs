//! What a thin snapshot leans on, and how much.

use super::Snapshot;
use crate::error::{Error, Result, try_with_capacity};
use crate::format::{Hash, Target};

/// A snapshot that another one leans on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ancestor<'a> {
    /// Its root hash.
    pub root: Hash,
    /// The file name that it had when the child was built; empty if none is recorded. From a file
    /// of any origin.
    pub hint: &'a [u8],
    /// Logical bytes that come from it.
    pub bytes_inherited: u64,
    /// Bytes of its file.
    pub file_size: u64,
}

impl Snapshot {
    /// Snapshots that this one leans on.
    pub fn ancestor_count(&self) -> u32 {
        self.chain.ancestors.len() as u32
    }

    /// What number `index` of them is. The first call reads all pages of extents, to know how much
    /// each gives.
    pub fn ancestor(&self, index: u32) -> Result<Ancestor<'_>> {
        let place = index as usize;
        let lineage = self.chain.index.lineage.as_ref();
        let name = lineage.and_then(|lineage| lineage.ancestors.get(place));
        let (Some(name), Some(file)) = (name, self.chain.ancestors.get(place)) else {
            return Err(Error::OutOfRange(format!(
                "'{}': leans on no snapshot number {index}; there are {}, counted from 0",
                self.chain.index.operand(),
                self.ancestor_count()
            )));
        };
        let inherited = match self.inherited.get() {
            Some(inherited) => inherited,
            None => {
                let counted = self.count_inherited(&mut || Ok(()))?;
                self.inherited.get_or_init(|| counted)
            }
        };
        Ok(Ancestor {
            root: name.root,
            hint: &name.hint,
            bytes_inherited: inherited.get(place).copied().unwrap_or_default(),
            file_size: file.storage.size(),
        })
    }

    /// Logical bytes that come from each, with a beat for each page of extents.
    pub(crate) fn count_inherited(&self, beat: &mut dyn FnMut() -> Result<()>) -> Result<Vec<u64>> {
        let count = self.chain.ancestors.len();
        let mut sums = try_with_capacity(count, "sums of ancestors")?;
        sums.resize(count, 0u64);
        for (stream, entry) in self.streams().iter().enumerate() {
            let (mut at, mut before) = (0, None);
            while at < entry.size {
                beat()?;
                let index = &self.chain.index;
                let leaf = index.next_extent_leaf(stream as u32, at, &mut before)?;
                let page = leaf.extents()?;
                for run in page.runs(at) {
                    if let Target::Parent(place) = run.target
                        && let Some(sum) = sums.get_mut(usize::from(place.ancestor))
                    {
                        *sum = sum.saturating_add(run.len);
                    }
                }
                at = page.end();
            }
        }
        Ok(sums)
    }
}
