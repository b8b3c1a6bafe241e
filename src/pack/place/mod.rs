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

use super::map::{ExtentMap, InOrder, Room};
use super::placed::{BlockData, Counts, NewBlock, Placed};
use super::segment::{Segment, Unit, UnitContent, UnitKind};
use super::table::DedupTable;
use crate::error::{Error, Result, try_grow, try_push};
use crate::format::{DATA_SPACE_MAX, UnitHash};
use known::Known;
pub use known::Place;
use pool::Pool;
use window::Found;

/// See the module.
pub struct Placer<M = InOrder> {
    known: Known,
    block_size: usize,
    units: UnitKind,
    /// Where data space ends by now.
    data_end: u64,
    pool: Pool,
    map: M,
    spare: Vec<Vec<u8>>,
    counts: Counts,
    /// Units of the window at hand, reused.
    window: Vec<(Unit, Found)>,
}

impl<M: ExtentMap + Default> Placer<M> {
    /// Packs into blocks of `block_size`; chunks are never split and may be larger.
    pub fn new(
        table: DedupTable,
        runs: Option<DedupTable>,
        block_size: usize,
        units: UnitKind,
    ) -> Self {
        Placer {
            known: Known::new(table, runs, block_size),
            block_size,
            units,
            data_end: 0,
            pool: Pool::default(),
            map: M::default(),
            spare: Vec::new(),
            counts: Counts::default(),
            window: Vec::new(),
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
    pub fn zeros(&mut self, stream: u32, len: u64) -> Result<()> {
        self.counts.zero += len;
        self.extent(stream, len, None)
    }

    /// A stream is complete: its last pooled units become a block.
    pub fn end_stream(&mut self, stream: u32) -> Result<()> {
        self.close_pool(stream)
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
        let UnitContent::Data(hash) = unit.content else {
            return self.zeros(segment.stream, unit.len.into());
        };
        self.known.reserve(1, self.data_end);
        let mut place = Place::Pooled(0);
        match self.known.look_up_or_add(&hash, place)? {
            Some(known) => {
                self.counts.duplicate += u64::from(unit.len);
                place = known;
            }
            None => {
                self.counts.unique += u64::from(unit.len);
                place = Place::Pooled(self.pool_unit(segment, unit, &hash)?);
                self.known.relocate(&hash, place);
            }
        }
        self.extent(segment.stream, unit.len.into(), Some(place))
    }

    /// Copies a unit to the pool, and tells its offset there.
    fn pool_unit(&mut self, segment: &Segment, unit: &Unit, hash: &UnitHash) -> Result<u64> {
        let (bytes, chunk) = match self.units {
            UnitKind::Chunk => {
                let at = unit.at as usize;
                let bytes = segment.buffer.bytes.get(at..at + unit.len as usize);
                (bytes.unwrap_or_default(), Some(unit.len))
            }
            UnitKind::Page => (window::page(segment, unit), None),
        };
        if self.pool.is_full(bytes.len(), self.block_size) {
            self.close_pool(segment.stream)?;
        }
        if self.pool.is_empty() {
            let buffer = self.spare_buffer(bytes.len().max(self.block_size))?;
            self.pool.begin(buffer);
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

    /// The next run of the streams, zero without a place.
    fn extent(&mut self, stream: u32, len: u64, place: Option<Place>) -> Result<()> {
        match self.map.extent(stream, len, place)? {
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

#[cfg(test)]
mod tests;
