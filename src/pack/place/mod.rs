//! The one ordered step of the pack core: units are looked up, new ones are packed into blocks,
//! and every run of the streams gets its place.
//!
//! A window of one block's size, aligned in its stream, in which most units are new closes as a
//! block of its own, so that reading it back touches one block. New units of other windows are
//! pooled. A pooled unit's place in data space is known when the pool closes; until then its
//! place is marked, and extents that point to it wait.

mod known;
mod pool;
mod window;

use super::heritage::{Heritage, Sought, Spot};
use super::map::{ExtentMap, InOrder, Origin, Room, Run};
use super::placed::{BlockData, Counts, Met, NewBlock, Placed};
use super::segment::{Segment, Unit, UnitContent, UnitKind};
use super::table::{self, DedupTable};
use crate::control::Cancel;
use crate::error::{Error, Result, try_grow, try_push};
use crate::format::{DATA_SPACE_MAX, PAGE_4K, ParentPlace, StreamEntry, UnitHash};
use known::Known;
pub use known::Place;
use pool::Pool;
use window::Found;

/// Extents that one run of the parent's becomes in one step, at most.
const INHERITED_MAX: usize = 1024;

/// See the module.
pub struct Placer<'h, M = InOrder> {
    known: Known,
    /// What need not be stored, if there is a parent or a base.
    heritage: Option<&'h mut Heritage>,
    /// Stops a walk through that.
    cancel: Option<&'h Cancel>,
    block_size: usize,
    units: UnitKind,
    /// Bytes of streams that were added.
    logical: u64,
    /// See [`Placer::open_ended`].
    open_ended: Option<(u64, usize)>,
    /// Where data space ends by now.
    data_end: u64,
    pool: Pool,
    map: M,
    spare: Vec<Vec<u8>>,
    counts: Counts,
    /// Units of the window at hand, reused.
    window: Vec<(Unit, Found)>,
}

impl<'h, M: ExtentMap + Default> Placer<'h, M> {
    /// Packs into blocks of `block_size`; chunks are never split and may be larger.
    pub fn new(
        table: DedupTable,
        runs: Option<DedupTable>,
        block_size: usize,
        units: UnitKind,
    ) -> Self {
        Placer {
            known: Known::new(table, runs, block_size),
            heritage: None,
            cancel: None,
            block_size,
            units,
            logical: 0,
            open_ended: None,
            data_end: 0,
            pool: Pool::default(),
            map: M::default(),
            spare: Vec::new(),
            counts: Counts::default(),
            window: Vec::new(),
        }
    }

    /// Leaves out what is in `heritage`.
    pub fn lean_on(&mut self, heritage: &'h mut Heritage, cancel: Option<&'h Cancel>) {
        self.heritage = Some(heritage);
        self.cancel = cancel;
    }

    /// The streams are not known yet. The table of units has the slots of `whole`, for the case that
    /// it holds all that there will be, and else uses only `share` beside that of runs.
    pub fn open_ended(&mut self, whole: usize, share: usize) {
        self.open_ended = Some((whole as u64, share));
    }

    /// There is one more stream.
    pub fn add_stream(&mut self, entry: &StreamEntry) -> Result<()> {
        self.logical += entry.size;
        if let Some((whole, share)) = self.open_ended
            && table::slots_for(self.logical.div_ceil(PAGE_4K as u64)) > whole
        {
            self.known.limit(share);
        }
        match &mut self.heritage {
            Some(heritage) => heritage.add_stream(&entry.name),
            None => Ok(()),
        }
    }

    /// Logical bytes so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What comes next in the file, if it is known.
    pub fn pop(&mut self) -> Option<Placed> {
        self.map.pop()
    }

    /// A buffer that a gathered block no longer needs.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        // Without memory to keep it by, it is not kept.
        let _ = try_push(&mut self.spare, buffer, "a list of buffers");
    }

    /// A run of zeros.
    pub fn zeros(&mut self, stream: u32, at: u64, len: u64) -> Result<()> {
        self.counts.zero += len;
        self.extent(stream, at, len, Origin::Zero)
    }

    /// What the parent has at the same place, up to as many extents as may wait. Tells how far that
    /// was.
    pub fn inherited(&mut self, stream: u32, offset: u64, len: u64) -> Result<u64> {
        let mut done = 0;
        for _ in 0..INHERITED_MAX {
            if done == len {
                break;
            }
            let Some(heritage) = &mut self.heritage else {
                return Err(Error::Internal("a run of a parent without one".to_owned()));
            };
            let (run, place) = heritage.taken(stream, offset + done, len - done)?;
            let origin = match place {
                None => {
                    self.counts.zero += run;
                    Origin::Zero
                }
                Some(place) => {
                    self.counts.inherited += run;
                    Origin::Parent(place)
                }
            };
            self.extent(stream, offset + done, run, origin)?;
            done += run;
        }
        Ok(done)
    }

    /// A stream is complete: its last pooled units become a block.
    pub fn end_stream(&mut self, stream: u32) -> Result<()> {
        self.close_pool(stream)
    }

    /// Whether a segment can be placed. If not, it was gone on with what that takes, so that whoever
    /// asks again and again can be told of progress and cancel.
    pub fn is_ready_for(&mut self, segment: &Segment) -> Result<bool> {
        match &mut self.heritage {
            Some(heritage) => {
                let sought = |unit: &Unit| matches!(unit.content, UnitContent::Data(_));
                Ok(!segment.units.iter().any(sought) || heritage.learn()?)
            }
            None => Ok(true),
        }
    }

    /// Places the next window of a segment, from unit `at` on, and tells where that ended.
    /// Gives two blocks at most: fewer units are pooled of a window than make a block, so that the
    /// pool closes once for being full and once for the extents that wait, or once beside the
    /// window's own block.
    pub fn step(&mut self, segment: &Segment, at: usize) -> Result<usize> {
        let rest = segment.units.get(at..).unwrap_or_default();
        if self.units == UnitKind::Chunk {
            if let Some(unit) = rest.first() {
                self.chunk(segment, unit)?;
            }
            return Ok(at + 1);
        }
        let number = |u: &Unit| (segment.offset + u64::from(u.at)) / self.block_size as u64;
        let first = rest.first().map(number);
        let units = rest.iter().take_while(|u| Some(number(u)) == first).count();
        self.pages(segment, rest.get(..units).unwrap_or_default())?;
        Ok(at + units)
    }

    /// One chunk: known, or new and pooled.
    fn chunk(&mut self, segment: &Segment, unit: &Unit) -> Result<()> {
        let at = segment.offset + u64::from(unit.at);
        let len = u64::from(unit.len);
        let hash = match unit.content {
            UnitContent::Data(hash) => hash,
            UnitContent::Unchanged(spot) => {
                self.counts.inherited += len;
                let place = self.unchanged(&spot)?;
                return self.extent(segment.stream, at, len, Origin::Parent(place));
            }
            _ => return self.zeros(segment.stream, at, len),
        };
        self.known.reserve(1, self.data_end);
        let origin = match self.find(segment, unit, &hash, Place::Pooled(0))? {
            Found::Parent(place) => {
                self.counts.inherited += len;
                Origin::Parent(place)
            }
            Found::Known(place) => {
                self.counts.duplicate += len;
                Origin::Here(place)
            }
            Found::New | Found::Zero | Found::Inherited => {
                self.counts.unique += len;
                let place = Place::Pooled(self.pool_unit(segment, unit, &hash)?);
                self.known.relocate(&hash, place);
                Origin::Here(place)
            }
        };
        self.extent(segment.stream, at, len, origin)
    }

    /// What the parent has at the same place.
    fn unchanged(&mut self, spot: &Spot) -> Result<ParentPlace> {
        match &mut self.heritage {
            Some(heritage) => heritage.place(spot),
            None => Err(Error::Internal(
                "a place of a parent without one".to_owned(),
            )),
        }
    }

    /// Looks a unit up that the parent has not at the same place. A new one is known from here on,
    /// to be at `place`.
    fn find(
        &mut self,
        segment: &Segment,
        unit: &Unit,
        hash: &UnitHash,
        place: Place,
    ) -> Result<Found> {
        if let Some(heritage) = &mut self.heritage {
            if let Some(place) = self.known.find(hash) {
                return Ok(Found::Known(place));
            }
            let sought = sought(self.units, segment, unit, hash);
            if let Some(place) = heritage.anywhere(&sought, self.cancel)? {
                return Ok(Found::Parent(place));
            }
        }
        Ok(match self.known.look_up_or_add(hash, place)? {
            Some(place) => Found::Known(place),
            None => Found::New,
        })
    }

    /// Copies a unit to the pool, and tells its offset there.
    fn pool_unit(&mut self, segment: &Segment, unit: &Unit, hash: &UnitHash) -> Result<u64> {
        let bytes = stored(self.units, segment, unit);
        let chunk = match self.units {
            UnitKind::Chunk => Some(unit.len),
            UnitKind::Page => None,
        };
        if self.pool.is_full(bytes.len(), self.block_size) {
            self.close_pool(segment.stream)?;
        }
        if self.pool.is_empty() {
            let buffer = self.spare_buffer(bytes.len().max(self.block_size))?;
            self.pool.begin(buffer, met(segment, unit));
        }
        self.pool.add(bytes, hash, chunk)
    }

    /// The pool becomes a block: its units get their places, and what waited goes on.
    fn close_pool(&mut self, stream: u32) -> Result<()> {
        if self.pool.is_empty() {
            return Ok(());
        }
        let base = self.data_end;
        let pool = self.pool.close();
        for (hash, offset) in pool.units() {
            self.known.relocate(hash, Place::Settled(base + offset));
        }
        self.block(NewBlock {
            stream,
            first: pool.first,
            data: BlockData::Owned(pool.bytes),
            hashes: pool.hashes,
            lens: pool.lens,
        })?;
        self.map.pool_closed(base)
    }

    fn block(&mut self, block: NewBlock) -> Result<()> {
        let end = self.data_end + block.data.bytes().len() as u64;
        if end > DATA_SPACE_MAX {
            return Err(Error::Unsupported(format!(
                "more than {DATA_SPACE_MAX} bytes of unique data; split the streams over snapshots"
            )));
        }
        self.data_end = end;
        self.map.block(block)
    }

    /// The next run of the streams.
    fn extent(&mut self, stream: u32, at: u64, len: u64, origin: Origin) -> Result<()> {
        let run = Run {
            stream,
            at,
            len,
            origin,
        };
        match self.map.extent(run)? {
            Room::Left => Ok(()),
            Room::None => self.close_pool(stream),
        }
    }

    fn spare_buffer(&mut self, len: usize) -> Result<Vec<u8>> {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        if bytes.capacity() < len {
            try_grow(&mut bytes, len, "a block")?;
            bytes.clear();
        }
        Ok(bytes)
    }
}

/// The bytes of a unit as they are stored.
fn stored<'s>(units: UnitKind, segment: &'s Segment, unit: &Unit) -> &'s [u8] {
    match units {
        UnitKind::Chunk => {
            let at = unit.at as usize;
            let bytes = segment.buffer.bytes.get(at..at + unit.len as usize);
            bytes.unwrap_or_default()
        }
        UnitKind::Page => window::page(segment, unit),
    }
}

/// Where a unit was read.
fn met(segment: &Segment, unit: &Unit) -> Met {
    Met {
        stream: segment.stream,
        offset: segment.offset + u64::from(unit.at),
    }
}

/// A unit as it is looked for in others' files.
fn sought<'s>(
    units: UnitKind,
    segment: &'s Segment,
    unit: &Unit,
    hash: &'s UnitHash,
) -> Sought<'s> {
    Sought::new(unit.len.into(), stored(units, segment, unit), hash)
}

#[cfg(test)]
mod tests;
