//! Sources read one after the other.

use std::sync::Arc;

use super::super::plan::Plan;
use super::super::reader::{ReadCost, Reader};
use super::super::segment::BufferPool;
use super::{Fed, Feed};
use crate::control::Cancel;
use crate::error::{Result, try_with_capacity};
use crate::profile::CdcSizes;
use crate::source::{Recipe, Source, StoredBlocks};

/// See the module.
pub struct Sources<'a> {
    sources: &'a [Box<dyn Source>],
    /// Number of the one that is begun next.
    stream: usize,
    cdc: Option<&'a CdcSizes>,
    plan: Plan,
    cancel: Option<&'a Cancel>,
    pool: Arc<BufferPool>,
    reader: Option<Reader<'a>>,
}

impl<'a> Sources<'a> {
    /// Reads `sources` in order, in chunks if `cdc` says their sizes.
    pub fn new(
        sources: &'a [Box<dyn Source>],
        cdc: Option<&'a CdcSizes>,
        plan: Plan,
        cancel: Option<&'a Cancel>,
    ) -> Self {
        Sources {
            sources,
            stream: 0,
            cdc,
            plan,
            cancel,
            pool: BufferPool::new(plan.segment_len),
            reader: None,
        }
    }
}

impl Feed for Sources<'_> {
    fn next(&mut self, cost: &mut ReadCost) -> Result<Fed> {
        if self.pool.out() >= self.plan.segments {
            return Ok(Fed::Nothing);
        }
        loop {
            if let Some(reader) = &mut self.reader
                && let Some(item) = reader.next(&self.pool, cost)?
            {
                return Ok(Fed::Item(item));
            }
            let Some(source) = self.sources.get(self.stream) else {
                return Ok(Fed::End);
            };
            self.reader = Some(Reader::new(
                source.as_ref(),
                self.stream as u32,
                self.plan.segment_len,
                self.cdc,
                self.plan.defer,
                self.cancel,
            ));
            self.stream += 1;
        }
    }

    fn stored_blocks(&self, recipe: &Recipe<'_>) -> Result<Vec<Option<Box<dyn StoredBlocks>>>> {
        let mut stored = try_with_capacity(self.sources.len(), "streams")?;
        for source in self.sources {
            stored.push(source.stored_blocks(recipe)?);
        }
        Ok(stored)
    }

    fn check(&self) -> Result<()> {
        self.sources.iter().try_for_each(|s| s.check_unchanged())
    }
}
