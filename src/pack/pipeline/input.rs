//! Items in order; segments are with the workers until they are hashed.

use std::collections::VecDeque;

use super::super::feed::{Fed, Feed};
use super::super::reader::ReadCost;
use super::super::segment::{Item, Segment};
use super::crew::Job;
use crate::error::{Error, Result, try_push_back};
use crate::format::StreamEntry;

/// Items on their way at most, so that whoever feeds runs without bytes is held up too.
const ITEMS_MAX: usize = 4096;

/// See the module.
pub struct Input<'a> {
    feed: &'a mut dyn Feed,
    items: VecDeque<(u64, Option<Item>)>,
    items_read: u64,
    /// Whether there is nothing more to come.
    ended: bool,
}

/// What came of an attempt to read.
pub enum Step {
    /// No buffer is free, or there is nothing to read.
    Nothing,
    /// Something was read.
    Read,
    /// There is one more stream.
    Stream(StreamEntry),
    /// Something was read that is to be hashed.
    Job(Job),
}

impl<'a> Input<'a> {
    /// All that `feed` gives.
    pub fn new(feed: &'a mut dyn Feed) -> Self {
        Input {
            feed,
            items: VecDeque::new(),
            items_read: 0,
            ended: false,
        }
    }

    /// Whether all was read and taken.
    pub fn is_finished(&self) -> bool {
        self.ended && self.items.is_empty()
    }

    /// Reads the next item, if there is one and a buffer for it.
    pub fn read_one(&mut self, cost: &mut ReadCost) -> Result<Step> {
        if self.ended || self.items.len() >= ITEMS_MAX {
            return Ok(Step::Nothing);
        }
        let number = self.items_read;
        let step = match self.feed.next(cost)? {
            Fed::Nothing => return Ok(Step::Nothing),
            Fed::Stream(entry) => return Ok(Step::Stream(entry)),
            Fed::End => {
                self.ended = true;
                return Ok(Step::Read);
            }
            Fed::Item(Item::Segment(segment)) => {
                try_push_back(&mut self.items, (number, None), "segments on their way")?;
                Step::Job(Job::Hash(number, segment))
            }
            Fed::Item(item) => {
                let item = (number, Some(item));
                try_push_back(&mut self.items, item, "runs of zeros on their way")?;
                Step::Read
            }
        };
        self.items_read += 1;
        Ok(step)
    }

    /// Waits until there may be something to read: nothing else is under way.
    pub fn wait(&mut self) {
        self.feed.wait();
    }

    /// So much was placed, and so much written.
    pub fn advanced(&mut self, placed: u64, written: u64) {
        self.feed.advanced(placed, written);
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
