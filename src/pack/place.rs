//! The one ordered step of the pack core: units are looked up, new ones are packed into blocks,
//! and every run of the streams gets its place.
//!
//! A window of one block's size, aligned in its stream, in which most units are new closes as a
//! block of its own, so that reading it back touches one block. New units of other windows are
//! pooled. A pooled unit's place in data space is known when the pool closes; until then its
//! place is marked, and extents that point to it wait.

use std::collections::VecDeque;
use std::sync::Arc;

use super::placed::{BlockData, Counts, NewBlock, Placed};
use super::segment::{Segment, Unit, UnitContent, UnitKind};
use super::table::{DedupTable, Lookup, Place};
use super::writer::StreamExtent;
use crate::error::{Error, Result, try_grow, try_push, try_push_back, try_reserve};
use crate::format::{DATA_SPACE_MAX, PAGE_4K, Target, UnitHash};

/// A window is a block of its own when at least three of four of its units are new.
const OWN_NUMERATOR: usize = 3;
const OWN_DENOMINATOR: usize = 4;
/// A place in the open pool: the rest is the offset in it. Real places are below.
const POOLED: Place = DATA_SPACE_MAX;
/// A place in the window that is being looked at: the rest is the number of its unit.
const IN_WINDOW: Place = POOLED | POOLED >> 1;
/// Extents that may wait for the pool; then it closes early.
const WAITING_MAX: usize = 4096;
/// Units of 4 KiB in an aligned run that the second table remembers when the first forgets; a
/// run never spans blocks.
const RUN_UNITS: usize = 16;

/// New units that share a block.
#[derive(Default)]
struct Pool {
    bytes: Vec<u8>,
    hashes: Vec<UnitHash>,
    lens: Vec<u32>,
    /// Rises with every close, so that a place in an older pool is recognised.
    generation: u64,
}

/// See the module.
pub struct Placer {
    table: DedupTable,
    /// Aligned runs of 64 KiB: reaches further back than `table`, with one entry for 16.
    runs: Option<DedupTable>,
    /// Units in a run of that table.
    run_units: usize,
    block_size: usize,
    units: UnitKind,
    data_end: Place,
    pool: Pool,
    /// Extents that wait for the pool to close.
    waiting: Vec<StreamExtent>,
    ready: VecDeque<Placed>,
    spare: Vec<Vec<u8>>,
    counts: Counts,
    /// Units of the window at hand, reused.
    window: Vec<(Unit, Found)>,
}

/// Where a unit of the window at hand is.
#[derive(Debug, Clone, Copy)]
enum Found {
    Zero,
    Known(Place),
    New,
}

impl Placer {
    /// Packs into blocks of `block_size`; chunks are never split and may be larger.
    pub fn new(
        table: DedupTable,
        runs: Option<DedupTable>,
        block_size: usize,
        units: UnitKind,
    ) -> Self {
        Placer {
            table,
            runs,
            run_units: RUN_UNITS.min(block_size / PAGE_4K),
            block_size,
            units,
            data_end: 0,
            pool: Pool::default(),
            waiting: Vec::new(),
            ready: VecDeque::new(),
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
        self.ready.pop_front()
    }

    /// A buffer that a gathered block no longer needs.
    pub fn recycle(&mut self, buffer: Vec<u8>) {
        // Without memory to keep it by, it is not kept.
        let _ = try_push(&mut self.spare, buffer, "a list of buffers");
    }

    /// A run of zeros.
    pub fn zeros(&mut self, stream: u32, len: u64) -> Result<()> {
        self.counts.zero += len;
        self.extent(StreamExtent {
            stream,
            len,
            target: Target::Zero,
        })
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
        self.table.reserve(1, self.data_end);
        let mut place = POOLED;
        match self.table.lookup_or_insert(&hash, place)? {
            Lookup::Known(known) => {
                self.counts.duplicate += u64::from(unit.len);
                place = known;
            }
            Lookup::New => {
                self.counts.unique += u64::from(unit.len);
                place |= self.pool_unit(segment, unit, &hash)?;
                self.table.relocate(&hash, place);
            }
        }
        self.extent(StreamExtent {
            stream: segment.stream,
            len: unit.len.into(),
            target: Target::Data(place),
        })
    }

    /// One window of pages.
    fn pages(&mut self, segment: &Segment, units: &[Unit]) -> Result<()> {
        let mut window = std::mem::take(&mut self.window);
        window.clear();
        try_reserve(&mut window, units.len(), "the units of a block")?;
        // Zeros must not count: a hole is one unit, and its full copy one for each page.
        let data = units.iter().filter(|u| u.content != UnitContent::Zero);
        self.table.reserve(data.count(), self.data_end);
        let new = self.look_up(segment, units, &mut window)?;
        let pages = self.block_size / PAGE_4K;
        let done = match new * OWN_DENOMINATOR >= pages * OWN_NUMERATOR {
            true => self.own_block(segment, &window, new),
            false => self.pool_window(segment, &window),
        };
        self.window = window;
        done
    }

    /// Looks all units of a window up; the new ones are in the table then. Counts them.
    fn look_up(
        &mut self,
        segment: &Segment,
        units: &[Unit],
        window: &mut Vec<(Unit, Found)>,
    ) -> Result<usize> {
        let mut new = 0;
        let mut rest = units;
        while let Some((unit, behind)) = rest.split_first() {
            if let Some(place) = self.known_run(segment, rest) {
                let (run, behind) = rest.split_at(self.run_units);
                window.extend(
                    run.iter()
                        .enumerate()
                        .map(|(i, unit)| (*unit, Found::Known(place + (i * PAGE_4K) as u64))),
                );
                rest = behind;
                continue;
            }
            let found = match unit.content {
                UnitContent::Data(hash) => {
                    let place = IN_WINDOW | window.len() as u64;
                    match self.table.lookup_or_insert(&hash, place)? {
                        Lookup::Known(place) => Found::Known(place),
                        Lookup::New => {
                            new += 1;
                            Found::New
                        }
                    }
                }
                _ => Found::Zero,
            };
            window.push((*unit, found));
            rest = behind;
        }
        Ok(new)
    }

    /// The place of the aligned run at the front of `units`, if only the second table knows it.
    fn known_run(&self, segment: &Segment, units: &[Unit]) -> Option<Place> {
        let runs = self.runs.as_ref().filter(|_| self.table.has_forgotten())?;
        let first = units.first()?;
        match first.content {
            UnitContent::Data(hash) if self.table.find(&hash).is_none() => {}
            _ => return None,
        }
        runs.find(&run_hash(segment, units.get(..self.run_units)?)?)
    }

    /// The new units of a window become a block.
    fn own_block(&mut self, segment: &Segment, window: &[(Unit, Found)], new: usize) -> Result<()> {
        let base = self.data_end;
        let is_new = |(unit, found): &(Unit, Found)| match found {
            Found::New => Some(*unit),
            _ => None,
        };
        let mut hashes = Vec::new();
        try_reserve(&mut hashes, new, "the units of a block")?;
        for unit in window.iter().filter_map(is_new) {
            if let UnitContent::Data(hash) = unit.content {
                let place = base + (hashes.len() * PAGE_4K) as u64;
                self.table.relocate(&hash, place);
                hashes.push(hash);
            }
        }
        let first = window
            .iter()
            .find_map(is_new)
            .map_or(0, |unit| unit.at as usize);
        let last = window
            .iter()
            .rev()
            .find_map(is_new)
            .map_or(0, |unit| unit.at as usize);
        let data = if last - first + PAGE_4K == new * PAGE_4K {
            let buffer = Arc::clone(&segment.buffer);
            BlockData::Slice {
                buffer,
                at: first,
                len: new * PAGE_4K,
            }
        } else {
            let mut bytes = self.spare_buffer(new * PAGE_4K)?;
            for unit in window.iter().filter_map(is_new) {
                bytes.extend_from_slice(page(segment, &unit));
            }
            BlockData::Owned(bytes)
        };
        self.remember_runs(segment, window, base)?;
        let lens = Vec::new();
        self.block(NewBlock {
            stream: segment.stream,
            data,
            hashes,
            lens,
        })?;
        let generation = self.pool.generation;
        let mut next = base;
        for (unit, found) in window {
            let place = match *found {
                Found::New => {
                    next += PAGE_4K as u64;
                    Some(next - PAGE_4K as u64)
                }
                found => self.settled(unit, found, generation)?,
            };
            self.page_extent(segment, unit, *found, place)?;
        }
        Ok(())
    }

    /// The new units of a window go to the pool.
    fn pool_window(&mut self, segment: &Segment, window: &[(Unit, Found)]) -> Result<()> {
        let generation = self.pool.generation;
        for (unit, found) in window {
            let place = match (*found, unit.content) {
                (Found::New, UnitContent::Data(hash)) => {
                    let place = POOLED | self.pool_unit(segment, unit, &hash)?;
                    self.table.relocate(&hash, place);
                    Some(place)
                }
                (found, _) => self.settled(unit, found, generation)?,
            };
            self.page_extent(segment, unit, *found, place)?;
        }
        Ok(())
    }

    /// The place of a known unit by now: that of a copy within the window is settled with the
    /// first of them, and a pool that was open when the unit was looked up may have closed.
    fn settled(&self, unit: &Unit, found: Found, generation: u64) -> Result<Option<Place>> {
        let (Found::Known(place), UnitContent::Data(hash)) = (found, unit.content) else {
            return Ok(None);
        };
        let moved =
            place & IN_WINDOW == IN_WINDOW || place >= POOLED && self.pool.generation != generation;
        match if moved {
            self.table.find(&hash)
        } else {
            Some(place)
        } {
            Some(place) => Ok(Some(place)),
            None => Err(Error::Internal("the place of a unit was lost".to_owned())),
        }
    }

    /// The extent of one page, zero if it has no place.
    fn page_extent(
        &mut self,
        segment: &Segment,
        unit: &Unit,
        found: Found,
        place: Option<Place>,
    ) -> Result<()> {
        let len = u64::from(unit.len);
        match found {
            Found::Zero => self.counts.zero += len,
            Found::Known(_) => self.counts.duplicate += len,
            Found::New => self.counts.unique += len,
        }
        let target = place.map_or(Target::Zero, Target::Data);
        self.extent(StreamExtent {
            stream: segment.stream,
            len,
            target,
        })
    }

    /// Remembers the aligned runs of a window all whose units are new.
    fn remember_runs(
        &mut self,
        segment: &Segment,
        window: &[(Unit, Found)],
        base: Place,
    ) -> Result<()> {
        let Some(runs) = &mut self.runs else {
            return Ok(());
        };
        let mut place = base;
        let mut rest = window;
        while let Some(((_, found), behind)) = rest.split_first() {
            if let Some(run) = rest.get(..self.run_units)
                && run.iter().all(|(_, found)| matches!(found, Found::New))
            {
                let units: Vec<Unit> = run.iter().map(|(unit, _)| *unit).collect();
                if let Some(hash) = run_hash(segment, &units) {
                    runs.reserve(1, base);
                    runs.lookup_or_insert(&hash, place)?;
                    place += (run.len() * PAGE_4K) as u64;
                    rest = rest.get(run.len()..).unwrap_or_default();
                    continue;
                }
            }
            if matches!(found, Found::New) {
                place += PAGE_4K as u64;
            }
            rest = behind;
        }
        Ok(())
    }

    /// Copies a unit to the pool, and tells its offset there.
    fn pool_unit(&mut self, segment: &Segment, unit: &Unit, hash: &UnitHash) -> Result<u64> {
        let bytes = match self.units {
            UnitKind::Chunk => {
                let at = unit.at as usize;
                segment
                    .buffer
                    .bytes
                    .get(at..at + unit.len as usize)
                    .unwrap_or_default()
            }
            UnitKind::Page => page(segment, unit),
        };
        if !self.pool.bytes.is_empty() && self.pool.bytes.len() + bytes.len() > self.block_size {
            self.close_pool(segment.stream)?;
        }
        if self.pool.bytes.is_empty() {
            self.pool.bytes = self.spare_buffer(bytes.len().max(self.block_size))?;
        }
        let offset = self.pool.bytes.len() as u64;
        self.pool.bytes.extend_from_slice(bytes);
        try_push(&mut self.pool.hashes, *hash, "the units of a block")?;
        if self.units == UnitKind::Chunk {
            try_push(&mut self.pool.lens, unit.len, "the units of a block")?;
        }
        Ok(offset)
    }

    /// The pool becomes a block: its units get their places, and what waited goes on.
    fn close_pool(&mut self, stream: u32) -> Result<()> {
        if self.pool.bytes.is_empty() {
            return Ok(());
        }
        let base = self.data_end;
        let generation = self.pool.generation + 1;
        let pool = std::mem::replace(
            &mut self.pool,
            Pool {
                generation,
                ..Pool::default()
            },
        );
        let mut place = base;
        for (i, hash) in pool.hashes.iter().enumerate() {
            self.table.relocate(hash, place);
            place += pool
                .lens
                .get(i)
                .map_or(PAGE_4K as u64, |len| u64::from(*len));
        }
        let Pool {
            bytes,
            hashes,
            lens,
            ..
        } = pool;
        self.block(NewBlock {
            stream,
            data: BlockData::Owned(bytes),
            hashes,
            lens,
        })?;
        for mut extent in std::mem::take(&mut self.waiting) {
            if let Target::Data(at) = &mut extent.target
                && *at >= POOLED
            {
                *at = base + (*at & !IN_WINDOW);
            }
            self.emit(extent)?;
        }
        Ok(())
    }

    fn block(&mut self, block: NewBlock) -> Result<()> {
        let end = self.data_end + block.data.bytes().len() as u64;
        if end > DATA_SPACE_MAX {
            return Err(Error::Unsupported(format!(
                "more than {DATA_SPACE_MAX} bytes of unique data; split the streams over snapshots"
            )));
        }
        self.data_end = end;
        try_push_back(&mut self.ready, Placed::Block(block), "blocks on their way")?;
        Ok(())
    }

    /// Takes the next run of the streams; it waits if it or one before it points to the pool.
    fn extent(&mut self, extent: StreamExtent) -> Result<()> {
        let pooled = matches!(extent.target, Target::Data(at) if at >= POOLED);
        if !pooled && self.waiting.is_empty() {
            return self.emit(extent);
        }
        if let Some(last) = self.waiting.last_mut()
            && joins(last, &extent)
        {
            last.len += extent.len;
            return Ok(());
        }
        try_push(&mut self.waiting, extent, "extents that wait")?;
        if self.waiting.len() >= WAITING_MAX {
            self.close_pool(extent.stream)
        } else {
            Ok(())
        }
    }

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

/// The stored bytes of a page: a short one at a stream's end is padded.
fn page<'s>(segment: &'s Segment, unit: &Unit) -> &'s [u8] {
    let at = unit.at as usize;
    segment
        .buffer
        .bytes
        .get(at..at + PAGE_4K)
        .unwrap_or_default()
}

/// The hash of units that make an aligned run of data, over their hashes.
fn run_hash(segment: &Segment, units: &[Unit]) -> Option<UnitHash> {
    let first = segment.offset + u64::from(units.first()?.at);
    if !first.is_multiple_of((units.len() * PAGE_4K) as u64) {
        return None;
    }
    let mut hashes = [0; 16 * RUN_UNITS];
    for (unit, hash) in units.iter().zip(hashes.chunks_exact_mut(16)) {
        let UnitContent::Data(unit_hash) = unit.content else {
            return None;
        };
        if unit.len as usize != PAGE_4K {
            return None;
        }
        hash.copy_from_slice(&unit_hash);
    }
    Some(super::hash::unit_hash(
        hashes.get(..16 * units.len())?,
        None,
    ))
}

fn joins(last: &StreamExtent, next: &StreamExtent) -> bool {
    last.stream == next.stream
        && match (last.target, next.target) {
            (Target::Zero, Target::Zero) => true,
            (Target::Data(a), Target::Data(b)) => a + last.len == b,
            _ => false,
        }
}

#[cfg(test)]
mod tests;
