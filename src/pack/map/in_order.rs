//! Extents that come in the order of their streams.
//!
//! One that points to the open pool waits until that closes, and all that come behind it wait too.

use std::collections::VecDeque;

use super::super::place::Place;
use super::super::placed::{NewBlock, Placed};
use super::super::writer::StreamExtent;
use super::{ExtentMap, Origin, Room, Run};
use crate::error::{Error, Result, try_push, try_push_back};
use crate::format::Target;

/// Extents that may wait for the pool; then it has to close early.
pub const WAITING_MAX: usize = 4096;

/// See the module.
#[derive(Default)]
pub struct InOrder {
    waiting: Vec<Run>,
    ready: VecDeque<Placed>,
}

impl InOrder {
    fn emit(&mut self, extent: StreamExtent) -> Result<()> {
        if let Some(Placed::Extents(extents)) = self.ready.back_mut() {
            match extents.last_mut() {
                Some(last) if joins(last, &extent) => last.len += extent.len,
                _ => try_push(extents, extent, "extents on their way")?,
            }
            return Ok(());
        }
        let extents = Placed::Extents(vec![extent]);
        try_push_back(&mut self.ready, extents, "extents on their way")?;
        Ok(())
    }
}

impl ExtentMap for InOrder {
    fn pop(&mut self) -> Option<Placed> {
        self.ready.pop_front()
    }

    fn block(&mut self, block: NewBlock) -> Result<()> {
        try_push_back(&mut self.ready, Placed::Block(block), "blocks on their way")?;
        Ok(())
    }

    fn extent(&mut self, run: Run) -> Result<Room> {
        if self.waiting.is_empty()
            && let Some(target) = run.origin.target()
        {
            self.emit(run.to(target))?;
            return Ok(Room::Left);
        }
        match self.waiting.last_mut() {
            Some(last) if last.goes_on(&run) => last.len += run.len,
            _ => try_push(&mut self.waiting, run, "extents that wait")?,
        }
        match self.waiting.len() {
            WAITING_MAX.. => Ok(Room::None),
            _ => Ok(Room::Left),
        }
    }

    fn pool_closed(&mut self, base: u64) -> Result<()> {
        for run in std::mem::take(&mut self.waiting) {
            let target = match run.origin {
                Origin::Here(Place::Pooled(at)) => Some(Target::Data(base + at)),
                origin => origin.target(),
            };
            let target =
                target.ok_or_else(|| Error::Internal("an extent points to a window".to_owned()))?;
            self.emit(run.to(target))?;
        }
        Ok(())
    }
}

impl Run {
    /// The run once it is known where its bytes are.
    fn to(self, target: Target) -> StreamExtent {
        StreamExtent {
            stream: self.stream,
            at: self.at,
            len: self.len,
            target,
        }
    }

    /// Whether `next` is where it goes on.
    fn goes_on(&self, next: &Run) -> bool {
        self.stream == next.stream
            && self.at + self.len == next.at
            && match (self.origin, next.origin) {
                (Origin::Here(Place::Pooled(a)), Origin::Here(Place::Pooled(b))) => {
                    a + self.len == b
                }
                (this, next) => match (this.target(), next.target()) {
                    (Some(this), Some(next)) => this.skip(self.len) == next,
                    _ => false,
                },
            }
    }
}

impl Origin {
    /// Where an extent leads to, if that is known by now.
    fn target(self) -> Option<Target> {
        match self {
            Origin::Zero => Some(Target::Zero),
            Origin::Here(Place::Settled(at)) => Some(Target::Data(at)),
            Origin::Here(Place::Pooled(_) | Place::InWindow(_)) => None,
            Origin::Parent(place) => Some(Target::Parent(place)),
        }
    }
}

fn joins(last: &StreamExtent, next: &StreamExtent) -> bool {
    last.stream == next.stream
        && last.at + last.len == next.at
        && last.target.skip(last.len) == next.target
}
