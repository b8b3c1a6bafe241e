//! Sources to items in order; segments are with the workers until they are hashed.

use std::collections::VecDeque;
use std::sync::Arc;

use super::super::plan::Plan;
use super::super::reader::{ReadCost, Reader};
use super::super::segment::{BufferPool, Item, Segment};
use super::crew::Job;
use crate::control::Cancel;
use crate::error::{Error, Result, try_push_back};
use crate::profile::CdcSizes;
use crate::source::Source;

/// See the module.
pub struct Input<'a> {
    /// Sources that were not begun yet.
    sources: &'a [Box<dyn Source>],
    /// Number of the next one.
    stream: u32,
    cdc: Option<&'a CdcSizes>,
    plan: Plan,
    cancel: Option<&'a Cancel>,
    pool: Arc<BufferPool>,
    reader: Option<Reader<'a>>,
    items: VecDeque<(u64, Option<Item>)>,
    items_read: u64,
}

/// What came of an attempt to read.
pub enum Step {
    /// No buffer is free, or there is nothing left to read.
    Nothing,
    /// Something was read.
    Read,
    /// Something was read that is to be hashed.
    Job(Job),
}

impl<'a> Input<'a> {
    /// Reads `sources` in order, in chunks if `cdc` says their sizes.
    pub fn new(
        sources: &'a [Box<dyn Source>],
        cdc: Option<&'a CdcSizes>,
        plan: Plan,
        cancel: Option<&'a Cancel>,
    ) -> Self {
        Input {
            sources,
            stream: 0,
            cdc,
            plan,
            cancel,
            pool: BufferPool::new(plan.segment_len),
            reader: None,
            items: VecDeque::new(),
            items_read: 0,
        }
    }

    /// Whether all was read and taken.
    pub fn is_finished(&self) -> bool {
        self.sources.is_empty() && self.reader.is_none() && self.items.is_empty()
    }

    /// Reads the next item, if a buffer is free.
    pub fn read_one(&mut self, cost: &mut ReadCost) -> Result<Step> {
        if self.pool.out() >= self.plan.segments {
            return Ok(Step::Nothing);
        }
        if self.reader.is_none() {
            let Some((source, rest)) = self.sources.split_first() else {
                return Ok(Step::Nothing);
            };
            self.reader = Some(Reader::new(
                source.as_ref(),
                self.stream,
                self.plan.segment_len,
                self.cdc,
                self.plan.defer,
                self.cancel,
            ));
            self.sources = rest;
            self.stream += 1;
        }
        let Some(reader) = &mut self.reader else {
            return Ok(Step::Nothing);
        };
        let number = self.items_read;
        let step = match reader.next(&self.pool, cost)? {
            None => {
                self.reader = None;
                return Ok(Step::Read);
            }
            Some(Item::Segment(segment)) => {
                try_push_back(&mut self.items, (number, None), "segments on their way")?;
                Step::Job(Job::Hash(number, segment))
            }
            Some(item) => {
                let item = (number, Some(item));
                try_push_back(&mut self.items, item, "runs of zeros on their way")?;
                Step::Read
            }
        };
        self.items_read += 1;
        Ok(step)
    }

    /// Takes a segment back that was hashed.
    pub fn hashed(&mut self, number: u64, segment: Segment) -> Result<()> {
        let item = self.items.iter_mut().find(|(n, _)| *n == number);
        let (_, item) = item.ok_or_else(|| Error::Internal("a segment came twice".to_owned()))?;
        *item = Some(Item::Segment(segment));
        Ok(())
    }

    /// The next item, if it is there.
    pub fn front(&self) -> Option<&Item> {
        self.items.front()?.1.as_ref()
    }

    /// Drops the next item, of which nothing is left to do.
    pub fn pop(&mut self) {
        self.items.pop_front();
    }
}
