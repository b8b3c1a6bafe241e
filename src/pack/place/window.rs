//! A window of pages: one block's size of a stream, aligned.

use std::sync::Arc;

use super::super::map::{ExtentMap, Origin};
use super::super::placed::{BlockData, Met, NewBlock};
use super::super::segment::{Segment, Unit, UnitContent};
use super::{Place, Placer, met};
use crate::error::{Error, Result, try_reserve};
use crate::format::{PAGE_4K, ParentPlace};

/// A window is a block of its own when at least three of four of its units are new.
const OWN_NUMERATOR: usize = 3;
const OWN_DENOMINATOR: usize = 4;

/// Where a unit of the window at hand is.
#[derive(Debug, Clone, Copy)]
pub enum Found {
    Zero,
    Known(Place),
    Parent(ParentPlace),
    /// Whatever the parent has at the same place.
    Inherited,
    New,
}

impl<M: ExtentMap + Default> Placer<'_, M> {
    /// One window of pages.
    pub fn pages(&mut self, segment: &Segment, units: &[Unit]) -> Result<()> {
        let mut window = std::mem::take(&mut self.window);
        window.clear();
        try_reserve(&mut window, units.len(), "the units of a block")?;
        // Zeros and what is the parent's must not count: a hole is one unit, and its full copy one for each page.
        let data = |unit: &&Unit| matches!(unit.content, UnitContent::Data(_));
        self.known
            .reserve(units.iter().filter(data).count(), self.data_end);
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
            if let UnitContent::Unchanged(spot) = unit.content {
                window.push((*unit, Found::Parent(self.unchanged(&spot)?)));
                rest = behind;
                continue;
            }
            if let Some((run, at)) = self.known.run(segment, rest) {
                window.extend(run.iter().enumerate().map(|(i, unit)| {
                    let place = Place::Settled(at + (i * PAGE_4K) as u64);
                    (*unit, Found::Known(place))
                }));
                rest = rest.get(run.len()..).unwrap_or_default();
                continue;
            }
            let found = match unit.content {
                UnitContent::Data(hash) => {
                    let place = Place::InWindow(window.len() as u64);
                    self.find(segment, unit, &hash, place)?
                }
                UnitContent::Inherited => Found::Inherited,
                _ => Found::Zero,
            };
            new += usize::from(matches!(found, Found::New));
            window.push((*unit, found));
            rest = behind;
        }
        Ok(new)
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
                self.known.relocate(&hash, Place::Settled(place));
                hashes.push(hash);
            }
        }
        let first_new = window.iter().find_map(is_new);
        let first = first_new.map_or(0, |unit| unit.at as usize);
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
            first: first_new.map_or(Met::default(), |unit| met(segment, &unit)),
            data,
            hashes,
            lens,
        })?;
        let generation = self.pool.generation();
        let mut next = base;
        for (unit, found) in window {
            let origin = match *found {
                Found::New => {
                    next += PAGE_4K as u64;
                    Origin::Here(Place::Settled(next - PAGE_4K as u64))
                }
                found => self.origin(unit, found, generation)?,
            };
            self.page_extent(segment, unit, *found, origin)?;
        }
        Ok(())
    }

    /// The new units of a window go to the pool.
    fn pool_window(&mut self, segment: &Segment, window: &[(Unit, Found)]) -> Result<()> {
        let generation = self.pool.generation();
        for (unit, found) in window {
            let origin = match (*found, unit.content) {
                (Found::New, UnitContent::Data(hash)) => {
                    let place = Place::Pooled(self.pool_unit(segment, unit, &hash)?);
                    self.known.relocate(&hash, place);
                    Origin::Here(place)
                }
                (found, _) => self.origin(unit, found, generation)?,
            };
            self.page_extent(segment, unit, *found, origin)?;
        }
        Ok(())
    }

    /// Where the bytes of a unit are by now that is not new: the place of a copy within the window is settled with the
    /// first of them, and a pool that was open when the unit was looked up may have closed.
    fn origin(&self, unit: &Unit, found: Found, generation: u64) -> Result<Origin> {
        if let Found::Parent(place) = found {
            return Ok(Origin::Parent(place));
        }
        let (Found::Known(place), UnitContent::Data(hash)) = (found, unit.content) else {
            return Ok(Origin::Zero);
        };
        let settled = match place {
            Place::InWindow(_) => self.known.find(&hash),
            Place::Pooled(_) if self.pool.generation() != generation => self.known.find(&hash),
            place => Some(place),
        };
        match settled {
            Some(place) => Ok(Origin::Here(place)),
            None => Err(Error::Internal("the place of a unit was lost".to_owned())),
        }
    }

    /// The extent of one page.
    fn page_extent(
        &mut self,
        segment: &Segment,
        unit: &Unit,
        found: Found,
        origin: Origin,
    ) -> Result<()> {
        let (at, len) = (segment.offset + u64::from(unit.at), u64::from(unit.len));
        if let Found::Inherited = found {
            let (mut at, mut left) = (at, len);
            while left > 0 {
                let placed = self.inherited(segment.stream, at, left)?;
                (at, left) = (at + placed, left - placed);
            }
            return Ok(());
        }
        match found {
            Found::Zero | Found::Inherited => self.counts.zero += len,
            Found::Known(_) => self.counts.duplicate += len,
            Found::Parent(_) => self.counts.inherited += len,
            Found::New => self.counts.unique += len,
        }
        self.extent(segment.stream, at, len, origin)
    }

    /// Remembers the aligned runs of a window all whose units are new.
    fn remember_runs(
        &mut self,
        segment: &Segment,
        window: &[(Unit, Found)],
        base: u64,
    ) -> Result<()> {
        if !self.known.has_runs() {
            return Ok(());
        }
        let mut place = base;
        let mut rest = window;
        while let Some(((_, found), behind)) = rest.split_first() {
            if let Some(run) = rest.get(..self.known.run_units())
                && run.iter().all(|(_, found)| matches!(found, Found::New))
            {
                let units: Vec<Unit> = run.iter().map(|(unit, _)| *unit).collect();
                if self.known.remember_run(segment, &units, place, base)? {
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
}

/// The stored bytes of a page: a short one at a stream's end is padded.
pub fn page<'s>(segment: &'s Segment, unit: &Unit) -> &'s [u8] {
    let at = unit.at as usize;
    segment
        .buffer
        .bytes
        .get(at..at + PAGE_4K)
        .unwrap_or_default()
}
